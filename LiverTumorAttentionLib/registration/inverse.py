"""The way back: from points of the arterial volume to points of the portal one."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.registration.transform_io import FIELD_SPACING_MM, flattened, sampled_field

ITERATIONS = 40
TOLERANCE_MM = 0.01


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
    for _ in range(ITERATIONS):
        at = index + np.tensordot(per_mm, v, axes=1)
        new = -np.stack([ndimage.map_coordinates(c, at[::-1], order=1, mode="nearest") for c in u])
        change = float(np.abs(new - v).max())
        v = new
        if change < TOLERANCE_MM:
            break
    field = sitk.GetImageFromArray(np.moveaxis(v, 0, -1), isVector=True)
    field.CopyInformation(forward)
    return sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))
