"""Numbers that say how well two volumes lie on each other, and how a transform treats space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

OUTSIDE = -32768.0
"""Value that marks a voxel outside the moving image; no clipped HU value comes near it."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How much one volume tells about the other inside a region.

    normalised: (H(A) + H(B)) / H(A, B) - 1 of the intensities A, B: 0 for independent, 1 for one-to-one.
        Source: Studholme, Hill, Hawkes, Pattern Recognition 32 (1999), shifted to start at 0.
    mutual: mutual information in nat, less its bias from counting (Miller, Madow).
    coverage: share of the region that lies inside the moving volume.
    """

    normalised: float
    mutual: float
    coverage: float

    @property
    def score(self) -> float:
        """Information about the whole region: what lies outside the moving volume tells nothing."""
        return self.mutual * self.coverage


def similarity(
    fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform, region: sitk.Image, *, bins: int = 32
) -> Similarity:
    """Return the similarity of `fixed` and `moving`, moved by `transform`, in `region` (on fixed's grid).

    Both volumes are clipped to the same window beforehand; the histogram covers the values that occur.
    """
    moved = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, OUTSIDE, sitk.sitkFloat32)
    inside = sitk.GetArrayViewFromImage(region) > 0
    a = sitk.GetArrayViewFromImage(fixed)[inside]
    b = sitk.GetArrayViewFromImage(moved)[inside]
    known = b > OUTSIDE / 2
    if np.count_nonzero(known) < 64:
        return Similarity(normalised=0.0, mutual=0.0, coverage=float(known.mean()) if len(b) else 0.0)
    normalised, mutual = mutual_information(a[known], b[known], bins)
    return Similarity(normalised=normalised, mutual=mutual, coverage=float(known.mean()))


def mutual_information(a: np.ndarray, b: np.ndarray, bins: int = 32) -> tuple[float, float]:
    """Return (normalised mutual information 0..1, mutual information in nat) of two samples (n,)."""
    joint = np.histogram2d(a, b, bins=bins)[0]
    count = joint.sum()

    def entropy(histogram: np.ndarray) -> float:
        p = histogram[histogram > 0] / count
        return float(-(p * np.log(p)).sum() + (len(p) - 1) / (2 * count))

    h_a, h_b, h_ab = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)), entropy(joint)
    mutual = max(h_a + h_b - h_ab, 0.0)
    return (mutual / h_ab if h_ab > 0 else 0.0), mutual


def displacement(transform: sitk.Transform, grid: sitk.Image) -> np.ndarray:
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


def jacobian(field: np.ndarray, grid: sitk.Image) -> np.ndarray:
    """Return the Jacobian determinant (z, y, x) of p -> p + u(p), for u (z, y, x, 3) at grid's voxels.

    1 keeps volume, 0.5 halves it, 0 or less folds. Central differences; any direction matrix.
    """
    direction = np.array(grid.GetDirection()).reshape(3, 3)
    columns = direction * np.array(grid.GetSpacing())
    per_axis = [np.gradient(field, axis=axis) if field.shape[axis] > 1 else 0 * field for axis in (2, 1, 0)]
    moved = np.stack([columns[:, k] + per_axis[k] for k in range(3)], axis=-1)
    return np.linalg.det(moved) / np.linalg.det(columns)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Dice overlap of two boolean arrays; 1 when both are empty."""
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return float(2.0 * np.count_nonzero(a & b) / total) if total else 1.0


def surface_distance_mm(a: np.ndarray, b: np.ndarray, spacing_mm: tuple[float, ...]) -> float:
    """Return the mean symmetric surface distance (mm) of two boolean arrays (z, y, x); nan if one is empty.

    spacing_mm is (x, y, z). Surface voxels are averaged.
    """
    if not a.any() or not b.any():
        return float("nan")
    sampling = spacing_mm[::-1]
    surface_a, surface_b = (m & ~ndimage.binary_erosion(m) for m in (a, b))
    to_a = ndimage.distance_transform_edt(~surface_a, sampling=sampling)
    to_b = ndimage.distance_transform_edt(~surface_b, sampling=sampling)
    return float(np.concatenate([to_b[surface_a], to_a[surface_b]]).mean())
