"""DICOM studies of drawn trunks, written slice by slice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.dicom_support import save_dicom


def write_series(
    folder: Path,
    image: sitk.Image,
    *,
    description: str,
    uid: str,
    acquired: str = "",
    number: int = 1,
    **values: Any,
) -> None:
    """Write an axial series. acquired: AcquisitionTime; values: further attributes by their DICOM keyword."""
    pydicom = pytest.importorskip("pydicom", reason="DICOM series are made with pydicom")
    folder.mkdir(parents=True, exist_ok=True)
    voxels = sitk.GetArrayFromImage(image)
    x, y, z = image.GetSpacing()
    for index, plane in enumerate(voxels):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.CTImageStorage
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{index + 1}"
        data.SeriesInstanceUID, data.SeriesNumber, data.SeriesDescription = uid, number, description
        data.StudyInstanceUID, data.FrameOfReferenceUID, data.PatientID = "1.2.3", "1.2.3.4", "17"
        data.Modality, data.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.AcquisitionDate = "20240102"
        if acquired:
            data.AcquisitionTime = acquired
        data.InstanceNumber = index + 1
        left, back, bottom = image.GetOrigin()
        data.ImagePositionPatient = [left, back, bottom + z * index]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [y, x], z
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = plane.shape
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleSlope, data.RescaleIntercept = 1, 0
        data.PixelData = plane.astype(np.int16).tobytes()
        for keyword, value in values.items():
            setattr(data, keyword, value)
        save_dicom(data, folder / f"{uid}_{index:03d}.dcm")
