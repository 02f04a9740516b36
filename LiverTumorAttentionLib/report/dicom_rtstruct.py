"""A DICOM RT Structure Set of liver and tumors, through pydicom, which comes with the extra ``[dicom]``.

Outlines lie in the slices of the portal series and run through the midpoints between voxels of a body and their
neighbors (`pictures.contours`), so that the centers within them are the body's voxels, one by one. Where a body has a
hole in a slice its outlines there are combined by exclusive or. The object belongs to the patient's study and carries
what identifies the patient there, as every DICOM object must; it is approved once a reader has signed the case.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.correction import SignOff
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.dicom_seg import ALGORITHM_NAME, MANUFACTURER, dicom_extra, use_utf8
from LiverTumorAttentionLib.io.terminology import Segment, segments_for
from LiverTumorAttentionLib.pictures.contours import contours
from LiverTumorAttentionLib.voxels.geometry import ImageAxes

RTSTRUCT = "DICOM RT Structure Set"
STORAGE_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management, which the standard keeps for the reference to a study."""
SERIES_DESCRIPTION = "Liver and liver tumors, outlines (not for clinical use)"
SERIES_NUMBER = 902
"""After those of segmentation and structured report."""
LABEL = "LIVER_TUMORS"
FROM_PATIENT = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
)
"""What the object has in common with the series."""
EMPTY_WHERE_UNKNOWN = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PositionReferenceIndicator",
)
"""Of these, what the standard wants to be there, with or without a value."""


def write_dicom_rtstruct(
    path: Path, instances: sitk.Image, slices: Sequence[Any], sign_off: SignOff | None = None
) -> None:
    """Write the structure set.

    instances: 0 background, 1 liver, 2, 3, … one value a tumor, on the grid of the portal series. slices: of that
    series as pydicom reads them, without pixels, in the order of the instances' slices. sign_off: who stands by it.
    Raises `InputError` for a series that is not one of axial slices, and for a segmentation without a voxel.
    """
    _, pydicom = dicom_extra(RTSTRUCT, "leave it out")
    if ImageAxes.of(instances).slice_axis != 0 or len(slices) != instances.GetSize()[2]:
        raise InputError(
            f"a {RTSTRUCT} has its outlines in axial slices, and the portal series has none: leave it out"
        )
    source = slices[0]
    use_utf8(source)
    now = datetime.datetime.now().astimezone()
    made = pydicom.Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for name in FROM_PATIENT:
        if name in source or name in EMPTY_WHERE_UNKNOWN:
            setattr(made, name, source.get(name, ""))
    made.SOPClassUID, made.SOPInstanceUID = STORAGE_CLASS, pydicom.uid.generate_uid()
    made.Modality, made.SeriesInstanceUID = "RTSTRUCT", pydicom.uid.generate_uid()
    made.SeriesNumber, made.InstanceNumber = SERIES_NUMBER, 1
    made.SeriesDescription, made.OperatorsName = SERIES_DESCRIPTION, ""
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, ALGORITHM_NAME
    made.SoftwareVersions, made.DeviceSerialNumber = __version__, "0"
    made.StructureSetLabel, made.StructureSetDescription = LABEL, NOT_FOR_CLINICAL_USE
    for name in ("StructureSet", "InstanceCreation", "Series"):
        setattr(made, f"{name}Date", now.strftime("%Y%m%d"))
        setattr(made, f"{name}Time", now.strftime("%H%M%S"))
    _approve(made, sign_off)
    made.ReferencedFrameOfReferenceSequence = [_frame(pydicom, source, slices)]
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    made.RTROIObservationsSequence = []
    voxels = sitk.GetArrayViewFromImage(instances)
    for segment in segments_for(instances):
        mask = voxels > 0 if segment.is_liver else voxels == segment.value
        if mask.any():
            _add_body(pydicom, made, segment, _outlines(pydicom, mask, instances, slices), sign_off)
    if not made.StructureSetROISequence:
        raise InputError(f"the segmentation has no voxel, and a {RTSTRUCT} cannot be empty: leave it out")
    _save(pydicom, made, path)


def _approve(made: Any, sign_off: SignOff | None) -> None:
    made.ApprovalStatus = "UNAPPROVED" if sign_off is None else "APPROVED"
    if sign_off is not None:
        when = datetime.datetime.fromisoformat(sign_off.time)
        made.ReviewDate, made.ReviewTime = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
        made.ReviewerName = sign_off.reader


def _frame(pydicom: Any, source: Any, slices: Sequence[Any]) -> Any:
    """Return the reference to the study, its portal series and all slices of that."""
    series, study, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    series.SeriesInstanceUID = source.SeriesInstanceUID
    series.ContourImageSequence = [_image(pydicom, piece) for piece in slices]
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = STUDY_CLASS, source.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = source.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _image(pydicom: Any, piece: Any) -> Any:
    image = pydicom.Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = piece.SOPClassUID, piece.SOPInstanceUID
    return image


def _add_body(
    pydicom: Any, made: Any, segment: Segment, outlines: list[Any], sign_off: SignOff | None
) -> None:
    """Add liver or tumor: its name, its outlines, and what it is."""
    number = len(made.StructureSetROISequence) + 1
    body, lines, meaning, code = (pydicom.Dataset() for _ in range(4))
    body.ROINumber, body.ROIName = number, segment.name
    body.ReferencedFrameOfReferenceUID = made.FrameOfReferenceUID
    body.ROIGenerationAlgorithm = "AUTOMATIC" if sign_off is None else "SEMIAUTOMATIC"
    lines.ReferencedROINumber = number
    lines.ROIDisplayColor = [round(255 * value) for value in segment.color]
    lines.ContourSequence = outlines
    code.CodeValue, code.CodingSchemeDesignator = segment.type.value, segment.type.scheme
    code.CodeMeaning = segment.type.meaning
    meaning.ObservationNumber = meaning.ReferencedROINumber = number
    meaning.RTROIIdentificationCodeSequence = [code]
    meaning.RTROIInterpretedType = "ORGAN" if segment.is_liver else ""
    meaning.ROIInterpreter = "" if sign_off is None else sign_off.reader
    made.StructureSetROISequence.append(body)
    made.ROIContourSequence.append(lines)
    made.RTROIObservationsSequence.append(meaning)


def _outlines(
    pydicom: Any, mask: NDArray[np.bool_], instances: sitk.Image, slices: Sequence[Any]
) -> list[Any]:
    """Return an item a closed line, slice by slice. mask: (z, y, x)."""
    axes, items = ImageAxes.of(instances), []
    for index in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        lines = contours(mask[index])
        has_hole = len({_turns_right(line) for line in lines}) > 1
        for line in lines:
            places = np.column_stack([np.full(len(line), float(index)), line])
            item = pydicom.Dataset()
            item.ContourImageSequence = [_image(pydicom, slices[index])]
            item.ContourGeometricType = "CLOSEDPLANAR_XOR" if has_hole else "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(line)
            item.ContourData = [f"{value:.4f}" for value in axes.position_mm(places).ravel()]
            items.append(item)
    return items


def _turns_right(line: NDArray[np.float64]) -> bool:
    """Whether a closed line (N, 2) runs one way round or the other: around a body, or around a hole in it."""
    ahead = np.roll(line, -1, axis=0)
    return bool((line[:, 0] * ahead[:, 1] - line[:, 1] * ahead[:, 0]).sum() > 0)


def _save(pydicom: Any, made: Any, path: Path) -> None:
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.file_meta = meta
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of the source, which the user cannot change
        made.save_as(path, enforce_file_format=True)
