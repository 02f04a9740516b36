"""A coarse abdomen whose every voxel is known, and what writes it in the forms of the data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

LANDMARK_HU = 777
"""Of one voxel alone."""
LANDMARK_MM = (-150.0 + 8 * 11, -120.0 + 8 * 13, -400.0 + 10 * 12)
"""Where it lies, LPS: near the top of the tumor, off the middle of every axis."""


def make_abdomen(seed: int = 0) -> tuple[sitk.Image, sitk.Image]:
    """Return a CT of 320 x 256 x 160 mm and its labels, axes exactly LPS; the liver lies on the right."""
    z, y, x = np.ogrid[:16, :32, :40]
    body = ((y - 16) / 14) ** 2 + ((x - 20) / 18) ** 2 + 0 * z < 1
    liver = ((z - 8) / 7) ** 2 + ((y - 14) / 9) ** 2 + ((x - 12) / 8) ** 2 < 1
    tumor = ((z - 11) / 2) ** 2 + ((y - 14) / 3) ** 2 + ((x - 11) / 3) ** 2 < 1
    labels = np.where(tumor, 2, np.where(liver, 1, 0)).astype(np.uint8)
    hu = np.where(body, -100, -1000) + np.random.default_rng(seed).integers(-9, 10, labels.shape)
    hu[labels == 1] = 90
    hu[labels == 2] = 40
    hu[12, 13, 11] = LANDMARK_HU
    return on_grid(hu.astype(np.int16)), on_grid(labels)


def on_grid(voxels: np.ndarray) -> sitk.Image:
    """Return voxels (z, y, x) of the abdomen as an image."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((8.0, 8.0, 10.0))
    image.SetOrigin((-150.0, -120.0, -400.0))
    return image


def voxels_of(image: sitk.Image) -> np.ndarray:
    """Return a copy of the voxels (z, y, x)."""
    return sitk.GetArrayFromImage(image)


def landmark_mm(portal: sitk.Image) -> tuple[float, ...]:
    """Return the LPS point of the landmark, found by its value."""
    (index,) = np.argwhere(sitk.GetArrayViewFromImage(portal) == LANDMARK_HU)
    return portal.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])


def masked(labels: sitk.Image, *values: int, inside: int = 255) -> sitk.Image:
    """Return the mask of some values of a label map: int16, `inside` where it is set, else 0."""
    return on_grid((np.isin(voxels_of(labels), values) * inside).astype(np.int16))


def write_json(path: Path, values: Any) -> None:
    """Write values as JSON, making the folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def write_series(
    folder: Path,
    image: sitk.Image,
    name: str = "image_{}",
    *,
    top_first: bool = False,
    intercept: int = -1024,
    positions: bool = True,
) -> None:
    """Write a DICOM series of an upright image of integers.

    name: of the files, with the number of the slice. top_first: numbers run from head to feet. intercept: of the
    rescale. positions: whether slices say where they lie.
    """
    folder.mkdir(parents=True)
    series = generate_uid()
    voxels = sitk.GetArrayFromImage(image).astype(np.int32)
    for k, plane in enumerate(voxels):
        number = len(voxels) - 1 - k if top_first else k
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.StudyInstanceUID = data.FrameOfReferenceUID = "1.2.3"
        data.SeriesInstanceUID, data.Modality, data.InstanceNumber = series, "CT", number + 1
        if positions:
            place = image.TransformIndexToPhysicalPoint([0, 0, k])
            data.ImagePositionPatient = [f"{value:.8g}" for value in place]
            data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing = [image.GetSpacing()[1], image.GetSpacing()[0]]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = plane.shape
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleSlope, data.RescaleIntercept = 1, intercept
        data.PixelData = (plane - intercept).astype("<i2").tobytes()
        data.save_as(folder / name.format(number), enforce_file_format=True)
