"""Couinaud segments as files: by code, by name and as a label map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.couinaud_segments import (
    couinaud_number,
    couinaud_segment,
    read_couinaud,
    write_couinaud,
)
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header
from LiverTumorAttentionLib.io.terminology import Description


def labels() -> sitk.Image:
    voxels = np.zeros((6, 7, 12), np.uint8)
    voxels[1:5, 1:6, 2:10] = np.arange(1, 9)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.5, 0.75, 3.0))
    image.SetOrigin((-20.0, 4.0, 11.0))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    return image


@pytest.mark.parametrize("name", ["segments.seg.nrrd", "segments.nii.gz", "segments.nrrd", "segments.mha"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    write_couinaud(tmp_path / name, labels())
    again = read_couinaud(tmp_path / name)
    assert np.array_equal(sitk.GetArrayViewFromImage(again), sitk.GetArrayViewFromImage(labels()))
    assert again.GetOrigin() == pytest.approx(labels().GetOrigin())
    assert again.GetDirection() == pytest.approx(labels().GetDirection())


def test_a_segmentation_holds_names_and_codes(tmp_path: Path) -> None:
    write_couinaud(tmp_path / "s.seg.nrrd", labels(), {"Source": "by hand"})
    pairs = read_nrrd_header(tmp_path / "s.seg.nrrd", "segmentation").pairs
    assert pairs["Segment3_Name"] == "Segment IV"
    assert "SCT^277958008^Couinaud hepatic segment IV" in pairs["Segment3_Tags"]
    assert pairs["Segment7_LabelValue"] == "8"
    assert pairs["Source"] == "by hand"


CODES = (
    "71133005",
    "277956007",
    "277957003",
    "277958008",
    "277959000",
    "277960005",
    "277961009",
    "277962002",
)
"""Of CID 7170, Couinaud Liver Segment, of DICOM PS3.16."""


def test_codes_are_those_of_the_dicom_standard() -> None:
    assert [couinaud_segment(number).type.value for number in range(1, 9)] == list(CODES)
    for number, code in enumerate(CODES, start=1):
        assert couinaud_number(Description(name="anything", types=((code, ""),))) == number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Segment IV", 4),
        ("liver_segment_8", 8),
        ("Couinaud segment VII", 7),
        ("S6", 6),
        ("SIII", 3),
        ("Segment IVb", 4),
        ("segment 4a", 4),
        ("Lebersegment 2", 2),
        ("Caudate lobe", 1),
        ("Segment_9", None),
        ("Liver", None),
        ("Tumor 3", None),
        ("Segment V resection margin", None),
    ],
)
def test_names_are_understood(name: str, number: int | None) -> None:
    assert couinaud_number(Description(name=name)) == number


def test_missing_segments_are_told(tmp_path: Path) -> None:
    few = labels()
    voxels = sitk.GetArrayFromImage(few)
    voxels[voxels == 5] = 0
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(few)
    write_couinaud(tmp_path / "s.seg.nrrd", image)
    with pytest.warns(InputWarning, match="holds no Couinaud segment V:"):
        read_couinaud(tmp_path / "s.seg.nrrd")


def test_what_is_no_map_of_segments_is_refused(tmp_path: Path) -> None:
    image = labels()
    sitk.WriteImage(image + 10, str(tmp_path / "organs.nii.gz"))
    with pytest.raises(InputError, match="holds values up to 18"):
        read_couinaud(tmp_path / "organs.nii.gz")
    from LiverTumorAttentionLib.io import write_segmentation

    write_segmentation(tmp_path / "case.seg.nrrd", sitk.Cast(image > 0, sitk.sitkUInt16))
    with pytest.raises(InputError, match="no segment named or coded as a Couinaud segment, only 'Liver'"):
        read_couinaud(tmp_path / "case.seg.nrrd")
