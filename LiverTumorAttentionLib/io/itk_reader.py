"""Reading of one file with the ITK reader that fits its format, away from its neighbors.

ITK chooses its reader by the suffix, some suffixes in small letters alone, and its NIfTI reader takes the voxels of
`ct.nii` for those of `ct.nii.gz` where both lie in one folder.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.input_checks import check_spacing, quiet_itk, shown
from LiverTumorAttentionLib.io.meta_header import check_meta_is_whole
from LiverTumorAttentionLib.io.nifti_2 import write_as_nifti_1
from LiverTumorAttentionLib.io.nifti_header import check_nifti_is_whole, read_nifti_header
from LiverTumorAttentionLib.io.nifti_voxels import unpacked_voxels
from LiverTumorAttentionLib.io.nrrd_header import check_nrrd_is_whole
from LiverTumorAttentionLib.io.picture_header import check_picture

READERS = {
    ".nii": "NiftiImageIO",
    ".nii.gz": "NiftiImageIO",
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".seg.nrrd": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
    ".png": "PNGImageIO",
    ".jpg": "JPEGImageIO",
    ".jpeg": "JPEGImageIO",
}
"""ITK's reader of each suffix; the header's check has seen that the content is of that format."""

DETACHED = (".mhd", ".nhdr")
"""Headers whose voxels lie in files beside them."""

GUARDS: dict[str, Callable[[Path, str], None]] = {
    "NiftiImageIO": check_nifti_is_whole,
    "NrrdImageIO": check_nrrd_is_whole,
    "MetaImageIO": check_meta_is_whole,
    "PNGImageIO": check_picture,
    "JPEGImageIO": check_picture,
}
"""What each reader asks of a file before it allocates anything."""

_PERMISSIVE = "ITK_NIFTI_SFORM_PERMISSIVE"
_ONE_COPY = threading.Lock()
"""Held while voxels become an image: of volumes that are read side by side, only one is in memory twice."""


def read_with_itk(path: Path, name: str) -> sitk.Image:
    """Read the file at `path`, once its header and its length are known to be sound. name: of it, in messages.

    Raises `InputError` for what would crash ITK's reader or have it read less or more than the file, `RuntimeError` as
    ITK does.
    """
    kind = READERS.get(full_suffix(path), "")
    if not kind:
        raise InputError(f"the {name} {shown(path)} is of no format that is read: choose another file")
    voxels = unpacked_voxels(path, name) if kind == "NiftiImageIO" else None
    if voxels is None:
        GUARDS[kind](path, name)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(kind)
    with _for_reader(path, kind, name) as place, sheared_too():
        reader.SetFileName(str(place))
        image = None
        if voxels is not None:
            with _ONE_COPY:
                image = _placed(voxels, reader)
                voxels = None
        image = reader.Execute() if image is None else image
    _check_place(image, path, name)
    return image


def _placed(voxels: NDArray[Any], reader: sitk.ImageFileReader) -> sitk.Image | None:
    """Return voxels (z, y, x) where ITK's reader places them; None where it takes the file for something else."""
    reader.ReadImageInformation()
    image = sitk.GetImageFromArray(voxels)
    if (reader.GetPixelID(), reader.GetSize()) != (image.GetPixelID(), image.GetSize()):
        return None
    image.SetSpacing(reader.GetSpacing())
    image.SetOrigin(reader.GetOrigin())
    image.SetDirection(reader.GetDirection())
    return image


def _check_place(image: sitk.Image, path: Path, name: str) -> None:
    """Raise `InputError` for a voxel size, position or direction that is no number."""
    spacing = image.GetSpacing()
    if not all(0 < length < math.inf for length in spacing):
        check_spacing(spacing, path, name)
    if not all(math.isfinite(value) for value in (*image.GetOrigin(), *image.GetDirection())):
        raise InputError(
            f"the {name} {shown(path)} has a position or axes that are no numbers: export it again"
        )


@contextlib.contextmanager
def _for_reader(path: Path, kind: str, name: str) -> Iterator[Path]:
    """Yield a path to the content of `path` that ITK's reader of that kind takes as it is."""
    if kind == "NiftiImageIO":
        with _as_nifti_1(path, name) as place:
            yield place
        return
    with spelled(path) as place:
        yield place


@contextlib.contextmanager
def _as_nifti_1(path: Path, name: str) -> Iterator[Path]:
    """Yield a path to a NIfTI file by itself, or to a copy in the form of NIfTI-1 where it is a NIfTI-2 file."""
    header = read_nifti_header(path, name)
    if header.version == 1:
        with alone(path) as place:
            yield place
        return
    with tempfile.TemporaryDirectory(prefix="lta-") as folder:
        place = Path(folder, "volume.nii")
        try:
            write_as_nifti_1(
                path, place, head=header.head, offset_bytes=header.offset_bytes, size_bytes=header.size_bytes
            )
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise InputError(
                f"there is no room in {tempfile.gettempdir()} to unpack the {name} {shown(path)}, a NIfTI-2 file: "
                "make room there, set TMPDIR to another folder, or save the volume as NIfTI-1"
            ) from error
        yield place


@contextlib.contextmanager
def spelled(path: Path) -> Iterator[Path]:
    """Yield `path`, or a path through a link where its name is no text, which ends the process inside SimpleITK."""
    try:
        str(path).encode()
        yield path
        return
    except UnicodeEncodeError:
        pass
    with tempfile.TemporaryDirectory(prefix="lta-") as folder:
        try:
            path.name.encode()
            Path(folder, "files").symlink_to(
                path.parent.absolute()
            )  # the folder: other files may belong to it
            place = Path(folder, "files", path.name)
        except UnicodeEncodeError:
            place = Path(folder, "volume" + full_suffix(path))
            place.symlink_to(path.absolute())
            if full_suffix(path) in DETACHED:
                _link_text_names(path.absolute().parent, place)
        yield place


def _link_text_names(source: Path, beside: Path) -> None:
    """Link the files of a folder whose names are text into another one: a header there names some of them."""
    for file in source.iterdir():
        with contextlib.suppress(UnicodeEncodeError):
            file.name.encode()
            if file.name != beside.name:
                (beside.parent / file.name).symlink_to(file)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Yield a path to the content of `path` whose suffix is in small letters, without neighbors where it has any."""
    suffix = full_suffix(path)
    stem = path.name[: len(path.name) - len(suffix)]
    if path.name.endswith(suffix) and not _has_neighbors(path, stem):
        with spelled(path) as place:
            yield place
        return
    with tempfile.TemporaryDirectory(prefix="lta-") as folder:
        place = Path(folder, "volume" + suffix)
        try:
            place.symlink_to(path.absolute())
        except OSError:  # Windows asks for a privilege
            shutil.copyfile(path, place)
        yield place


def _has_neighbors(path: Path, stem: str) -> bool:
    others: Sequence[str] = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz", ".nia")
    return any(
        other != full_suffix(path)
        and any((path.parent / (stem + end)).exists() for end in (other, other.upper()))
        for other in others
    )


@contextlib.contextmanager
def sheared_too() -> Iterator[None]:
    """Have ITK read axes that are off right angles; how far is asked afterwards, for all formats alike."""
    before = os.environ.get(_PERMISSIVE)
    os.environ[_PERMISSIVE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PERMISSIVE]
        else:
            os.environ[_PERMISSIVE] = before


def voxel_bytes(place: Path) -> int:
    """Return how many bytes of voxels a file's header declares, 0 where it cannot be read."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(place))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
        voxel = sitk.Image([1] * reader.GetDimension(), reader.GetPixelID(), reader.GetNumberOfComponents())
        return int(np.prod(reader.GetSize(), dtype=np.int64)) * sitk.GetArrayViewFromImage(voxel).nbytes
    except RuntimeError:
        return 0
