"""Reading of one file with the ITK reader that fits its format, away from its neighbors.

ITK chooses its reader by the suffix, some suffixes in small letters alone, and its NIfTI reader takes the voxels of
`ct.nii` for those of `ct.nii.gz` where both lie in one folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.io.atomic_write import full_suffix

READERS = {
    ".nii": "NiftiImageIO",
    ".nii.gz": "NiftiImageIO",
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".seg.nrrd": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
}
"""ITK's reader of each suffix; the header's check has seen that the content is of that format."""

_PERMISSIVE = "ITK_NIFTI_SFORM_PERMISSIVE"


def read_with_itk(path: Path) -> sitk.Image:
    """Read the file at `path`. Raises `RuntimeError` as ITK does."""
    reader = sitk.ImageFileReader()
    kind = READERS.get(full_suffix(path), "")
    reader.SetImageIO(kind)
    if kind != "NiftiImageIO":
        reader.SetFileName(str(path))
        return reader.Execute()
    with alone(path) as place, _sheared_too():
        reader.SetFileName(str(place))
        return reader.Execute()


@contextlib.contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Yield a path to the content of `path` whose suffix is in small letters, without neighbors where it has any."""
    suffix = full_suffix(path)
    stem = path.name[: len(path.name) - len(suffix)]
    if path.name.endswith(suffix) and not _has_neighbors(path, stem):
        yield path
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
def _sheared_too() -> Iterator[None]:
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
