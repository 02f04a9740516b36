"""DICOM SEG: written for the slices it describes, read back by highdicom and by us."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import (
    collected_warnings,
    read_instances,
    read_label_map,
    read_volume,
    write_segmentation,
)
from LiverTumorAttentionLib.voxels.geometry import to_lps
from Testing.Library.io.bounded_reading import READ, outcomes
from Testing.patience import PATIENCE_S

highdicom = pytest.importorskip("highdicom", reason="DICOM SEG needs highdicom")
pydicom = pytest.importorskip("pydicom")

HU = np.full((6, 20, 24), -1000, np.int16)
HU[:, 4:16, 4:20] = -90
HU[:, 6:14, 6:18] = 50

TRUTH = np.zeros(HU.shape, np.uint16)
TRUTH[1:5, 6:14, 6:18] = 1
TRUTH[2:4, 8:10, 8:11] = 2
TRUTH[4, 12, 16:18] = 3


@pytest.fixture
def portal(series, tmp_path):
    """The DICOM folder and the slices' paths in the order of z; a study with another series in it."""
    turned = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]])
    series(HU + 1, description="arterial", folder="study")
    return tmp_path / "study", series(HU, description="portal venous", folder="study", direction=turned)


def result_for(folder) -> sitk.Image:
    image = sitk.GetImageFromArray(TRUTH)
    image.CopyInformation(read_volume(folder, phase="portal"))
    return image


def test_highdicom_reads_what_was_segmented(portal, tmp_path):
    folder, paths = portal
    write_segmentation(tmp_path / "result.dcm", result_for(folder), source=folder)
    seg = highdicom.seg.segread(tmp_path / "result.dcm")
    assert seg.number_of_segments == 3
    expected = [
        ("Liver", "Anatomical Structure", "123037004", "Liver", "10200004", TRUTH > 0),
        ("Tumor 1", "Morphologically Altered Structure", "49755003", "Mass", "4147007", TRUTH == 2),
        ("Tumor 2", "Morphologically Altered Structure", "49755003", "Mass", "4147007", TRUTH == 3),
    ]
    instances = [str(pydicom.dcmread(path).SOPInstanceUID) for path in paths]
    masks = seg.get_pixels_by_source_instance(instances, assert_missing_frames_are_empty=True)
    for number, (label, category, category_code, kind, kind_code, mask) in enumerate(expected, start=1):
        description = seg.get_segment_description(number)
        assert description.segment_label == label
        assert description.segmented_property_category.meaning == category
        assert description.segmented_property_category.value == category_code
        assert description.segmented_property_type.meaning == kind
        assert description.segmented_property_type.value == kind_code
        assert description.segmented_property_type.scheme_designator == "SCT"
        assert description.algorithm_type == highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC
        assert description.algorithm_identification.name == "LiverTumorAttention"
        assert description.algorithm_identification.version == __version__
        assert np.array_equal(masks[..., number - 1], mask)


def test_it_refers_to_the_portal_series(portal, tmp_path):
    folder, paths = portal
    write_segmentation(tmp_path / "result.dcm", result_for(folder), source=folder)
    seg = pydicom.dcmread(tmp_path / "result.dcm")
    portal_slice = pydicom.dcmread(paths[0])
    assert seg.Modality == "SEG"
    assert seg.SOPClassUID == pydicom.uid.SegmentationStorage
    assert seg.PatientID == portal_slice.PatientID
    assert seg.StudyInstanceUID == portal_slice.StudyInstanceUID
    assert seg.FrameOfReferenceUID == portal_slice.FrameOfReferenceUID
    assert seg.SeriesInstanceUID != portal_slice.SeriesInstanceUID
    (reference,) = seg.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == portal_slice.SeriesInstanceUID
    named = {item.ReferencedSOPInstanceUID for item in reference.ReferencedInstanceSequence}
    assert named == {pydicom.dcmread(path).SOPInstanceUID for path in paths}
    assert seg.SegmentSequence[1].AnatomicRegionSequence[0].CodeValue == "10200004"


def test_a_result_on_turned_axes_lands_on_the_same_slices(portal, tmp_path):
    folder, _ = portal
    result = sitk.Flip(to_lps(result_for(folder)), [True, False, True], False)
    write_segmentation(tmp_path / "result.dcm", result, source=folder)
    write_segmentation(tmp_path / "straight.dcm", result_for(folder), source=folder)
    turned, straight = (pydicom.dcmread(tmp_path / name) for name in ("result.dcm", "straight.dcm"))
    assert turned.PixelData == straight.PixelData


def test_reading_back_gives_each_voxel_its_value_and_place(portal, tmp_path):
    folder, _ = portal
    result = result_for(folder)
    write_segmentation(tmp_path / "result.dcm", result, source=folder)
    again = read_instances(tmp_path / "result.dcm")
    # The object holds the frames that have something in them; brought onto the whole grid it is the same.
    onto = sitk.Resample(again, result, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    assert again.GetSize() == (24, 20, 4)
    assert np.array_equal(sitk.GetArrayFromImage(onto), TRUTH)
    assert np.linalg.det(np.reshape(again.GetDirection(), (3, 3))) == pytest.approx(1)
    assert set(np.unique(sitk.GetArrayFromImage(read_label_map(tmp_path / "result.dcm")))) == {0, 1, 2}


def test_series_can_be_named(series, tmp_path):
    series(HU, description="thin", folder="study")
    series(HU, description="thick", folder="study")
    image = sitk.GetImageFromArray(TRUTH)
    image.CopyInformation(read_volume(tmp_path / "study", series="thin"))
    with pytest.raises(InputError, match="no series for the portal phase"):
        write_segmentation(tmp_path / "result.dcm", image, source=tmp_path / "study")
    write_segmentation(tmp_path / "result.dcm", image, source=tmp_path / "study", series="thin")
    assert (tmp_path / "result.dcm").is_file()


@pytest.mark.parametrize("source", [None, "portal.nii.gz"])
def test_without_a_dicom_source(portal, tmp_path, source):
    folder, _ = portal
    with pytest.raises(InputError, match="needs the DICOM folder of the portal volume"):
        write_segmentation(tmp_path / "result.dcm", result_for(folder), source=source)
    assert not (tmp_path / "result.dcm").exists()


def test_source_of_another_grid(portal, series, tmp_path):
    folder, _ = portal
    series(HU[:, :, :-2], folder="other")
    with pytest.raises(InputError, match="resample one onto the other first"):
        write_segmentation(tmp_path / "result.dcm", result_for(folder), source=tmp_path / "other")
    assert sorted(os.listdir(tmp_path)) == ["other", "study"]


def test_empty_result(portal, tmp_path):
    folder, _ = portal
    with pytest.raises(InputError, match="a DICOM SEG cannot be empty"):
        write_segmentation(tmp_path / "result.dcm", result_for(folder) * 0, source=folder)


def test_source_without_uids(series, tmp_path):
    def change(data, index):
        data.FrameOfReferenceUID = ""

    series(HU, change=change)
    image = sitk.GetImageFromArray(TRUTH)
    image.CopyInformation(read_volume(tmp_path / "dicom"))
    with pytest.raises(InputError, match="has no FrameOfReferenceUID, so a DICOM SEG cannot refer to it"):
        write_segmentation(tmp_path / "result.dcm", image, source=tmp_path / "dicom")


@pytest.mark.parametrize("charset", ["", "ISO_IR 100", None])
def test_character_sets(series, tmp_path, charset):
    def change(data, index):
        if charset is not None:
            data.SpecificCharacterSet = charset
        data.PatientName = "Müller^Jörg" if charset else "Mueller^Joerg"

    series(HU, change=change)
    image = sitk.GetImageFromArray(TRUTH)
    image.CopyInformation(read_volume(tmp_path / "dicom"))
    write_segmentation(tmp_path / "result.dcm", image, source=tmp_path / "dicom")
    name = str(pydicom.dcmread(tmp_path / "result.dcm").PatientName)
    assert name == ("Müller^Jörg" if charset else "Mueller^Joerg")


def test_without_the_extra(portal, tmp_path, monkeypatch):
    folder, _ = portal
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"pip install 'liver-tumor-attention\[dicom\]'"):
        write_segmentation(tmp_path / "result.dcm", result_for(folder), source=folder)
    assert os.listdir(tmp_path) == ["study"]


def test_a_ct_slice_is_no_segmentation(portal):
    _, paths = portal
    with pytest.raises(InputError, match=r"is a DICOM object of CT, not a segmentation \(SEG\)"):
        read_label_map(paths[0])


def test_extra_is_imported_only_when_it_is_needed():
    import subprocess

    code = (
        "import sys, LiverTumorAttentionLib.io; "
        "print([name for name in ('highdicom', 'pydicom', 'torch') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["LABELMAP", "FRACTIONAL", "BINARY"])
def test_segments_of_every_type_and_numbering(portal, tmp_path, kind):
    _, paths = portal
    numbers = (5, 9) if kind == "LABELMAP" else (1, 2)
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=highdicom.sr.CodedConcept("123037004", "SCT", "Anatomical Structure"),
            segmented_property_type=highdicom.sr.CodedConcept(code, "SCT", label),
            algorithm_type="MANUAL",
        )
        for number, label, code in zip(numbers, ("Liver", "Mass"), ("10200004", "4147007"), strict=True)
    ]
    masks = np.stack([TRUTH == 1, TRUTH > 1], axis=-1)
    pixels = {
        "LABELMAP": np.choose(np.minimum(TRUTH, 2), [0, 5, 9]).astype(np.uint8),
        "FRACTIONAL": np.where(masks, 0.6, 0.4).astype(np.float32),
        "BINARY": masks.astype(np.uint8),
    }[kind]
    highdicom.seg.Segmentation(
        source_images=[pydicom.dcmread(path) for path in paths],
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=highdicom.UID(),
        series_number=9,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="X",
        manufacturer_model_name="Y",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=False,
    ).save_as(tmp_path / "a.dcm")
    with collected_warnings() as warnings:
        found = sitk.GetArrayFromImage(read_label_map(tmp_path / "a.dcm"))
    assert np.array_equal(found, np.minimum(TRUTH, 2))
    assert [("holds fractions" in text) for text in warnings] == [True] * (kind == "FRACTIONAL")


def test_a_segmentation_of_surfaces_is_refused_by_name(portal, tmp_path):
    _, paths = portal
    surface = pydicom.dcmread(paths[0])
    surface.Modality, surface.SOPClassUID = "SEG", "1.2.840.10008.5.1.4.1.1.66.5"
    surface.save_as(tmp_path / "a.dcm")
    with pytest.raises(InputError, match="is a DICOM object 'Surface Segmentation Storage': export it as"):
        read_label_map(tmp_path / "a.dcm")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda seg: delattr(seg, "SegmentSequence"), "cannot be read"),
        (lambda seg: delattr(seg, "PerFrameFunctionalGroupsSequence"), "cannot be read"),
        (lambda seg: delattr(seg, "SharedFunctionalGroupsSequence"), "cannot be read"),
        (lambda seg: delattr(seg, "SOPClassUID"), "cannot be read|export it as Segmentation Storage"),
        (lambda seg: setattr(seg, "NumberOfFrames", 60000), "pixels are cut short"),
        (lambda seg: setattr(seg, "Rows", 60000), "pixels are cut short"),
        (lambda seg: setattr(seg, "Rows", 0), "Rows is '0'"),
        (lambda seg: setattr(seg, "SegmentationType", "OTHER"), "cannot be read"),
        (lambda seg: setattr(_measures(seg), "PixelSpacing", [0, 0]), "cannot be read"),
        (lambda seg: setattr(_measures(seg), "PixelSpacing", [1]), "cannot be read"),
        (lambda seg: delattr(_measures(seg), "PixelSpacing"), "cannot be read"),
        (lambda seg: setattr(_position(seg, 0), "ImagePositionPatient", [0, 0]), "cannot be read"),
        (
            lambda seg: setattr(_position(seg, 1), "ImagePositionPatient", [0, 0, 1e9]),
            "cannot be read|more than the memory",
        ),
    ],
)
def test_damaged_segmentations(portal, tmp_path, change, match):
    folder, _ = portal
    path = tmp_path / "result.dcm"
    write_segmentation(path, result_for(folder), source=folder)
    seg = pydicom.dcmread(path)
    change(seg)
    seg.save_as(path)
    with pytest.raises(InputError, match=match) as caught:
        read_label_map(path)
    assert "\n" not in str(caught.value)


def _measures(seg):
    return seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


def _position(seg, frame):
    return seg.PerFrameFunctionalGroupsSequence[frame].PlanePositionSequence[0]


def test_segmentations_changed_at_random(portal, tmp_path):
    folder, _ = portal
    path = tmp_path / "result.dcm"
    write_segmentation(path, result_for(folder), source=folder)
    whole, draw, paths = path.read_bytes(), np.random.default_rng(5), []
    for number in range(60):
        content = bytearray(whole[: int(draw.uniform(0.3, 1) * len(whole))] if number % 4 == 0 else whole)
        for place in draw.integers(132, len(content), 8):
            content[place] = draw.integers(256)
        paths.append(tmp_path / f"changed{number}.dcm")
        paths[-1].write_bytes(content)
    said = outcomes(paths, "LiverTumorAttentionLib.io:read_label_map", mebibytes=400)
    assert [
        text for text in said if text != READ and (not text.startswith("InputError: ") or "\n" in text)
    ] == []
