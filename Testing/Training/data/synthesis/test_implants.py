"""Implanted lesions: sizes, edges, what stays, and which contrasts are rare."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.synthesis.atlases import HEPATIC, PORTAL, Tissue
from training.data.synthesis.implants import _profiles, add_perfusion_difference, implant_lesions
from training.data.synthesis.label_synthesis import _contrasts
from training.data.synthesis.vessel_trees import add_tree, grown_trees

SPACING = (2.0, 1.0, 1.0)


@pytest.fixture
def liver() -> np.ndarray:
    mask = np.zeros((40, 80, 80), bool)
    mask[4:36, 8:72, 8:72] = True
    return mask


def test_lesions_that_are_bright_in_the_portal_phase_alone_are_rare():
    rng = np.random.default_rng(3)
    drawn = [_profiles(rng, 20.0, ("portal", "arterial")) for _ in range(2000)]
    bright = [portal.mean() > 10 and arterial.max() < 10 for portal, arterial in drawn]
    assert 0 < np.mean(bright) < 0.02


@pytest.mark.parametrize(
    ("phase", "brighter"), [("portal", (0.02, 0.3)), ("arterial", (0.3, 0.9)), ("plain", (0, 0.1))]
)
def test_lesions_of_a_volume_alone_show_the_contrasts_of_its_phase(phase, brighter):
    rng = np.random.default_rng(4)
    drawn = np.array([_profiles(rng, 10.0, (phase,))[0] for _ in range(600)])
    assert (abs(drawn).mean(axis=1) >= 20).all()  # what does not show there is no lesion there
    assert brighter[0] <= np.mean(drawn.mean(axis=1) > 0) <= brighter[1]


def test_both_phases_get_one_lesion_with_a_soft_edge_and_nothing_else_changes(liver):
    for seed in range(4):
        volumes = [np.full(liver.shape, 100, np.float32), np.full(liver.shape, 70, np.float32)]
        mask = implant_lesions(volumes, liver, (100, 70), np.random.default_rng(seed), SPACING, count=3)
        assert mask.any()
        assert not (mask & ~liver).any()
        assert all((volume[~liver] == level).all() for volume, level in zip(volumes, (100, 70), strict=True))
        changed = np.maximum(abs(volumes[0] - 100), abs(volumes[1] - 70))
        assert changed[mask].mean() > 8
        assert changed[liver & ~mask].mean() < 1


def test_a_lesion_keeps_the_noise_of_the_scan(liver):
    noise = np.random.default_rng(1).normal(0, 15, liver.shape).astype(np.float32)
    volumes = [np.float32(100) + noise]
    mask = implant_lesions(volumes, liver, (100,), np.random.default_rng(0), SPACING, count=3, grain_mm=1.2)
    core = volumes[0][mask]
    assert np.corrcoef(core, noise[mask])[0, 1] > 0.3


def test_no_lesion_is_darker_than_fluid(liver):
    for seed in range(6):
        volumes = [np.full(liver.shape, 45, np.float32)]
        mask = implant_lesions(volumes, liver, (45,), np.random.default_rng(seed), SPACING, count=4)
        assert volumes[0][mask].min() >= -10.5


def test_a_perfusion_difference_is_vague_and_inside_the_liver(liver):
    for seed in range(4):
        arterial = np.full(liver.shape, 70, np.float32)
        add_perfusion_difference(arterial, liver, np.random.default_rng(seed), SPACING)
        change = arterial - 70
        assert (change[~liver] == 0).all()
        assert change.min() >= 0
        assert 5 < change.max() <= 50
        inside = liver[:, :, 1:] & liver[:, :, :-1]
        assert abs(np.diff(change, axis=2))[inside].max() < 15  # no edge that a lesion would have


def test_a_liver_that_the_field_of_view_cuts_has_perfusion_differences_too(liver):
    cut = liver[10:20, :40, 10:60]
    arterial = np.full(cut.shape, 70, np.float32)
    add_perfusion_difference(arterial, cut, np.random.default_rng(0), SPACING)
    assert arterial.max() > 75


def test_no_lesion_is_laid_over_one_that_is_there(liver):
    volumes = [np.full(liver.shape, 100, np.float32)]
    rng = np.random.default_rng(0)
    assert not implant_lesions(volumes, liver, (100,), rng, SPACING, count=5, taken=liver.copy()).any()


def test_each_tree_has_its_own_hu_and_voxels_at_its_border_hold_a_part(liver):
    rng = np.random.default_rng(2)
    trees = grown_trees(liver, rng, SPACING)
    assert ((trees[PORTAL] > 0.05) & (trees[PORTAL] < 0.95)).any()
    volume = np.full(liver.shape, 100, np.float32)
    add_tree([volume], liver, trees[HEPATIC], [160], rng, SPACING)
    assert volume[trees[HEPATIC] == 1].mean() == pytest.approx(160, abs=12)
    assert (volume[trees[HEPATIC] == 0] == 100).all()


def test_livers_reach_from_40_to_180_hu_and_hepatic_veins_are_dark_in_the_arterial_phase():
    rng = np.random.default_rng(5)
    drawn = [_contrasts(rng) for _ in range(3000)]
    levels = np.array([portal[Tissue.LIVER] for portal, _ in drawn])
    assert np.percentile(levels, 1) < 45
    assert levels.max() > 165
    assert levels.max() <= 180
    late = [a[Tissue.HEPATIC_VEIN] < a[Tissue.LIVER] for p, a in drawn]
    assert np.mean(late) > 0.7
