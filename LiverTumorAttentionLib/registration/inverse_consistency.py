"""Inverse consistency of a registration and that of the exchanged volumes.

Source: Christensen and Johnson, IEEE Trans. Med. Imaging 20 (2001): the inverse consistency error
|g(f(p)) - p| of a forward transform f and a backward one g that were found each by itself. Departs: g is found
with a coarser mesh and from the inverse of f's linear part, which takes a tenth of the time; so g differs from
f's inverse by some tenths of a millimetre even where both are right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.bspline import deform
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.working_pair import WorkingPair

MOST_POINTS = 4000


@dataclass(frozen=True, kw_only=True)
class InverseConsistency:
    """|g(f(p)) - p| over the points of a region: mean and 95th percentile, mm."""

    mean_mm: float
    p95_mm: float


def inverse_consistency_error(
    forward: sitk.Transform, backward: sitk.Transform, region: sitk.Image, moving: sitk.Image
) -> InverseConsistency | None:
    """Return the distance |g(f(p)) - p| over a region; None where all points leave `moving`.

    forward: fixed to moving points (LPS, mm); backward: moving to fixed points. region: 0/1 mask of the fixed
    points that count, of which at most `MOST_POINTS` are taken, evenly.
    """
    voxels = np.argwhere(sitk.GetArrayViewFromImage(region) > 0)[:, ::-1]
    voxels = voxels[:: -(-len(voxels) // MOST_POINTS) or 1]
    size = np.array(moving.GetSize())
    lengths = []
    for voxel in voxels:
        point = region.TransformIndexToPhysicalPoint([int(v) for v in voxel])
        there = forward.TransformPoint(point)
        index = np.array(moving.TransformPhysicalPointToContinuousIndex(there))
        if np.all((index >= -0.5) & (index <= size - 0.5)):
            lengths.append(np.linalg.norm(np.subtract(backward.TransformPoint(there), point)))
    if not lengths:
        return None
    return InverseConsistency(mean_mm=float(np.mean(lengths)), p95_mm=float(np.percentile(lengths, 95)))


def backward_transform(
    work: WorkingPair, linear: sitk.Transform, settings: RegistrationSettings, progress: Progress, seed: int
) -> sitk.Transform | None:
    """Return the transform of the exchanged volumes, found coarsely by itself from the inverse of `linear`."""
    exchanged = work.exchanged(linear, settings)
    if exchanged is None:
        return None
    quick = replace(
        settings,
        levels=2,
        mesh_mm=2 * settings.mesh_mm,
        deform_spacing_mm=2 * settings.deform_spacing_mm,
    )
    inverse = linear.GetInverse()
    spline = deform(
        exchanged.resampled(quick.deform_spacing_mm, around=inverse), inverse, quick, progress, seed
    )
    return inverse if spline is None else sitk.CompositeTransform([inverse, spline])
