"""Patches of candidates: what each channel shows, and how large a patch is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.postprocessing import PatchVolumes
from LiverTumorAttentionLib.postprocessing.candidate_patches import SAMPLES, patch_step_mm
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

SHAPE = (30, 80, 90)
CENTER = (15.0, 40.0, 45.0)
PORTAL, ARTERIAL, IMAGED, PROBABILITY, CANDIDATE, LIVER, STEP = range(7)


def volumes(**changes: object) -> PatchVolumes:
    """A ball of 12 mm, dark in the portal and bright in the arterial phase, in a liver that ends at x = 60."""
    z, y, x = np.indices(SHAPE)
    ball = ((z - 15) * 2) ** 2 + (y - 40) ** 2 + (x - 45) ** 2 <= 6**2
    liver = x < 60
    given = {
        "portal": np.where(ball, 60.0, np.where(liver, 110.0, -100.0)).__getitem__,
        "arterial": np.where(ball, 150.0, np.where(y < 60, 75.0, OUTSIDE_HU)).__getitem__,
        "probability": np.where(ball, 0.75, np.nan).__getitem__,
        "liver": liver.__getitem__,
        "instances": (liver + 2 * ball).__getitem__,
        "shape": SHAPE,
        "spacing_mm": (2.0, 1.0, 1.0),
        "portal_hu": 110.0,
        "arterial_hu": 75.0,
    }
    return PatchVolumes(**{**given, **changes})


def test_channels_in_the_middle_of_a_lesion_and_beside_it() -> None:
    patch = volumes().patch(3, CENTER, 12.0)
    assert patch.shape == (7, SAMPLES, SAMPLES, SAMPLES)
    assert patch.dtype == np.float32
    middle = patch[:, SAMPLES // 2, SAMPLES // 2, SAMPLES // 2]
    np.testing.assert_allclose(middle, [-1.0, 1.5, 1.0, 0.75, 1.0, 1.0, np.log2(36 / 32 / 1.2)], atol=1e-6)
    beside = patch[:, SAMPLES // 2, SAMPLES // 2, 2]  # 15 mm to the side, in the liver
    np.testing.assert_allclose(beside[:STEP], [0, 0, 1, 0, 0, 1], atol=1e-6)
    outside = patch[:, SAMPLES // 2, SAMPLES // 2, -1]  # fat beyond the liver, darker than is told apart
    np.testing.assert_allclose(outside[[PORTAL, LIVER]], [-4.0, 0.0])


def test_where_the_arterial_phase_saw_nothing_it_is_at_liver_level() -> None:
    patch = volumes().patch(3, (15.0, 58.0, 45.0), 12.0)
    unseen = patch[IMAGED] == 0
    assert 0.1 < unseen.mean() < 0.9
    assert not patch[ARTERIAL][unseen].any()
    for without in (volumes(arterial=None), volumes(arterial_hu=float("nan"))):
        patch = without.patch(3, CENTER, 12.0)
        assert not patch[ARTERIAL : IMAGED + 1].any()
        assert patch[PORTAL].any()


@pytest.mark.parametrize(("diameter_mm", "side_mm"), [(4.0, 36.0), (20.0, 60.0), (90.0, 160.0)])
def test_a_patch_grows_with_its_candidate_within_limits(diameter_mm: float, side_mm: float) -> None:
    assert patch_step_mm(diameter_mm) * SAMPLES == pytest.approx(side_mm)
    patch = volumes().patch(3, CENTER, diameter_mm)
    assert 2 ** patch[STEP, 0, 0, 0] * 1.2 * SAMPLES == pytest.approx(side_mm)


def test_more_samples_show_the_same_with_more_around() -> None:
    usual, wide = volumes().patch(3, CENTER, 12.0), volumes().patch(3, CENTER, 12.0, samples=SAMPLES + 16)
    np.testing.assert_allclose(wide[:, 8:-8, 8:-8, 8:-8], usual, atol=1e-5)


def test_another_candidate_is_none_of_it() -> None:
    assert not volumes().patch(4, CENTER, 12.0)[CANDIDATE].any()


def test_only_what_lies_around_is_read() -> None:
    read: list[Box] = []
    portal = volumes().portal

    def spied(box: Box) -> np.ndarray:
        read.append(box)
        return portal(box)

    replace(volumes(), portal=spied).patch(3, CENTER, 4.0)
    assert all(side.stop - side.start <= 42 for box in read for side in box)
