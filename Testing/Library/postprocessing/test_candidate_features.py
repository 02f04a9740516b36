"""Features of candidates whose size, shape and surroundings are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.postprocessing import FEATURES, CandidateVolumes, candidate_features
from LiverTumorAttentionLib.postprocessing.candidate_features import _depth_mm
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

SPACING = (2.0, 1.0, 1.0)
SHAPE = (40, 90, 90)
LIVER_HU, LESION_HU, VESSEL_HU, FAT_HU = 100.0, 60.0, 180.0, -100.0


def positions() -> tuple[np.ndarray, ...]:
    """Return z, y, x of every voxel in mm, 0 in the middle."""
    return tuple((np.indices(SHAPE)[axis] - (SHAPE[axis] - 1) / 2) * SPACING[axis] for axis in range(3))


Z, Y, X = positions()
LIVER = Z**2 + Y**2 + X**2 <= 36.0**2


def volumes(candidate: np.ndarray, **changes: object) -> CandidateVolumes:
    """A ball of liver in fat with one candidate, which the network is sure of."""
    instances = LIVER.astype(np.uint16)
    instances[candidate] = 2
    portal = np.where(LIVER, LIVER_HU, FAT_HU)
    portal[candidate] = LESION_HU
    values = {
        "instances": instances,
        "liver": LIVER,
        "probability": candidate.astype(np.float32) * np.float32(0.75),
        "portal": portal,
        "spacing_zyx_mm": SPACING,
    }
    return CandidateVolumes(**{**values, **changes})


def of_one(candidate: np.ndarray, **changes: object) -> dict[str, float]:
    found = candidate_features(volumes(candidate, **changes))
    assert list(found) == [1]
    return found[1]


BALL = Z**2 + Y**2 + X**2 <= 9.0**2


def test_every_feature_is_there_and_documented() -> None:
    features = of_one(BALL, arterial=np.full(SHAPE, 70.0), deviation=np.full(SHAPE, 0.1))
    assert set(features) == {feature.name for feature in FEATURES}
    assert all(feature.text for feature in FEATURES)
    assert all(math.isfinite(value) for value in features.values())
    for feature in FEATURES:
        assert feature.name.endswith(f"_{feature.unit.lower()}") == bool(feature.unit), feature.name


def test_a_ball_in_the_middle_of_the_liver() -> None:
    features = of_one(BALL)
    assert features["equivalent_diameter_mm"] == pytest.approx(18.0, abs=0.3)
    assert features["elongation"] == pytest.approx(1.0, abs=0.03)
    assert features["flatness"] == pytest.approx(1.0, abs=0.05)
    assert features["sphericity"] == pytest.approx(1.0, abs=0.1)
    assert features["slices"] == 8
    assert features["slice_spacing_mm"] == 2.0
    # The mean distance of a ball's points from its center is 3/4 of its radius.
    assert features["depth_mm"] == pytest.approx(36.0 - 0.75 * 9.0, abs=1.0)
    assert features["deep_share"] == 1.0
    assert features["outside_share"] == features["outside_contact"] == 0.0
    assert features["liver_volume_ml"] == pytest.approx(4 / 3 * math.pi * 36.0**3 / 1000, rel=0.01)


def test_probabilities_in_it_at_its_border_and_around_it() -> None:
    probability = np.where(BALL, 0.75, 0.125).astype(np.float32)
    probability[20, 45, 45] = 1.0
    features = of_one(BALL, probability=probability)
    assert features["peak_probability"] == 1.0
    assert features["mean_probability"] == pytest.approx(0.75, abs=1e-3)
    assert features["border_probability"] == pytest.approx(0.75)
    assert features["contact_probability"] == pytest.approx(0.125)


def test_a_tube_is_long_and_a_sheet_is_flat() -> None:
    tube = (Y**2 + X**2 <= 3.0**2) & (np.abs(Z) <= 24)
    features = of_one(tube)
    # Standard deviations: half its length by the root of 3 along it, half its radius across it.
    assert features["elongation"] == pytest.approx((49.0 / math.sqrt(12)) / 1.5, rel=0.1)
    assert features["flatness"] == pytest.approx(1.0, abs=0.05)
    assert features["sphericity"] < 0.8
    sheet = (np.abs(Y) <= 2.0) & (np.abs(Z) <= 15) & (np.abs(X) <= 15)
    features = of_one(sheet)
    assert features["elongation"] == pytest.approx(1.0, abs=0.1)
    assert features["flatness"] == pytest.approx(30 / 4)  # voxels, 4 of them across


def test_shapes_do_not_depend_on_how_they_lie() -> None:
    along_z = (Y**2 + X**2 <= 4.0**2) & (np.abs(Z) <= 20)
    turned = (((Y - X) / math.sqrt(2)) ** 2 + Z**2 <= 4.0**2) & (np.abs((Y + X) / math.sqrt(2)) <= 20)
    first, second = of_one(along_z), of_one(turned)
    assert first["elongation"] == pytest.approx(second["elongation"], rel=0.1)
    # Faces of voxels: a side that lies along the grid has fewer of them than one that lies across it.
    assert first["sphericity"] == pytest.approx(second["sphericity"], rel=0.25)


def test_one_voxel_has_a_shape() -> None:
    voxel = np.zeros(SHAPE, bool)
    voxel[20, 45, 45] = True
    features = of_one(voxel)
    assert features["elongation"] == pytest.approx(2.0)
    assert features["flatness"] == pytest.approx(1.0)
    assert features["slices"] == 1


def test_contrasts_are_against_the_liver_around_and_the_whole_liver() -> None:
    """A liver that is 20 HU darker around the candidate, but for the whole of it 100 HU."""
    near = Z**2 + Y**2 + X**2 <= 22.0**2
    portal = np.where(LIVER, np.where(near, 80.0, LIVER_HU), FAT_HU)
    portal[BALL] = LESION_HU
    features = of_one(BALL, portal=portal)
    assert features["portal_contrast_hu"] == LESION_HU - 80.0
    assert features["portal_level_hu"] == LESION_HU - LIVER_HU
    assert features["portal_sd_hu"] == 0.0
    assert features["liver_hu"] == LIVER_HU


def test_without_an_arterial_phase_and_averaging_their_features_are_missing() -> None:
    features = of_one(BALL)
    missing = {name for name, value in features.items() if math.isnan(value)}
    assert missing == {"arterial_contrast_hu", "arterial_level_hu", "arterial_sd_hu", "deviation"}
    with_both = of_one(BALL, arterial=np.where(BALL, 90.0, 50.0), deviation=np.where(BALL, 0.25, 0.0))
    assert with_both["arterial_contrast_hu"] == with_both["arterial_level_hu"] == 40.0
    assert with_both["deviation"] == 0.25


def test_what_the_arterial_volume_did_not_see_does_not_count() -> None:
    arterial = np.where(BALL, 90.0, 50.0)
    arterial[: SHAPE[0] // 2] = -1024
    features = of_one(BALL, arterial=arterial)
    assert (features["arterial_contrast_hu"], features["arterial_sd_hu"]) == (40.0, 0.0)
    unseen = of_one(BALL, arterial=np.full(SHAPE, -1024.0))
    assert math.isnan(unseen["arterial_level_hu"])
    assert math.isnan(unseen["arterial_contrast_hu"])


def test_a_vessel_beside_it_is_bright_contact_and_fat_is_dark() -> None:
    portal = volumes(BALL).portal.copy()
    portal[(X > 0) & ~BALL & LIVER] = VESSEL_HU
    assert of_one(BALL, portal=portal)["bright_contact"] == pytest.approx(0.5, abs=0.05)
    assert of_one(BALL)["bright_contact"] == of_one(BALL)["dark_contact"] == 0.0


def test_under_the_capsule_it_touches_what_is_outside() -> None:
    below = Z**2 + Y**2 + (X - 36.0) ** 2 <= 9.0**2
    features = of_one(below)
    assert 0.4 < features["outside_share"] < 0.7
    assert 0.4 < features["outside_contact"] < 0.7
    assert features["dark_contact"] == features["outside_contact"]
    assert features["depth_mm"] < 3.0
    assert features["deep_share"] < 0.2


def test_other_candidates_do_not_count_as_liver_around() -> None:
    other = (np.abs(Z) <= 16) & (np.abs(Y) <= 16) & (np.abs(X) <= 16) & ~(Z**2 + Y**2 + X**2 <= 13.0**2)
    case = volumes(BALL)
    instances, portal = case.instances.copy(), case.portal.copy()
    instances[other], portal[other] = 3, 20.0
    features = candidate_features(replace(case, instances=instances, portal=portal))
    assert list(features) == [1, 2]
    assert features[1]["portal_contrast_hu"] == LESION_HU - LIVER_HU


def test_a_candidate_without_liver_around_has_no_contrast() -> None:
    everything = LIVER
    features = of_one(everything)
    assert math.isnan(features["portal_contrast_hu"])
    assert math.isnan(features["portal_level_hu"])


def test_a_volume_that_is_all_liver_has_no_border() -> None:
    features = of_one(BALL, liver=np.ones(SHAPE, bool), instances=np.where(BALL, 2, 1).astype(np.uint16))
    assert features["depth_mm"] == 100.0
    assert features["outside_share"] == 0.0


def test_depth_in_the_organs_own_box_is_that_in_the_whole() -> None:
    rng = np.random.default_rng(6)
    for _ in range(5):
        organ = np.zeros((14, 20, 18), bool)
        corner = rng.integers(0, 5, 3)
        part = organ[tuple(slice(at, at + int(rng.integers(6, 13))) for at in corner)]
        part[...] = rng.random(part.shape) < 0.97
        spacing = (2.5, 0.7, 0.9)
        np.testing.assert_allclose(_depth_mm(organ, spacing), distance_map_mm(~organ, spacing), atol=1e-5)


def test_no_candidate_is_a_result_and_other_grids_are_refused() -> None:
    case = volumes(np.zeros(SHAPE, bool))
    assert candidate_features(case) == {}
    assert candidate_features(replace(case, instances=np.zeros(SHAPE, np.uint16))) == {}
    with pytest.raises(InputError, match="bring all onto the same grid"):
        replace(case, portal=np.zeros((2, 3, 4)))
