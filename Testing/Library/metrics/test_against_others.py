"""Metrics against MONAI's and DeepMind's surface-distance: the same where definitions are, and told apart elsewhere."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import ndimage

from LiverTumorAttentionLib.metrics import confusion, dice_global, surface_distances

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import surface_distance
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_iou,
    )
    from monai.metrics.confusion_matrix import compute_confusion_matrix_metric, get_confusion_matrix

SPACING = (5.0, 0.8, 0.6)
DIAGONAL_MM = math.hypot(*SPACING)


def blob(seed: int) -> np.ndarray:
    """A random object of several lumps, some of them at the border of the volume."""
    noise = np.random.default_rng(seed).standard_normal((10, 32, 40))
    return ndimage.gaussian_filter(noise, (1.0, 3.0, 4.0)) > 0.05


PAIRS = [(blob(seed), blob(seed) ^ (blob(seed + 100) & blob(seed + 200))) for seed in range(4)] + [
    (blob(11), blob(12)),
    (blob(13), blob(14)),
]


def one_hot(mask: np.ndarray) -> torch.Tensor:
    """Return (batch 1, channel 1, z, y, x)."""
    return torch.from_numpy(mask.astype(np.float32))[None, None]


@pytest.mark.parametrize(("prediction", "truth"), PAIRS)
def test_overlap_is_that_of_monai(prediction: np.ndarray, truth: np.ndarray) -> None:
    ours = confusion(prediction, truth)
    first, second = one_hot(prediction), one_hot(truth)
    assert ours.dice == pytest.approx(compute_dice(first, second).item(), rel=1e-6)
    assert ours.jaccard == pytest.approx(compute_iou(first, second).item(), rel=1e-6)
    counts = get_confusion_matrix(first, second)
    for name, value in (
        ("sensitivity", ours.tpr),
        ("specificity", ours.tnr),
        ("precision", ours.precision),
        ("f1 score", ours.f1),
        ("balanced accuracy", ours.accuracy),
    ):
        theirs = compute_confusion_matrix_metric(name, counts).item()
        assert value == pytest.approx(theirs, rel=1e-6), name


def test_global_dice_is_the_dice_of_all_cases_side_by_side() -> None:
    ours = dice_global(confusion(prediction, truth) for prediction, truth in PAIRS)
    predictions, truths = (np.concatenate(side) for side in zip(*PAIRS, strict=True))
    assert ours == pytest.approx(compute_dice(one_hot(predictions), one_hot(truths)).item(), rel=1e-6)


@pytest.mark.parametrize(("prediction", "truth"), PAIRS)
def test_surface_distances_are_those_of_monai(prediction: np.ndarray, truth: np.ndarray) -> None:
    ours = surface_distances(prediction, truth, SPACING)
    arguments = {"y_pred": one_hot(prediction), "y": one_hot(truth), "include_background": True}
    largest = compute_hausdorff_distance(**arguments, spacing=SPACING)
    ninety_fifth = compute_hausdorff_distance(**arguments, spacing=SPACING, percentile=95)
    average = compute_average_surface_distance(**arguments, spacing=SPACING, symmetric=True)
    assert ours.hd_mm == pytest.approx(largest.item(), rel=1e-6)
    assert ours.hd95_mm == pytest.approx(ninety_fifth.item(), rel=1e-6)
    assert ours.assd_mm == pytest.approx(average.item(), rel=1e-5)


def test_contours_of_a_slice_are_those_of_monai() -> None:
    for prediction, truth in PAIRS:
        ours = surface_distances(prediction[4], truth[4], (1.0, 1.0))
        arguments = {"y_pred": one_hot(prediction[4]), "y": one_hot(truth[4]), "include_background": True}
        assert ours.hd_mm == pytest.approx(compute_hausdorff_distance(**arguments).item(), rel=1e-6)


@pytest.mark.parametrize("empty", ["prediction", "truth"])
@pytest.mark.filterwarnings("ignore:.*is all 0")
def test_where_one_side_is_empty_monai_has_inf_and_this_library_nan(empty: str) -> None:
    nothing, something = np.zeros_like(blob(1)), blob(1)
    prediction, truth = (nothing, something) if empty == "prediction" else (something, nothing)
    theirs = compute_hausdorff_distance(
        one_hot(prediction), one_hot(truth), include_background=True, spacing=SPACING
    ).item()
    assert not math.isfinite(theirs)
    assert math.isnan(surface_distances(prediction, truth, SPACING).hd_mm)


@pytest.mark.filterwarnings("ignore:Please import")
@pytest.mark.parametrize(("prediction", "truth"), PAIRS)
def test_the_hausdorff_distance_of_corners_differs_by_a_diagonal_at_most(
    prediction: np.ndarray, truth: np.ndarray
) -> None:
    ours = surface_distances(prediction, truth, SPACING)
    theirs = surface_distance.compute_surface_distances(truth, prediction, SPACING)
    largest = surface_distance.compute_robust_hausdorff(theirs, 100)
    assert abs(ours.hd_mm - largest) <= DIAGONAL_MM


@pytest.mark.filterwarnings("ignore:Please import")
def test_plates_of_one_slice_have_one_layer_of_voxels_and_two_of_corners() -> None:
    """Two slices of 5 mm apart: each voxel lies 10 mm from the other plate; of the corners, one layer 10, one 5."""
    first, second = np.zeros((8, 9, 9), bool), np.zeros((8, 9, 9), bool)
    first[2], second[4] = True, True
    ours = surface_distances(first, second, SPACING)
    theirs = surface_distance.compute_surface_distances(first, second, SPACING)
    assert (ours.assd_mm, ours.hd_mm) == pytest.approx((10.0, 10.0))
    assert surface_distance.compute_average_surface_distance(theirs) == pytest.approx((7.5, 7.5))
    assert surface_distance.compute_robust_hausdorff(theirs, 100) == pytest.approx(10.0)


@pytest.mark.filterwarnings("ignore:Please import")
def test_a_bar_that_is_one_voxel_too_long_tells_voxels_from_areas() -> None:
    """A bar of 4 voxels along z and 1 x 1 across, found with a fifth, 5 mm farther.

    By voxels: 9 distances, all 0 but one of 5 mm. By areas, found to true: planes of 4 corners stand at 6 heights.
    A corner between two voxels carries a rectangle of dz by half the diagonal of the bar, one at an end a triangle
    through the middles of three edges; the 4 corners at the far end lie 5 mm away, all others 0.
    """
    truth, prediction = np.zeros((9, 5, 5), bool), np.zeros((9, 5, 5), bool)
    truth[2:6, 2, 2] = True
    prediction[2:7, 2, 2] = True
    assert surface_distances(prediction, truth, SPACING).assd_mm == pytest.approx(5.0 / 9)

    dz, dy, dx = SPACING
    between = dz * math.hypot(dy, dx) / 2
    end = math.sqrt((dx * dy) ** 2 + (dx * dz) ** 2 + (dy * dz) ** 2) / 8
    theirs = surface_distance.compute_surface_distances(truth, prediction, SPACING)
    back, forth = surface_distance.compute_average_surface_distance(theirs)
    assert back == 0.0
    assert forth == pytest.approx(5.0 * end / (4 * between + 2 * end))
