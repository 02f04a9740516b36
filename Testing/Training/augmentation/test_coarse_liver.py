"""The border of a coarse liver is moved by the margin and the roughness that are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.augmentation import perturbed_liver
from training.recipes.settings import AugmentationSettings

SPACING_MM = (1.25, 0.8)


def half(columns: int = 60) -> NDArray[np.uint8]:
    """Three slices whose first `columns` of 120 columns are liver: a straight border."""
    mask = np.zeros((3, 80, 120), np.uint8)
    mask[:, :, :columns] = 1
    return mask


def test_without_settings_the_mask_is_the_same_object():
    mask = half()
    assert perturbed_liver(np.random.default_rng(1), AugmentationSettings(), mask, SPACING_MM) is mask


@pytest.mark.parametrize("margin_mm", [-4.0, -2.4, 0.0, 2.4, 4.0])
def test_a_straight_border_moves_outward_by_the_margin(margin_mm: float):
    settings = AugmentationSettings(liver_margin_mm=(margin_mm, margin_mm))
    moved = perturbed_liver(np.random.default_rng(1), settings, half(), SPACING_MM)
    columns = moved.sum(axis=2)
    assert np.ptp(columns) == 0
    assert columns[0, 0] == pytest.approx(60 + margin_mm / SPACING_MM[1], abs=0.6)
    assert moved.dtype == np.uint8


def test_roughness_moves_the_border_smoothly_with_at_most_the_deviation_asked():
    settings = AugmentationSettings(liver_roughness_mm=3.0)
    rng = np.random.default_rng(1)
    shifts_mm = []
    for _ in range(60):
        moved = perturbed_liver(rng, settings, half(), SPACING_MM)
        assert (moved[0] == moved[1]).all()  # all slices of a sample alike
        border = moved[0].sum(axis=1).astype(float)
        assert np.abs(np.diff(border)).max() <= 3  # voxels from one row to the next
        shifts_mm.append((border - 60) * SPACING_MM[1])
    deviation = np.std(shifts_mm)
    # uniform from 0 to 3 mm: the root of its mean square is 3 / sqrt(3)
    assert deviation == pytest.approx(np.sqrt(3.0), rel=0.2)


def test_a_volume_is_perturbed_along_all_its_axes():
    mask = np.zeros((1, 24, 40, 40), np.uint8)
    mask[0, 6:18, 10:30, 10:30] = 1
    settings = AugmentationSettings(liver_margin_mm=(3.0, 3.0))
    moved = perturbed_liver(np.random.default_rng(1), settings, mask, (2.0, 1.0, 1.0))
    z, y, x = (np.flatnonzero(moved[0].any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    assert (len(z), len(y), len(x)) == pytest.approx((12 + 3, 20 + 6, 20 + 6), abs=1.1)
