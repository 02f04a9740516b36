"""A CT volume as DICOM series, as a scanner would have written it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk

INTERCEPT = -1024


def write_series(
    folder: Path, volume: sitk.Image, *, description: str = "Abdomen portal venous", number: int = 2
) -> list[Path]:
    """Write a volume (HU) into a new folder, one file a slice, in their order; series of one process share a study."""
    folder.mkdir(parents=True)
    study, frame = (pydicom.uid.generate_uid(entropy_srcs=["story", name]) for name in ("study", "frame"))
    series = pydicom.uid.generate_uid()
    direction = np.reshape(volume.GetDirection(), (3, 3))
    width, height, depth = volume.GetSize()
    paths = []
    for index, plane in enumerate(sitk.GetArrayFromImage(volume)):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.CTImageStorage
        data.SOPInstanceUID = pydicom.uid.generate_uid()
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.StudyInstanceUID, data.FrameOfReferenceUID, data.SeriesInstanceUID = study, frame, series
        data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Made^Up", "story", "", "O"
        data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20240102", "101010", "1", ""
        data.ReferringPhysicianName, data.Modality = "", "CT"
        data.SeriesDescription, data.SeriesNumber, data.InstanceNumber = description, number, index + 1
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        place = volume.TransformIndexToPhysicalPoint((0, 0, index))
        data.ImagePositionPatient = [f"{value:.8g}" for value in place]
        data.ImageOrientationPatient = [f"{value:.8g}" for value in (*direction[:, 0], *direction[:, 1])]
        across, down, data.SliceThickness = (float(f"{value:.6g}") for value in volume.GetSpacing())
        data.PixelSpacing = [down, across]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = height, width
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.RescaleSlope, data.RescaleIntercept = 1, INTERCEPT
        data.PixelData = np.clip(np.rint(plane) - INTERCEPT, 0, None).astype("<u2").tobytes()
        paths.append(folder / f"{index:03d}.dcm")
        data.save_as(paths[-1], enforce_file_format=True)
    assert len(paths) == depth
    return paths
