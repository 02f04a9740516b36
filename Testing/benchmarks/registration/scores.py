"""How good a displacement is, against the truth in the box of the liver."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.metrics.overlap import confusion
from LiverTumorAttentionLib.registration.transform_io import jacobian_determinant
from Testing.benchmarks.registration.pairs import Truth, read_truth, read_volume


def score(pair: Path, found: np.ndarray) -> dict[str, float]:
    """Return target registration errors (mm), overlap of the livers and folding, before and after.

    found: displacement (z, y, x, 3) in the box of `read_truth`.
    """
    truth = read_truth(pair)
    liver = sitk.RegionOfInterest(read_volume(pair, "portal_liver"), truth.box.GetSize(), truth.start)
    inside = sitk.GetArrayViewFromImage(liver) > 0
    arterial_liver = read_volume(pair, "arterial_liver")
    points = points_of(truth.box)
    folding = jacobian_determinant(found.astype(float), truth.box)[inside]
    return {
        **spread("tre_before", np.linalg.norm(truth.displacement[inside], axis=-1)),
        **spread("tre_after", np.linalg.norm((found - truth.displacement)[inside], axis=-1)),
        **at_branches(truth, found),
        "liver_dice_before": confusion(inside, sampled(arterial_liver, points)).dice,
        "liver_dice_after": confusion(inside, sampled(arterial_liver, points + found)).dice,
        "folded_share": float((folding <= 0).mean()),
        "jacobian_min": float(folding.min()),
    }


def at_branches(truth: Truth, found: np.ndarray) -> dict[str, float]:
    """Return the errors where vessels divide."""
    index = [
        truth.box.TransformPhysicalPointToContinuousIndex([float(v) for v in p]) for p in truth.branch_points
    ]
    at = np.array(index).reshape(-1, 3).T[::-1]

    def read(field: np.ndarray) -> np.ndarray:
        return np.stack(
            [ndimage.map_coordinates(field[..., k], at, order=1, mode="nearest") for k in range(3)]
        )

    before, after = read(truth.displacement), read(found)
    return {
        "branch_points": len(index),
        **spread("branch_before", np.linalg.norm(before, axis=0)),
        **spread("branch_after", np.linalg.norm(after - before, axis=0)),
    }


def spread(name: str, lengths: np.ndarray) -> dict[str, float]:
    """Return the mean and the 95th percentile of lengths in mm; nan where there are none."""
    known = lengths.size > 0
    return {
        f"{name}_mean_mm": float(lengths.mean()) if known else float("nan"),
        f"{name}_p95_mm": float(np.percentile(lengths, 95)) if known else float("nan"),
    }


def points_of(grid: sitk.Image) -> np.ndarray:
    """Return the LPS points (z, y, x, 3) of a grid's voxels."""
    z, y, x = np.indices(grid.GetSize()[::-1], dtype=np.float32)
    return np.stack([x, y, z], axis=-1) @ columns(grid).T + np.array(grid.GetOrigin())


def columns(grid: sitk.Image) -> np.ndarray:
    """Return the steps (mm) along x, y, z of a grid as the columns of a matrix."""
    return np.array(grid.GetDirection()).reshape(3, 3) * np.array(grid.GetSpacing())


def indices_in(grid: sitk.Image, points: np.ndarray) -> np.ndarray:
    """Return the continuous indices (z, y, x; stacked first) of points (..., 3) in a grid."""
    index = (points - np.array(grid.GetOrigin())) @ np.linalg.inv(columns(grid)).T
    return np.moveaxis(index, -1, 0)[::-1]


def sampled(mask: sitk.Image, points: np.ndarray) -> np.ndarray:
    """Return whether points (..., 3) lie in a mask; beyond its volume they do not."""
    values = sitk.GetArrayFromImage(mask).astype(np.float32)
    return ndimage.map_coordinates(values, indices_in(mask, points), order=1, cval=0.0) >= 0.5
