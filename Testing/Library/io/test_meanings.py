"""What is left out is said; what the user says of a segment counts."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import (
    Meanings,
    collected_warnings,
    read_instances,
    read_instances_onto,
    read_label_map,
)
from LiverTumorAttentionLib.io.meanings import left_out_text
from LiverTumorAttentionLib.io.seg_nrrd import write_layers
from LiverTumorAttentionLib.io.segmentation import read_vessel_labels


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


@pytest.fixture
def labels(instances) -> np.ndarray:
    return np.minimum(voxels(instances), 2).astype(np.uint8)


def segments(path, layers: np.ndarray, geometry: sitk.Image, *fields: dict[str, str]):
    pairs = {f"Segment{k}_{key}": text for k, field in enumerate(fields) for key, text in field.items()}
    write_layers(path, layers, geometry, pairs)
    return path


def two(path, labels, geometry, second: str):
    return segments(
        path,
        labels[np.newaxis],
        geometry,
        {"ID": "a", "Name": "Liver", "LabelValue": "1", "Layer": "0"},
        {"ID": "b", "Name": second, "LabelValue": "2", "Layer": "0"},
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Segment_2", "neither liver nor tumor by code or name"),
        ("kidney cyst", "another organ, or a lesion of one"),
        ("hepatic vein", "vessel"),
    ],
)
def test_what_is_left_out_is_said_by_its_name(instances, labels, tmp_path, name, why):
    path = two(tmp_path / "a.seg.nrrd", labels, instances, name)
    with collected_warnings() as warnings:
        found = voxels(read_instances(path))
    assert np.array_equal(found, labels == 1)
    assert len(warnings) == 1
    assert f"“{name}” ({why})" in warnings[0]
    assert "--label NAME=" in warnings[0]


def test_background_and_what_is_to_be_ignored_are_left_out_without_a_word(instances, labels, tmp_path):
    with collected_warnings() as warnings:
        read_instances(two(tmp_path / "a.seg.nrrd", labels, instances, "Background"))
        read_instances(
            two(tmp_path / "b.seg.nrrd", labels, instances, "Rest"), meanings=Meanings(["rest=ignore"])
        )
    assert warnings == []


@pytest.mark.parametrize(("meaning", "value"), [("tumor", 2), ("liver", 1), ("vessel", 0), ("ignore", 0)])
def test_the_user_says_what_a_segment_is(instances, labels, tmp_path, meaning, value):
    path = two(tmp_path / "a.seg.nrrd", labels, instances, "Läsion?")
    said = Meanings([f"LA\u0308SION?={meaning}"])
    with collected_warnings():
        found = voxels(read_instances(path, meanings=said))
    said.check_used()
    assert (found[labels == 2] == value).all()
    assert (found[labels == 1] == 1).all()


def test_the_user_says_what_values_are(instances, labels, tmp_path):
    other = np.choose(labels, [0, 5, 7]).astype(np.uint8)
    other[0, 0, 0] = 9
    image = sitk.GetImageFromArray(other)
    image.CopyInformation(instances)
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    said = Meanings(["5=liver", "7=tumor", "9=ignore"])
    assert np.array_equal(
        voxels(read_label_map(tmp_path / "a.nii.gz", meanings=said)), np.choose(labels, [0, 1, 7])
    )


@pytest.mark.parametrize("text", ["a", "=liver", "a=spleen", "a="])
def test_a_label_that_cannot_be_read(text):
    with pytest.raises(InputError, match="write NAME=meaning, where the meaning is one of liver, tumor"):
        Meanings([text])


def test_a_name_that_no_segment_has_and_one_given_twice(instances, labels, tmp_path):
    said = Meanings(["Segment_3=tumor"])
    with collected_warnings():
        read_instances(two(tmp_path / "a.seg.nrrd", labels, instances, "Segment_2"), meanings=said)
    with pytest.raises(InputError, match="called 'Segment_3', to be tumor; did you mean 'Segment_2'"):
        said.check_used()
    with pytest.raises(InputError, match="'A' is given twice"):
        Meanings(["a=liver", "A=tumor"])


def test_vessels_named_after_the_liver_are_vessels_and_organs_are_left_out(instances, labels, tmp_path):
    path = segments(
        tmp_path / "v.seg.nrrd",
        labels[np.newaxis],
        instances,
        {"ID": "a", "Name": "liver_vessels", "LabelValue": "1"},
        {"ID": "b", "Name": "Kidney cyst", "LabelValue": "2"},
    )
    with collected_warnings() as warnings:
        found, names = read_vessel_labels(path)
    assert names == {1: "liver_vessels"}
    assert np.array_equal(voxels(found), labels == 1)
    assert "“Kidney cyst”" in warnings[0]


def test_fields_of_older_files(instances, labels, tmp_path):
    whole, part = {"Name": "Liver", "LabelValue": "1.0"}, {"Name": "Tumor", "LabelValue": "2.0"}
    path = segments(tmp_path / "a.seg.nrrd", labels[np.newaxis], instances, whole, part)
    assert np.array_equal(voxels(read_label_map(path)), labels)
    layers = np.stack([labels > 0, labels == 2]).astype(
        np.uint8
    )  # a layer a segment, each of value 1, unnamed
    path = segments(tmp_path / "b.seg.nrrd", layers, instances, {"ID": "Liver"}, {"ID": "Tumor"})
    assert np.array_equal(voxels(read_label_map(path)), labels)
    path = segments(tmp_path / "c.seg.nrrd", labels[np.newaxis], instances)  # no segments: values
    assert np.array_equal(voxels(read_label_map(path)), labels)


@pytest.mark.parametrize("value", ["1.5", "one", "inf", "nan"])
def test_a_label_value_that_is_none(instances, labels, tmp_path, value):
    path = segments(
        tmp_path / "a.seg.nrrd", labels[np.newaxis], instances, {"Name": "Liver", "LabelValue": value}
    )
    with pytest.raises(
        InputError, match=f"has the LabelValue '{value}' for segment 0, a whole number is needed"
    ):
        read_label_map(path)


@pytest.mark.parametrize("off", [0.0099, -0.0099])
def test_values_near_to_whole_numbers_are_these(instances, labels, tmp_path, off):
    image = sitk.GetImageFromArray(labels.astype(np.float32) + np.float32(off) * (labels > 0))
    image.CopyInformation(instances)
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    assert np.array_equal(voxels(read_label_map(tmp_path / "a.nrrd")), labels)
    sitk.WriteImage(image + 0.02 * np.sign(off), str(tmp_path / "b.nrrd"))
    with pytest.raises(InputError, match="is not a label map"):
        read_label_map(tmp_path / "b.nrrd")


@pytest.mark.parametrize("turned", ["RAS", "SPL", "flip"])
def test_axes_that_run_another_way_are_turned_back(instances, labels, tmp_path, turned):
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(instances)
    other = sitk.Flip(image, [False, True, False]) if turned == "flip" else sitk.DICOMOrient(image, turned)
    sitk.WriteImage(other, str(tmp_path / "a.nii.gz"))
    assert np.array_equal(voxels(read_instances_onto(tmp_path / "a.nii.gz", instances)), labels)


def test_a_margin_is_left_out_as_such():
    text = left_out_text([("Tumor margin", "neither")], used=("liver", "tumor"), what="segmentation")
    assert (
        text
        == "1 segment of the segmentation left out: \u201cTumor margin\u201d (a margin, an abscess or the like)"
    )


def a_map(values: np.ndarray, geometry: sitk.Image, path):
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(geometry)
    sitk.WriteImage(image, str(path))
    return path


def test_organs_of_a_map_of_another_convention_are_not_taken_for_tumors_in_silence(
    labels, instances, tmp_path
):
    """1 is the spleen there, 5 the liver."""
    other = np.where(labels > 0, 5, 0).astype(np.uint8)
    other[:, :4, :4] = 1
    path = a_map(other, instances, tmp_path / "all.nii.gz")
    with collected_warnings() as warnings:
        read_instances(path)
    (warning,) = warnings
    assert "the value 5 of the segmentation" in warning
    assert (
        "lies apart from the liver (value 1), though taken for tumor; say what a value is with --label"
        in warning
    )
    with collected_warnings() as warnings:
        read_instances(path, meanings=Meanings(["5=liver", "1=ignore"]))
    assert warnings == []


def test_tumors_in_the_liver_and_on_its_surface_are_taken_without_a_word(labels, instances, tmp_path):
    labels[2:5, 15:18, 12:15] = 3  # on the surface, half of it outside
    with collected_warnings() as warnings:
        read_instances(a_map(labels, instances, tmp_path / "own.nii.gz"))
    assert warnings == []
    labels[:, 0:3, 0:3] = 4
    with collected_warnings() as warnings:
        read_instances(a_map(labels, instances, tmp_path / "more.nii.gz"))
    assert [warning[:12] for warning in warnings] == ["the value 4 "]
