"""The RT Structure Set, read back by pydicom: the voxel centers in its outlines are the segmentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import SignOff
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.report import report_case
from LiverTumorAttentionLib.report.dicom_rtstruct import write_dicom_rtstruct
from Testing.Library.report.dicom_study import Study

pydicom = pytest.importorskip("pydicom")


@pytest.fixture
def study(tmp_path: Path, series: Callable[..., list[Path]]) -> Study:
    return Study(tmp_path, series)


def voxels_of(outlines: Any, image: sitk.Image, slices: list[Any]) -> np.ndarray:
    """Return the voxels whose centers lie in the outlines of a body: inside of an odd number of them."""
    depth, height, width = image.GetSize()[::-1]
    index_of = {piece.SOPInstanceUID: index for index, piece in enumerate(slices)}
    rows, columns = np.mgrid[:height, :width]
    found = np.zeros((depth, height, width), bool)
    for outline in outlines.ContourSequence:
        points = np.array(outline.ContourData, float).reshape(-1, 3)
        assert len(points) == outline.NumberOfContourPoints
        places = np.array([image.TransformPhysicalPointToContinuousIndex(point.tolist()) for point in points])
        (referenced,) = outline.ContourImageSequence
        index = index_of[referenced.ReferencedSOPInstanceUID]
        assert np.allclose(places[:, 2], index, atol=1e-3), "the outline lies in the slice that it names"
        inside = np.zeros((height, width), bool)
        x, y = places[:, 0], places[:, 1]
        for k in range(len(places)):
            crosses = (y[k - 1] > rows) != (y[k] > rows)
            with np.errstate(divide="ignore", invalid="ignore"):
                at = x[k - 1] + (rows - y[k - 1]) / (y[k] - y[k - 1]) * (x[k] - x[k - 1])
            inside ^= crosses & (columns < at)
        found[index] ^= inside
    return found


def test_the_outlines_hold_the_voxels(study: Study) -> None:
    path = study.folder / "outlines.dcm"
    report_case(
        ReviewJob(
            portal=str(study.folder / "portal"), segmentation=str(study.segmentation), rtstruct=str(path)
        )
    )
    made = pydicom.dcmread(path)
    names = [body.ROIName for body in made.StructureSetROISequence]
    assert names == ["Liver", "Tumor 1", "Tumor 2"]
    for number, outlines in enumerate(made.ROIContourSequence):
        assert outlines.ReferencedROINumber == made.StructureSetROISequence[number].ROINumber
        expected = study.labels > 0 if number == 0 else study.labels == number + 1
        found = voxels_of(outlines, study.portal_image, study.slices["portal"])
        np.testing.assert_array_equal(found, expected, err_msg=names[number])


def test_it_belongs_to_the_study_and_is_not_approved(study: Study) -> None:
    path = study.folder / "outlines.dcm"
    report_case(
        ReviewJob(
            portal=str(study.folder / "portal"), segmentation=str(study.segmentation), rtstruct=str(path)
        )
    )
    made, source = pydicom.dcmread(path), study.slices["portal"][0]
    assert made.SOPClassUID == pydicom.uid.RTStructureSetStorage == made.file_meta.MediaStorageSOPClassUID
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert getattr(made, name) == getattr(source, name), name
    assert made.SeriesInstanceUID != source.SeriesInstanceUID
    assert made.ApprovalStatus == "UNAPPROVED"
    assert "ReviewerName" not in made
    (frame,) = made.ReferencedFrameOfReferenceSequence
    (series,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert len(series.ContourImageSequence) == len(study.slices["portal"])
    codes = [each.RTROIIdentificationCodeSequence[0].CodeValue for each in made.RTROIObservationsSequence]
    assert codes == ["10200004", "4147007", "4147007"]
    assert "ot for clinical use" in made.StructureSetDescription


def test_a_hole_is_left_out_and_who_signed_approves(study: Study) -> None:
    labels = np.zeros_like(study.labels)
    labels[2, 5:20, 5:20] = 1
    labels[2, 10:13, 9:15] = 0
    path = study.folder / "hole.dcm"
    instances = sitk.GetImageFromArray(labels)
    instances.CopyInformation(study.portal_image)
    signed = SignOff(kind="signed", reader="Jane Doe", time="2026-11-28T10:00:00+00:00")
    write_dicom_rtstruct(path, instances, study.slices["portal"], signed)
    made = pydicom.dcmread(path)
    (outlines,) = made.ROIContourSequence
    assert [each.ContourGeometricType for each in outlines.ContourSequence] == ["CLOSEDPLANAR_XOR"] * 2
    found = voxels_of(outlines, study.portal_image, study.slices["portal"])
    np.testing.assert_array_equal(found, labels > 0)
    assert (made.ApprovalStatus, made.ReviewerName, made.ReviewDate) == ("APPROVED", "Jane Doe", "20261128")


def test_nothing_to_outline_and_no_axial_slices(study: Study) -> None:
    path = study.folder / "none.dcm"
    empty = study.portal_image * 0
    with pytest.raises(InputError, match="has no voxel"):
        write_dicom_rtstruct(path, sitk.Cast(empty, sitk.sitkUInt16), study.slices["portal"])
    with pytest.raises(InputError, match="axial slices"):
        write_dicom_rtstruct(path, sitk.Cast(empty + 1, sitk.sitkUInt16), study.slices["portal"][1:])
    assert not path.exists()
