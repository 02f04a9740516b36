"""Transforms: apply, invert, sample as displacement field, write for SimpleITK and 3D Slicer."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import OutputError
from LiverTumorAttentionLib.io.atomic_write import cannot_write, check_suffix, replacing
from LiverTumorAttentionLib.io.input_checks import itk_reason
from LiverTumorAttentionLib.registration.field_resampling import resampled_by_field
from LiverTumorAttentionLib.voxels.boxes import Box, crop_image
from LiverTumorAttentionLib.voxels.geometry import interpolate
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU
from LiverTumorAttentionLib.voxels.parts import grid_in_box

SUFFIXES = (".h5", ".tfm", ".txt")
FIELD_SPACING_MM = 3.0
JACOBIAN_SLICES = 16
INVERSE_ITERATIONS = 40
INVERSE_TOLERANCE_MM = 0.01


def resample_onto(
    moving: sitk.Image,
    fixed: sitk.Image,
    transform: sitk.Transform,
    default_hu: float = OUTSIDE_HU,
    interpolator: int = sitk.sitkLinear,
    *,
    box: Box | None = None,
) -> sitk.Image:
    """Return `moving` on the grid of `fixed`, in moving's own voxel type; outside it, `default_hu`.

    transform: fixed points to moving points (LPS, mm). A deformable one is evaluated on a grid of about
    3 mm and interpolated linearly in between, which for control points 15 mm apart or more differs by less
    than 0.05 mm and spares most of the time.
    box: the part (z, y, x) of the grid that is wanted, with the values that it has in the whole; None is all of it.
    """
    if box is not None and transform.IsLinear():
        # Interpolated along whole rows, from their ends: those of a box would round a few voxels to the other side.
        return crop_image(resample_onto(moving, fixed, transform, default_hu, interpolator), box)
    grid = fixed if box is None else grid_in_box(fixed, box)
    if not transform.IsLinear():
        field = sampled_field(transform, fixed, box=box)
        if interpolator == sitk.sitkLinear:
            moved = resampled_by_field(moving, grid, field, default_hu)
            if moved is not None:
                return moved
        transform = sitk.DisplacementFieldTransform(field)
    return sitk.Resample(moving, grid, transform, interpolator, default_hu, moving.GetPixelID())


def displacement_field(transform: sitk.Transform, grid: sitk.Image) -> np.ndarray:
    """Return u with p -> p + u(p) at the voxels of `grid`: (z, y, x, 3), LPS, mm."""
    field = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        grid.GetSize(),
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
    )
    return sitk.GetArrayFromImage(field)


def jacobian_determinant(field: np.ndarray, grid: sitk.Image) -> np.ndarray:
    """Return the Jacobian determinant (z, y, x) of p -> p + u(p), for u (z, y, x, 3) at grid's voxels.

    1 keeps volume, 0.5 halves it, 0 or less folds. Central differences; any direction matrix. In the field's own
    precision, slab by slab, since the derivatives take three times the memory of the field.
    det(C + dU) / det C = det(1 + C^-1 dU), where the columns of C are the grid's steps and those of dU what u changes
    along them.
    """
    direction = np.array(grid.GetDirection()).reshape(3, 3)
    per_mm = np.linalg.inv(direction * np.array(grid.GetSpacing())).astype(field.dtype)
    depth = len(field)
    result = np.empty(field.shape[:3], field.dtype)
    for first in range(0, depth, JACOBIAN_SLICES):
        last = min(first + JACOBIAN_SLICES, depth)
        low, high = max(0, first - 1), min(depth, last + 1)  # a difference reaches one slice further
        own = slice(first - low, last - low)
        # not one product of matrices, whose last digits depend on the size of the slab
        steps = [sum(weight * field[low:high, ..., k] for k, weight in enumerate(row)) for row in per_mm]
        (a, b, c), (d, e, f), (g, h, i) = (
            [(row == column) + _difference(values, axis)[own] for column, axis in enumerate((2, 1, 0))]
            for row, values in enumerate(steps)
        )
        result[first:last] = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return result


def _difference(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the central difference along an axis, one-sided at its ends; 0 where it has one voxel."""
    return np.gradient(values, axis=axis) if values.shape[axis] > 1 else np.zeros_like(values)


def sampled_field(
    transform: sitk.Transform,
    grid: sitk.Image,
    spacing_mm: float = FIELD_SPACING_MM,
    *,
    box: Box | None = None,
) -> sitk.Image:
    """Return the displacement field (LPS, mm) of `transform` over all of `grid`, about spacing_mm apart.

    box: the part (z, y, x) of the grid that is wanted: of the field's points those are returned that it needs.
    """
    extent = (np.array(grid.GetSize()) - 1) * np.array(grid.GetSpacing())
    size = [int(np.ceil(e / spacing_mm)) + 3 for e in extent]
    spacing = [max(e / (n - 3), 1e-3) if e > 0 else spacing_mm for e, n in zip(extent, size, strict=True)]
    one_before = [-s / g for s, g in zip(spacing, grid.GetSpacing(), strict=True)]
    if box is not None:
        for axis, side in enumerate(box[::-1]):
            step = grid.GetSpacing()[axis] / spacing[axis]
            first = int(side.start * step)  # one before the point before the box, 1 + floor(start * step)
            last = min(size[axis], int(np.ceil((side.stop - 1) * step)) + 3)
            one_before[axis] += first * spacing[axis] / grid.GetSpacing()[axis]
            size[axis] = last - first
    origin = grid.TransformContinuousIndexToPhysicalPoint(one_before)
    return sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, size, origin, spacing, grid.GetDirection()
    )


def inverted(
    transform: sitk.Transform, fixed: sitk.Image, *, spacing_mm: float = FIELD_SPACING_MM
) -> sitk.CompositeTransform:
    """Return the inverse of a registration's transform, which takes moving to fixed points (LPS, mm).

    transform: linear parts and fields, as `register_phases` returns it. fixed: the volume over which it was
    found. The inverse of a linear part is exact. That of a deformable one is a field of about `spacing_mm`
    over the fixed volume, found by the fixed point v(q) = -u(q + v(q)), which is unique where nothing folds;
    q runs over the points that the field takes the volume to. Outside of it the field is 0.
    """
    flat = flattened(transform)
    back = sitk.CompositeTransform(3)
    # A composite applies what was added last first; its inverse undoes what was added first, first.
    for part in reversed([flat.GetNthTransform(k).Downcast() for k in range(flat.GetNumberOfTransforms())]):
        back.AddTransform(part.GetInverse() if part.IsLinear() else _inverse_field(part, fixed, spacing_mm))
    return back


def _inverse_field(
    part: sitk.Transform, fixed: sitk.Image, spacing_mm: float
) -> sitk.DisplacementFieldTransform:
    forward = sampled_field(part, fixed, spacing_mm)
    u = np.moveaxis(sitk.GetArrayFromImage(forward), -1, 0)
    per_mm = np.linalg.inv(np.array(forward.GetDirection()).reshape(3, 3) * np.array(forward.GetSpacing()))
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in u.shape[1:]), indexing="ij"))[::-1]
    v = -u
    for _ in range(INVERSE_ITERATIONS):
        at = index + np.tensordot(per_mm, v, axes=1)
        new = -np.stack([interpolate(c, at[::-1]) for c in u])
        change = float(np.abs(new - v).max())
        v = new
        if change < INVERSE_TOLERANCE_MM:
            break
    field = sitk.GetImageFromArray(np.moveaxis(v, 0, -1), isVector=True)
    field.CopyInformation(forward)
    return sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))


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
    flat = flattened(transform)
    with replacing(path, name="transform") as temporary:
        try:
            sitk.WriteTransform(flat, str(temporary))
        except RuntimeError as error:
            raise OutputError(cannot_write(path, "transform", itk_reason(error))) from error
        if temporary.suffix != ".h5" and not _is_whole_text(temporary, flat):
            raise OutputError(cannot_write(path, "transform", "the file is not whole"))
    return Path(path)


def _is_whole_text(path: Path, flat: sitk.CompositeTransform) -> bool:
    """Return whether a transform's text file is complete: ITK does not say so when the disk is full.

    The last line holds the fixed parameters of the last part; a stream that failed writes nothing any more.
    """
    last = flat.GetNthTransform(flat.GetNumberOfTransforms() - 1)
    text = path.read_bytes()
    line = text.rstrip(b"\n").rpartition(b"\n")[2]
    label, _, numbers = line.partition(b":")
    return (
        text.endswith(b"\n")
        and label == b"FixedParameters"
        and len(numbers.split()) == len(last.GetFixedParameters())
    )
