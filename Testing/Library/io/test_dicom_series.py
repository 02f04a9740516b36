"""DICOM folders: sorted, rescaled, listed, chosen, and refused where they are not one good volume."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import InputWarning, check_ct, list_series, read_volume
from Testing.dicom_support import save_dicom

HU = np.full((6, 20, 24), -1000, np.int16)
HU[:, 4:16, 4:20] = -90
HU[:, 6:14, 6:18] = 50 + np.arange(6 * 8 * 12).reshape(6, 8, 12) % 90
HU[np.arange(6), 0, 0] = np.arange(6)  # each slice says which it is


def values(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("way", ["folder", "file"])
def test_slices_are_sorted_by_position(series, tmp_path, way):
    paths = series(HU)
    assert [path.name for path in paths] != sorted(path.name for path in paths)
    image = read_volume(tmp_path / "dicom" if way == "folder" else paths[3])
    assert np.array_equal(values(image), HU)
    assert image.GetSpacing() == pytest.approx((0.7, 0.8, 2.5))
    assert image.GetOrigin() == pytest.approx((-31.5, 12.25, 102.0))
    check_ct(image)


@pytest.mark.parametrize(
    "direction",
    [
        Rotation.from_euler("xyz", [12, -8, 20], degrees=True).as_matrix(),
        np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
        np.diag([-1.0, -1, 1]),
    ],
    ids=["oblique", "coronal", "prone"],
)
def test_position_in_space_is_that_of_the_header(series, tmp_path, direction):
    series(HU, direction=direction)
    image = read_volume(tmp_path / "dicom")
    assert np.array_equal(values(image), HU)
    expected = np.array([-31.5, 12.25, 102.0]) + direction @ (np.array([0.7, 0.8, 2.5]) * (7, 3, 4))
    assert image.TransformIndexToPhysicalPoint((7, 3, 4)) == pytest.approx(expected, abs=1e-3)


def test_files_from_feet_to_head_and_back_give_the_same_volume(series, tmp_path):
    series(HU[::-1], positions=[12.5, 10, 7.5, 5, 2.5, 0])
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (1, -2048), (2, -1024), (0.5, -1024)])
def test_rescale(series, tmp_path, slope, intercept):
    even = HU // 2 * 2
    series(even, slope=slope, intercept=intercept)
    image = read_volume(tmp_path / "dicom")
    assert np.array_equal(values(image), even)


def test_rescale_may_differ_from_slice_to_slice(series, tmp_path):
    def change(data, index):
        data.RescaleIntercept = -1024 + index

    series(HU, change=change)
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU + np.arange(6)[:, None, None])


def test_signed_voxels_and_padding(series, tmp_path):
    def change(data, index):
        data.PixelRepresentation = 1
        data.PixelData = (HU[index] + 1024).astype("<i2").tobytes()
        pixels = np.frombuffer(data.PixelData, "<i2").copy()
        pixels[-1] = -2000
        data.PixelData = pixels.tobytes()
        data.add_new((0x0028, 0x0120), "SS", -2000)

    series(HU, change=change)
    expected = HU.copy()
    expected[:, -1, -1] = -1024
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), expected)


@pytest.mark.parametrize("padding", [0, 7, 63536, 40000])
def test_unsigned_voxels_without_offset_and_padding(series, tmp_path, padding):
    """GDCM gives unsigned voxels, which hold no number below zero; what 16 bits with a sign cannot hold is cut off."""
    stored = np.maximum(HU, 0).astype(np.uint16)
    stored[:, -1, -1] = padding
    series(
        stored, intercept=0.0, change=lambda data, index: data.add_new((0x0028, 0x0120), "US", int(padding))
    )
    expected = np.minimum(stored, 32767).astype(np.int16)
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), expected)


def test_compressed_transfer_syntax(series, tmp_path):
    from pydicom.uid import RLELossless

    series(HU, compress=RLELossless)
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


def test_series_are_listed(series, tmp_path):
    series(HU, description="PV 2.5")
    series(HU[:4, :16], description="Art 2.5", uid="1.2.3.77")
    first, second = list_series(tmp_path / "dicom")
    assert (first.number, first.description, first.phase, first.uid) == (1, "Art 2.5", "arterial", "1.2.3.77")
    assert (first.slices, first.matrix, first.modality) == (4, (24, 16), "CT")
    assert second.spacing_mm == pytest.approx((0.7, 0.8, 2.5))
    assert (second.number, second.phase, second.axial) == (2, "portal", True)


@pytest.fixture
def study(series, tmp_path):
    """Four series in sub-folders, told apart by a value added to all voxels."""
    (tmp_path / "study").mkdir()
    for index, (description, uid) in enumerate(
        [
            ("native", "1.2.3.10"),
            ("late art", "1.2.3.11"),
            ("portal venous", "1.2.3.12"),
            ("venous delayed", "1.2.3.21"),
        ]
    ):
        series(HU + index, folder=f"study/{index}", description=description, uid=uid)
    return tmp_path / "study"


def which(image: sitk.Image) -> int:
    return int(values(image)[0, 0, 0])


def test_phase_picks_the_series(study):
    assert which(read_volume(study, phase="portal")) == 2
    assert which(read_volume(study, phase="arterial")) == 1


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("1.2.3.12", 2),
        ("3.10", 0),
        (".21", 3),
        ("1", 1),
        ("3", 2),
        ("late", 1),
        ("NATIVE", 0),
        ("portal venous", 2),
    ],
)
def test_series_is_named(study, text, index):
    assert [info.description for info in list_series(study)] == [
        "late art",
        "native",
        "portal venous",
        "venous delayed",
    ]
    number_to_index = {"1": 1, "3": 2}
    assert which(read_volume(study, series=text, phase="portal")) == number_to_index.get(text, index)


@pytest.mark.parametrize(
    ("text", "match"), [("venous", "2 series for 'venous'"), ("hepatic", "no series for 'hepatic'")]
)
def test_unclear_name_lists_the_series(study, text, match):
    with pytest.raises(InputError, match=match) as caught:
        read_volume(study, series=text)
    for number, description in enumerate(["late art", "native", "portal venous", "venous delayed"], start=1):
        assert f"{number}: '{description}' (CT, 24 x 20 x 6, 2.5 mm" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_wish_among_several(study):
    with pytest.raises(InputError, match="4 series for one volume: name one by number"):
        read_volume(study)


def test_unknown_phase(study):
    with pytest.raises(InputError, match="phase 'late' is not known: use portal or arterial"):
        read_volume(study, phase="late")


def test_two_reconstructions_of_a_phase_are_ambiguous(series, tmp_path):
    series(HU, description="PV thin")
    series(HU, description="PV thick")
    with pytest.raises(InputError, match="2 series for the portal phase"):
        read_volume(tmp_path / "dicom", phase="portal")


def test_axial_goes_before_reformatted(series, tmp_path):
    series(HU + 1, description="PV axial")
    series(HU, description="PV cor", direction=np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]))
    assert which(read_volume(tmp_path / "dicom", phase="portal")) == 1
    assert which(read_volume(tmp_path / "dicom", series="PV cor")) == 0


def test_a_file_stands_for_its_series(series, tmp_path):
    series(HU, description="PV a")
    paths = series(HU + 7, description="PV b")
    assert which(read_volume(paths[2], phase="portal")) == 7


def test_only_series_of_the_other_phase_is_taken_with_a_warning(series, tmp_path):
    series(HU, description="arterial")
    with pytest.warns(InputWarning, match="sounds like the arterial phase"):
        read_volume(tmp_path / "dicom", phase="portal")


def test_scouts_captures_and_single_pictures_are_passed_over(series, tmp_path):
    def scout(data, index):
        data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    def capture(data, index):
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.PixelData = bytes(3 * data.Rows * data.Columns)

    series(HU[:1], description="Topogram", change=scout)
    series(HU[:2], description="Dose report", change=capture)
    with pytest.raises(InputError, match="holds no CT series but color pictures, scout views"):
        read_volume(tmp_path / "dicom")
    series(HU[:1], description="a single picture")
    series(HU)
    (tmp_path / "dicom" / "notes.txt").write_text("a text" * 100)
    (tmp_path / "dicom" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


def test_other_modalities(series, tmp_path):
    def change(data, index):
        data.Modality = "MR"

    series(HU, change=change)
    with pytest.raises(InputError, match="is a series of MR: choose a CT series"):
        read_volume(tmp_path / "dicom")
    series(HU + 1)
    assert which(read_volume(tmp_path / "dicom", phase="portal")) == 1


def test_copies_of_a_slice_count_once(series, tmp_path):
    paths = series(HU)
    shutil.copy(paths[2], tmp_path / "dicom" / "copy")
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


def test_two_volumes_in_one_series_are_told_apart(series, tmp_path):
    def acquisition(number):
        def change(data, index):
            data.AcquisitionNumber = number

        return change

    series(HU, uid="1.2.3", change=acquisition(1))
    series(HU + 5, uid="1.2.3", folder="dicom/second", change=acquisition(2))
    infos = list_series(tmp_path / "dicom")
    assert [(info.uid, info.description, info.slices) for info in infos] == [
        ("1.2.3", "Abdomen [volume 1]", 6),
        ("1.2.3#2", "Abdomen [volume 2]", 6),
    ]
    assert which(read_volume(tmp_path / "dicom", series="1.2.3")) == 0
    assert which(read_volume(tmp_path / "dicom", series="2")) == 5


def test_two_slices_at_one_place(series, tmp_path):
    series(HU, positions=[0, 2.5, 5, 5, 7.5, 10])
    with pytest.raises(InputError, match="two different slices at the same position"):
        read_volume(tmp_path / "dicom")


def test_missing_slice_names_the_gap(series, tmp_path):
    paths = series(HU)
    paths[3].unlink()
    with pytest.raises(
        InputError, match=r"gap of 5.00 mm between the slices at .* 2.50 mm apart \(slices are missing"
    ):
        read_volume(tmp_path / "dicom")


def test_uneven_gaps(series, tmp_path):
    series(HU, positions=[0, 2.5, 5, 8, 10.5, 13])
    with pytest.raises(InputError, match=r"gap of 3.00 mm .* where the others are 2.50 mm apart: export"):
        read_volume(tmp_path / "dicom")


def test_slightly_uneven_gaps_warn(series, tmp_path):
    series(HU, positions=[0, 2.5, 5, 7.6, 10.1, 12.6])
    with pytest.warns(InputWarning, match="unevenly spaced by up to 4 %"):
        image = read_volume(tmp_path / "dicom")
    assert image.GetSpacing()[2] == pytest.approx(12.6 / 5)


def test_gantry_tilt(series, tmp_path):
    series(HU, tilt_mm=2.5 * np.tan(np.radians(10)))
    with pytest.raises(InputError, match=r"tilted gantry \(10.0 degrees"):
        read_volume(tmp_path / "dicom")


def test_single_slice(series, tmp_path):
    series(HU[:1])
    with pytest.raises(InputError, match="a single DICOM slice"):
        read_volume(tmp_path / "dicom")


def test_damaged_slice(series, tmp_path, capfd):
    paths = series(HU)
    paths[2].write_bytes(paths[2].read_bytes()[:-300])
    with pytest.raises(InputError, match=r"cannot be read|missing") as caught:
        read_volume(tmp_path / "dicom")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_old_files_without_a_preamble(series, tmp_path):
    import pydicom

    for path in series(HU):
        data = pydicom.dcmread(path)
        del data.file_meta
        data.preamble = None
        save_dicom(data, path, implicit=True, whole=False)
        assert path.read_bytes()[:2] == b"\x08\x00"
    assert np.array_equal(values(read_volume(tmp_path / "dicom")), HU)


def test_multi_frame_file(series, tmp_path):
    def change(data, index):
        data.NumberOfFrames = 4
        data.PixelData = data.PixelData * 4

    series(HU[:1], change=change)
    with pytest.raises(InputError, match="is a multi-frame DICOM file"):
        read_volume(tmp_path / "dicom")
