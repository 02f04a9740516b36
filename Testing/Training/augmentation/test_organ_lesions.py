"""Lesions that are drawn into a liver stay liver: they change values within it, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from training.augmentation import draw_organ_lesions
from training.augmentation.organ_lesions import MOST, RADIUS_MM, SEEN_DARK, SEEN_HU, SHIFT_HU, OrganLesions
from training.recipes.settings import AugmentationSettings

SETTINGS = AugmentationSettings(organ_lesion_share=1.0)
DEPTHS_MM, SPACING_MM = (-5.0, 0.0, 5.0), (2.5, 2.0)


def liver() -> np.ndarray:
    mask = np.zeros((3, 60, 80), bool)
    mask[:, 10:50, 15:70] = True
    return mask


def draw(seed: int, settings: AugmentationSettings = SETTINGS, mask: np.ndarray | None = None):
    mask = liver() if mask is None else mask
    return draw_organ_lesions(np.random.default_rng(seed), settings, mask, DEPTHS_MM, SPACING_MM)


def test_without_the_setting_no_number_is_drawn():
    rng = np.random.default_rng(1)
    assert draw_organ_lesions(rng, AugmentationSettings(), liver(), DEPTHS_MM, SPACING_MM) is None
    assert rng.random() == np.random.default_rng(1).random()


def test_the_share_of_samples_is_the_one_asked_for():
    settings = AugmentationSettings(organ_lesion_share=0.3)
    assert np.mean([draw(seed, settings) is not None for seed in range(400)]) == pytest.approx(0.3, abs=0.07)


def test_a_sample_without_liver_gets_none():
    beside = liver()
    beside[1] = False
    assert draw(1, mask=beside) is None


@pytest.mark.parametrize("seed", range(8))
def test_values_change_within_the_liver_alone_by_what_a_lesion_may_differ(seed: int):
    hu = np.full((3, 60, 80), 100, np.int16)
    lesions = draw(seed)
    assert 1 <= len(lesions.shares) <= MOST
    changed = lesions.in_phase(np.random.default_rng(seed), hu)
    np.testing.assert_array_equal(changed[~liver()], 100)
    assert (changed != 100).any()
    assert MOST * SHIFT_HU[0] <= changed.min() - 100
    assert changed.max() - 100 <= MOST * SHIFT_HU[1]
    assert (hu == 100).all()


def test_each_phase_gets_changes_of_its_own_in_the_same_places():
    lesions, hu, rng = draw(3), np.full((3, 60, 80), 100.0), np.random.default_rng(3)
    portal, arterial = lesions.in_phase(rng, hu), lesions.in_phase(rng, hu)
    np.testing.assert_array_equal(portal != 100, arterial != 100)
    assert (portal != arterial).any()


def test_a_lesion_is_a_ball_whose_section_shrinks_with_the_distance_from_its_middle():
    whole = np.ones((41, 120, 120), bool)
    depths = np.arange(-20, 21) * 4.0
    found = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        lesions = draw_organ_lesions(rng, SETTINGS, whole, depths, (2.0, 2.0))
        for share in lesions.shares:
            area_mm2 = share.sum(axis=(1, 2)) * 4.0
            inside = share[:, 30:90, 30:90].sum() > 0.99 * share.sum()  # not cut by the sample's edge
            if not inside:
                continue
            largest = int(area_mm2.argmax())
            assert (np.diff(area_mm2[: largest + 1]) >= 0).all(), "rises to its middle"
            assert (np.diff(area_mm2[largest:]) <= 0).all(), "falls from there"
            found.append((area_mm2.max() / np.pi) ** 0.5)
            volume_mm3 = area_mm2.sum() * 4.0
            assert volume_mm3 == pytest.approx(4 / 3 * np.pi * found[-1] ** 3, rel=0.35)
    assert len(found) > 20
    assert min(found) > 0.6 * RADIUS_MM[0]
    assert max(found) < 1.4 * RADIUS_MM[1]


def test_every_second_lesion_lies_at_the_border():
    mask = np.ones((1, 200, 200), bool)
    near = []
    for seed in range(150):
        lesions = draw_organ_lesions(np.random.default_rng(seed), SETTINGS, mask, (0.0,), (2.0, 2.0))
        for share in lesions.shares:
            y, x = (int(at) for at in np.argwhere(share[0] >= share[0].max() - 1e-6).mean(axis=0))
            radius = (share.sum() * 4 / np.pi) ** 0.5
            near.append(2.0 * min(y, x, 199 - y, 199 - x) <= 1.3 * radius)
    assert np.mean(near) > 0.45


def test_lesions_that_must_be_found_differ_from_the_liver_and_most_are_dark():
    shares = np.eye(2000, dtype=np.float32).reshape(2000, 1, 20, 100)
    lesions = OrganLesions(shares=shares, seen=True)
    change = lesions.in_phase(np.random.default_rng(1), np.zeros((1, 20, 100)))
    assert np.abs(change).min() >= SEEN_HU
    assert SHIFT_HU[0] <= change.min()
    assert change.max() <= SHIFT_HU[1]
    assert (change < 0).mean() == pytest.approx(SEEN_DARK, abs=0.03)
    unseen = OrganLesions(shares=shares).in_phase(np.random.default_rng(1), np.zeros((1, 20, 100)))
    assert np.abs(unseen).min() < 1


def test_the_truth_is_what_a_lesion_fills_by_half():
    lesions = draw(5)
    np.testing.assert_array_equal(lesions.truth, (lesions.shares >= 0.5).any(axis=0))
    assert lesions.truth.any()
    assert not lesions.truth[~liver()].any()
