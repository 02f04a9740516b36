"""Small volumes and DICOM series whose every voxel is known."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from Testing.dicom_support import save_dicom

OBLIQUE = Rotation.from_euler("xyz", [12, -8, 20], degrees=True).as_matrix()


def body(shape: tuple[int, int, int] = (9, 24, 32)) -> np.ndarray:
    """HU of (z, y, x): air, a box of fat, in it a box of liver, in which no two voxels are alike."""
    voxels = np.full(shape, -1000, np.int16)
    voxels[:, 3:-3, 4:-4] = -100
    inner = voxels[1:-1, 6:-6, 8:-8]
    inner[:] = 20 + np.arange(inner.size).reshape(inner.shape) % 100
    return voxels


def make_ct() -> sitk.Image:
    image = sitk.GetImageFromArray(body())
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-31.5, 12.25, 102.0))
    image.SetDirection(OBLIQUE.ravel().tolist())
    return image


def make_instances() -> sitk.Image:
    voxels = np.zeros(body().shape, np.uint16)
    voxels[2:8, 7:17, 9:22] = 1
    voxels[3:6, 8:12, 10:14] = 2
    voxels[6, 13:15, 18:20] = 3
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(make_ct())
    return image


@pytest.fixture
def ct() -> sitk.Image:
    """An oblique CT, 32 x 24 x 9 voxels of 0.7 x 0.8 x 2.5 mm."""
    return make_ct()


@pytest.fixture
def instances() -> sitk.Image:
    """A liver with two tumors on the grid of `ct`; the values are 1, 2 and 3."""
    return make_instances()


@pytest.fixture(scope="module")
def same_instances() -> sitk.Image:
    """As `instances`, made once for a module: not to be changed."""
    return make_instances()


@pytest.fixture
def series(tmp_path: Path) -> Callable[..., list[Path]]:
    """Return a writer of DICOM series: ``series(voxels, folder="a", description="portal", …)``.

    voxels: HU (z, y, x). Slices are written in a shuffled order of names and instance numbers. tilt_mm:
    sideways drift of the position per slice. change: called with every data set before it is written.
    """
    pydicom = pytest.importorskip("pydicom", reason="DICOM series are made with pydicom")

    def write(
        voxels: np.ndarray,
        *,
        folder: str = "dicom",
        description: str = "Abdomen",
        uid: str | None = None,
        positions: list[float] | None = None,
        spacing: tuple[float, float] = (0.7, 0.8),
        direction: np.ndarray | None = None,
        tilt_mm: float = 0.0,
        slope: float = 1.0,
        intercept: float = -1024.0,
        change: Callable[..., None] | None = None,
        compress: str | None = None,
    ) -> list[Path]:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        axes = np.eye(3) if direction is None else direction
        along = [2.5 * index for index in range(len(voxels))] if positions is None else positions
        uid = uid or pydicom.uid.generate_uid()
        study, frame = (
            pydicom.uid.generate_uid(entropy_srcs=["s"]),
            pydicom.uid.generate_uid(entropy_srcs=["f"]),
        )
        order = np.random.default_rng(3).permutation(len(voxels))
        paths = []
        for index, plane in enumerate(voxels):
            data = pydicom.Dataset()
            data.file_meta = pydicom.dataset.FileMetaDataset()
            data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.CTImageStorage
            data.SOPInstanceUID = pydicom.uid.generate_uid()
            data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
            data.StudyInstanceUID, data.FrameOfReferenceUID, data.SeriesInstanceUID = study, frame, uid
            data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = (
                "Doe^Jane",
                "1",
                "",
                "F",
            )
            data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20240102", "101010", "1", ""
            data.ReferringPhysicianName = ""
            data.Modality, data.SeriesDescription, data.SeriesNumber = "CT", description, 2
            data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
            data.InstanceNumber = int(order[index]) + 1
            place = np.array([-31.5, 12.25, 102.0]) + axes[:, 2] * along[index] + axes[:, 1] * tilt_mm * index
            data.ImagePositionPatient = [f"{value:.8g}" for value in place]
            data.ImageOrientationPatient = [f"{value:.8g}" for value in (*axes[:, 0], *axes[:, 1])]
            data.PixelSpacing = [spacing[1], spacing[0]]
            data.SliceThickness = 2.5
            data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
            data.Rows, data.Columns = plane.shape
            data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
            data.RescaleSlope, data.RescaleIntercept = slope, intercept
            data.PixelData = ((plane - intercept) / slope).round().astype("<u2").tobytes()
            if change is not None:
                change(data, index)
            if compress is not None:
                data.compress(compress)
            path = target / f"{uid[-6:]}_{order[index]:03d}"
            save_dicom(data, path)
            paths.append(path)
        return paths

    return write


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """Yield a folder of a user without rights, and be that user; skips where users cannot be changed."""
    if not hasattr(os, "seteuid"):
        pytest.skip("this system has no user ids")
    folder = Path(tempfile.mkdtemp(prefix="lta-"))
    folder.chmod(0o777)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for place in [folder, *folder.rglob("*")]:
            place.chmod(0o777)
        shutil.rmtree(folder)
