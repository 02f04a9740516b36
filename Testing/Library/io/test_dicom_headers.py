"""DICOM series whose headers are silent, wrong or repeated: read as they are, or refused with the right reason."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import InputWarning, check_ct, list_series, read_volume

HU = np.full((6, 20, 24), -1000, np.int16)
HU[:, 4:16, 4:20] = -90
HU[:, 6:14, 6:18] = 50 + np.arange(6 * 8 * 12).reshape(6, 8, 12) % 90
HU[np.arange(6), 0, 0] = np.arange(6)


def values(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def setting(**attributes):
    """Return a change that sets attributes, or removes those that are None."""

    def change(data, index):
        for name, value in attributes.items():
            if value is None:
                delattr(data, name)
            else:
                setattr(data, name, value)

    return change


def raw(tag, text):
    """Return a change that writes the text of a decimal string as it is."""

    def change(data, index):
        from pydicom.dataelem import RawDataElement
        from pydicom.tag import Tag

        data[Tag(tag)] = RawDataElement(Tag(tag), "DS", len(text), text, 0, False, True)

    return change


REFUSED = {
    "no spacing": (setting(PixelSpacing=None), "PixelSpacing is missing"),
    "empty spacing": (setting(PixelSpacing=""), "PixelSpacing is empty"),
    "spacing 0": (setting(PixelSpacing=[0, 0]), r"PixelSpacing is '0.0\\0.0'"),
    "one spacing": (raw(0x00280030, b"0.7 "), "PixelSpacing is '0.7'"),
    "at the detector": (
        setting(PixelSpacing=None, ImagerPixelSpacing=[0.8, 0.7]),
        "PixelSpacing is missing .*ImagerPixelSpacing .* measured at the detector",
    ),
    "comma in spacing": (raw(0x00280030, b"0,8\\0,7 "), "PixelSpacing .* decimal commas"),
    "comma in position": (raw(0x00200032, b"-31,5\\12,2\\1,5 "), "ImagePositionPatient .* decimal commas"),
    "comma in slope": (raw(0x00281053, b"1,5 "), "RescaleSlope .* decimal commas"),
    "comma in intercept": (raw(0x00281052, b"-1024,0 "), "RescaleIntercept .* decimal commas"),
    "slope 0": (setting(RescaleSlope=0), "RescaleSlope is '0"),
    "no orientation": (setting(ImageOrientationPatient=None), "ImageOrientationPatient is missing"),
    "inverted": (setting(PhotometricInterpretation="MONOCHROME1"), "inverted gray .* as MONOCHROME2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_silent_or_wrong_header(series, tmp_path, case):
    change, match = REFUSED[case]
    series(HU, change=change)
    with pytest.raises(InputError, match=match) as caught:
        read_volume(tmp_path / "dicom")
    assert "\n" not in str(caught.value)
    assert "export" in str(caught.value)


def test_stored_values_without_rescale(series, tmp_path):
    high = HU.copy()
    high[3, 8, 8] = 1500
    series(high, change=setting(RescaleIntercept=None, RescaleSlope=None))
    with pytest.warns(InputWarning, match="no rescale slope or intercept"):
        image = read_volume(tmp_path / "dicom")
    with pytest.raises(InputError, match="stored CT values without the rescale offset"):
        check_ct(image)


def test_rescale_in_some_slices(series, tmp_path):
    def change(data, index):
        if index == 2:
            del data.RescaleIntercept

    series(HU, change=change)
    with pytest.raises(InputError, match="1 of the 6 slices of the portal volume have no rescale"):
        read_volume(tmp_path / "dicom")


@pytest.mark.parametrize("distance", [0, -2.5, 2.5, 7])
@pytest.mark.parametrize("compress", [None, "1.2.840.10008.1.2.5"])
def test_spacing_between_slices_is_not_needed(series, tmp_path, distance, compress):
    series(HU, change=setting(SpacingBetweenSlices=distance), compress=compress)
    image = read_volume(tmp_path / "dicom")
    assert np.array_equal(values(image), HU)
    assert image.GetSpacing() == pytest.approx((0.7, 0.8, 2.5))


@pytest.mark.parametrize("border", [0.70005, 0.70015, 0.7])
def test_values_across_a_rounding_border_are_one_series(series, tmp_path, border):
    def change(data, index):
        data.PixelSpacing = [0.8, f"{border + (index % 2 - 0.5) * 2e-7:.9f}"]
        data.ImageOrientationPatient = [1, 0, f"{0.0005 + (index % 2 - 0.5) * 2e-7:.9f}", 0, 1, 0]

    series(HU, change=change)
    (info,) = list_series(tmp_path / "dicom")
    assert info.slices == 6
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


@pytest.mark.parametrize("first", [0, 3, 4])
def test_different_slices_under_one_uid_are_all_read(series, tmp_path, first):
    def change(data, index):
        if index >= first:
            data.SOPInstanceUID = "1.2.3.4"

    series(HU, change=change)
    with pytest.warns(InputWarning, match="share a SOP instance UID though they differ; all are read"):
        assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


def test_different_slices_at_one_place_under_one_uid(series, tmp_path):
    paths = series(HU)
    content = paths[2].read_bytes()
    (tmp_path / "dicom" / "other").write_bytes(content[:-2] + b"\x09\x09")
    with pytest.raises(InputError, match="two different slices at the same position"):
        read_volume(tmp_path / "dicom")


def test_what_is_left_out_is_said(series, tmp_path):
    paths = series(HU)
    shutil.copy(paths[1], tmp_path / "dicom" / "copy")
    (tmp_path / "dicom" / "notes.txt").write_text("x" * 200)
    (tmp_path / "dicom" / "gone").symlink_to(tmp_path / "nowhere")
    paths[-1].write_bytes(paths[-1].read_bytes()[:-100])  # damaged at the end of the series
    with pytest.warns(InputWarning) as caught:
        image = read_volume(tmp_path / "dicom")
    assert np.array_equal(values(image), HU[:-1])
    assert {str(w.message).removeprefix("left out of the portal volume: ") for w in caught} == {
        "the broken link 'gone'",
        f"1 DICOM file without a readable image, damaged or of another kind ('{paths[-1].name}')",
        "1 file other than DICOM ('notes.txt')",
        "1 copy of slices that are read ('copy')",
    }


def test_slices_of_another_size_in_the_series_are_said(series, tmp_path):
    series(HU, uid="1.2.3")
    series(HU[:1, :16], uid="1.2.3", positions=[15.0], folder="dicom/more")
    with pytest.warns(InputWarning, match="1 slice of the same series with another matrix"):
        assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


def test_folders_of_links(series, tmp_path):
    series(HU)
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "pv").symlink_to(tmp_path / "dicom")
    (tmp_path / "dicom" / "round").symlink_to(tmp_path / "case")
    assert np.array_equal(values(read_volume(tmp_path / "case")), HU)
    os.mkfifo(tmp_path / "dicom" / "pipe")
    with pytest.warns(InputWarning, match="the named pipe 'pipe'"):
        read_volume(tmp_path / "case")


@pytest.mark.parametrize("kind", ["US", "MGML"])
def test_values_that_the_header_does_not_call_hounsfield_units(series, kind):
    folder = series(HU, change=setting(RescaleType=kind))[0].parent
    with pytest.warns(InputWarning, match=rf"are {kind} by its header \(RescaleType\), not Hounsfield units"):
        read_volume(folder)


@pytest.mark.parametrize("kind", ["HU", "HU_MOD", ""])
def test_values_that_are_hounsfield_units_by_the_header(series, recwarn, kind):
    read_volume(series(HU, change=setting(RescaleType=kind))[0].parent)
    assert not [warning for warning in recwarn if issubclass(warning.category, InputWarning)]


def test_a_turned_slice_is_named_where_it_leaves_a_gap(series):
    def turned(data, index):
        if index == 3:
            data.ImageOrientationPatient = [0.99999, 0.0044, 0, -0.0044, 0.99999, 0]

    with pytest.raises(
        InputError, match=r"slices are missing; left out: 1 slice of the same series with another matrix"
    ):
        read_volume(series(HU, change=turned)[0].parent)
