"""Territories of known volume: a Y in a box, a tube along a bar, cuts of both trees together."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.analysis.vasculature.territories import Territories, VesselCut, side_of
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.analysis.vasculature.bodies import Points, grid, image_of, places, tubes

LIKE = grid((1.5, 1.5, 2.0), reach=45.0)
PLACE = places(LIKE)
BOX = (np.abs(PLACE) <= [30, 12, 20]).all(axis=-1)
"""60 x 24 x 40 mm about the middle."""
STEM: Points = [(0, 0, -30), (0, 0, -8)]
ARMS: list[Points] = [[(0, 0, -8), (24, 0, -8)], [(0, 0, -8), (-24, 0, -8)]]
HEPATIC: Points = [(-26, 0, 12), (26, 0, 12)]
"""Along the box, its root to the right, where the cava is."""
CAVA: Points = [(-28, 0, 10), (-28, 0, 34)]


@pytest.fixture(scope="module")
def liver() -> sitk.Image:
    return image_of(BOX.astype(np.uint16), LIKE)


@pytest.fixture(scope="module")
def vessels() -> Vessels:
    labels = np.zeros(BOX.shape, np.uint16)
    labels[tubes(PLACE, [STEM, *ARMS], 3.0)] = 1
    labels[tubes(PLACE, [HEPATIC], 3.0)] = 2
    labels[tubes(PLACE, [CAVA], 3.5)] = 3
    names = {1: "Portal vein", 2: "Hepatic veins", 3: "Vena cava"}
    return Vessels(labels=image_of(labels, LIKE), names=names)


@pytest.fixture(scope="module")
def territories(liver: sitk.Image, vessels: Vessels) -> Territories:
    return Territories(liver, vessels)


def test_an_arm_of_a_y_supplies_its_half_of_the_box(territories: Territories) -> None:
    found = territories.cut([VesselCut(point_lps_mm=(3.0, 0.0, -8.0))])
    (part,) = found.territories
    assert (part.vessel, part.side) == ("Portal vein", "supply")
    assert part.lost_percent == pytest.approx(50 - 100 * 3 / 60, abs=5)
    lost = PLACE[sitk.GetArrayFromImage(found.mask) == 1]
    assert lost[:, 0].min() > -2
    assert found.lost_ml == found.supply_lost_ml == pytest.approx(part.lost_ml)


def test_the_stem_supplies_all_and_a_cut_along_an_arm_what_lies_beyond(territories: Territories) -> None:
    assert territories.cut([VesselCut(point_lps_mm=(0.0, 0.0, -24.0))]).lost_percent == pytest.approx(
        100, abs=1
    )
    beyond = territories.cut([VesselCut(point_lps_mm=(12.0, 0.0, -8.0))])
    assert beyond.lost_ml == pytest.approx(18 * 24 * 40 / 1000, rel=0.15)


def test_a_hepatic_vein_drains_towards_the_cava(territories: Territories) -> None:
    near = territories.cut([VesselCut(point_lps_mm=(-15.0, 1.0, 12.0))])
    far = territories.cut([VesselCut(point_lps_mm=(15.0, 1.0, 12.0))])
    assert near.territories[0].side == far.territories[0].side == "drainage"
    assert near.lost_percent == pytest.approx(75, abs=6)
    assert far.lost_percent == pytest.approx(25, abs=6)
    assert set(np.unique(sitk.GetArrayFromImage(near.mask))) == {0, 2}


def test_cuts_of_both_trees_overlap(territories: Territories) -> None:
    cuts = [VesselCut(point_lps_mm=(1.5, 0.0, -8.0)), VesselCut(point_lps_mm=(15.0, 0.0, 12.0))]
    found = territories.cut(cuts)
    assert set(np.unique(sitk.GetArrayFromImage(found.mask))) == {0, 1, 3}
    assert found.lost_ml == pytest.approx(found.supply_lost_ml)
    assert found.drainage_lost_ml < found.supply_lost_ml


def test_tumors_in_a_territory_are_named(liver: sitk.Image, vessels: Vessels) -> None:
    values = sitk.GetArrayFromImage(liver)
    values[BOX & (np.linalg.norm(PLACE - [18, 0, 4], axis=-1) < 5)] = 2
    values[BOX & (np.linalg.norm(PLACE - [-18, 0, 4], axis=-1) < 5)] = 3
    found = Territories(image_of(values, LIKE), vessels).cut([VesselCut(point_lps_mm=(3.0, 0.0, -8.0))])
    assert found.territories[0].tumors == (1,)


def test_what_is_no_cut_is_refused(territories: Territories, liver: sitk.Image) -> None:
    with pytest.raises(InputError, match=r"cut 1 lies \d+ mm from the nearest vessel"):
        territories.cut([VesselCut(point_lps_mm=(0.0, 80.0, 0.0))])
    with pytest.raises(InputError, match="1 to 20 cuts"):
        territories.cut([])
    with pytest.raises(InputError, match="three finite numbers"):
        VesselCut(point_lps_mm=(0.0, float("nan"), 0.0))
    labels = image_of(tubes(PLACE, [STEM], 3.0).astype(np.uint16), LIKE)
    with pytest.raises(InputError, match="named as portal or hepatic vein"):
        Territories(liver, Vessels(labels=labels, names={1: "Hepatic artery"}))


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("Portal vein", "supply"),
        ("right portal vein branch", "supply"),
        ("Hepatic veins", "drainage"),
        ("middle_hepatic_vein", "drainage"),
        ("Vena cava", None),
        ("Hepatic artery", None),
        ("splenic vein", None),
    ],
)
def test_names_tell_what_a_vessel_is_for(name: str, side: str | None) -> None:
    assert side_of(name) == side
