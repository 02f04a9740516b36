"""Apply a transform to a volume, and write it for SimpleITK and 3D Slicer."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import OutputError
from LiverTumorAttentionLib.io.atomic_write import check_suffix, replacing

SUFFIXES = (".h5", ".tfm", ".txt")
FIELD_SPACING_MM = 3.0


def resample_onto(
    moving: sitk.Image,
    fixed: sitk.Image,
    transform: sitk.Transform,
    default_hu: float = -1024.0,
    interpolator: int = sitk.sitkLinear,
) -> sitk.Image:
    """Return `moving` on the grid of `fixed`, in moving's own voxel type; outside it, `default_hu`.

    transform: fixed points to moving points (LPS, mm). A deformable one is evaluated on a grid of about
    3 mm and interpolated linearly in between, which for control points 15 mm apart or more differs by less
    than 0.05 mm and spares most of the time.
    """
    if not transform.IsLinear():
        transform = sitk.DisplacementFieldTransform(sampled_field(transform, fixed))
    return sitk.Resample(moving, fixed, transform, interpolator, default_hu, moving.GetPixelID())


def sampled_field(
    transform: sitk.Transform, grid: sitk.Image, spacing_mm: float = FIELD_SPACING_MM
) -> sitk.Image:
    """Return the displacement field (LPS, mm) of `transform` over all of `grid`, about spacing_mm apart."""
    extent = (np.array(grid.GetSize()) - 1) * np.array(grid.GetSpacing())
    size = [int(np.ceil(e / spacing_mm)) + 3 for e in extent]
    spacing = [max(e / (n - 3), 1e-3) if e > 0 else spacing_mm for e, n in zip(extent, size, strict=True)]
    one_before = [-s / g for s, g in zip(spacing, grid.GetSpacing(), strict=True)]
    origin = grid.TransformContinuousIndexToPhysicalPoint(one_before)
    return sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, size, origin, spacing, grid.GetDirection()
    )


def flattened(transform: sitk.Transform) -> sitk.CompositeTransform:
    """Return `transform` as one composite without composites inside; rigid parts become affine ones.

    Both ITK's file format and Slicer want it flat; an affine transform is what every reader knows.
    """
    flat = sitk.CompositeTransform(3)
    _add_parts(flat, transform)
    return flat


def _add_parts(flat: sitk.CompositeTransform, transform: sitk.Transform) -> None:
    plain = transform.Downcast()
    if isinstance(plain, sitk.CompositeTransform):
        for k in range(plain.GetNumberOfTransforms()):
            _add_parts(flat, plain.GetNthTransform(k))
    elif plain.IsLinear():
        flat.AddTransform(_as_affine(plain))
    else:
        flat.AddTransform(plain)


def _as_affine(transform: sitk.Transform) -> sitk.AffineTransform:
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)]
    affine = sitk.AffineTransform(3)
    affine.SetMatrix([float(v) for v in np.stack(columns, axis=1).ravel()])
    affine.SetTranslation([float(v) for v in origin])
    return affine


def write_transform(path: str | os.PathLike[str], transform: sitk.Transform) -> Path:
    """Write `transform` to `path` (.h5, .tfm or .txt); an interrupted write leaves no file behind.

    In Slicer the file loads as a transform node that moves the arterial volume onto the portal one.
    Raises `OutputError` for another suffix and where the file cannot be written.
    """
    check_suffix(path, SUFFIXES, "transform")
    try:
        with replacing(path, name="transform") as temporary:
            sitk.WriteTransform(flattened(transform), str(temporary))
    except RuntimeError as error:
        raise OutputError(f"the transform '{path}' cannot be written: choose another folder") from error
    return Path(path)
