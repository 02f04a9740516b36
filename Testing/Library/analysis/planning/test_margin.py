"""Safety margins around tumors of known shape."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.analysis.planning import Planner
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.analysis.bodies import GRIDS, ball, cuboid, grid, painted, positions_mm, tube, turned

LIVER = ball((0, 0, 0), 38.0)


def volume_ml(radius: float) -> float:
    return 4 / 3 * np.pi * radius**3 / 1000


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("margin_mm", [3.0, 5.0, 10.0])
def test_around_a_ball(name: str, margin_mm: float) -> None:
    """A ball of 12 mm becomes one of 12 mm and the margin, to 0.3 mm."""
    planner = Planner(painted(grid(name, 84.0), (1, LIVER), (2, ball((0, 0, 0), 12.0))))
    plan = planner.margin(margin_mm)
    radius = np.cbrt(plan.volume_ml / volume_ml(1.0))
    assert radius == pytest.approx(12.0 + margin_mm, abs=0.3)
    assert plan.rim_ml == pytest.approx(plan.volume_ml - volume_ml(12.0), rel=0.05)
    assert plan.liver_percent == pytest.approx(100 * plan.volume_ml / volume_ml(38.0), rel=0.01)
    away = np.linalg.norm(positions_mm(plan.mask), axis=-1) - 12.0 - margin_mm
    mask = sitk.GetArrayFromImage(plan.mask) > 0
    step = max(GRIDS[name][1])
    assert away[mask].max() < 0.6 * step
    assert away[~mask].min() > -0.6 * step


def test_around_a_block_of_voxels() -> None:
    """Along each axis those voxels whose center lies within the margin of the block's face."""
    values = np.ones((15, 41, 61), np.uint16)
    values[7, 20, 30] = 2
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.5, 0.8, 3.0))
    for margin_mm, (z, y, x) in {1.1: (0, 1, 2), 1.6: (1, 2, 3), 4.3: (1, 5, 9), 4.6: (2, 6, 9)}.items():
        mask = sitk.GetArrayFromImage(Planner(image).margin(margin_mm).mask) > 0
        assert mask[:, 20, 30].sum() == 1 + 2 * z
        assert mask[7, :, 30].sum() == 1 + 2 * y
        assert mask[7, 20, :].sum() == 1 + 2 * x


def test_a_margin_stays_inside_the_liver() -> None:
    """Half of a shell around a tumor at a flat side of the liver, which lies across the grid."""
    turn = turned(30.0) @ turned(40.0, 1)
    half = cuboid((-90, -90, -90), (0, 90, 90), turn)
    image = painted(grid("straight", 60.0), (1, half), (2, lambda p: ball((0, 0, 0), 8.0)(p) & half(p)))
    plan = Planner(image).margin(6.0)
    assert plan.volume_ml == pytest.approx(volume_ml(14.0) / 2, rel=0.05)
    mask = sitk.GetArrayFromImage(plan.mask) > 0
    assert not (mask & ~half(positions_mm(image))).any()


def test_chosen_tumors_others_and_vessels() -> None:
    """Tumors at -20, 0 and 20 mm; a vessel 8 mm from the second one's surface, another far away."""
    image = grid("oblique", 84.0)
    bodies = [(value, ball((x, 0, 0), 5.0)) for value, x in ((2, -20.0), (4, 0.0), (5, 20.0))]
    instances = painted(image, (1, LIVER), *bodies)
    labels = painted(image, (1, tube(0, (15.0, 0.0), 2.0)), (6, tube(0, (-33.0, 0.0), 2.0)))
    planner = Planner(instances, Vessels(labels=labels, names={1: "portal vein", 6: "cava"}))
    assert planner.tumor_numbers == (1, 3, 4)
    plan = planner.margin(9.0, [3])
    assert plan.tumors == (3,)
    assert plan.other_tumors == ()
    assert planner.margin(16.0, [3]).other_tumors == (1, 4)
    (touched,) = plan.vessels
    mask = sitk.GetArrayFromImage(plan.mask) > 0
    assert touched.name == "portal vein"
    shared = np.count_nonzero(mask & (sitk.GetArrayFromImage(labels) == 1))
    assert touched.volume_ml == pytest.approx(shared * np.prod(image.GetSpacing()) / 1000)
    assert planner.margin(6.0, [3]).vessels == ()
    assert planner.margin(6.0, [3]).other_tumors == ()
    assert planner.margin(12.0, [3, 1, 3]).tumors == (1, 3)
    assert planner.margin(12.0, [3, 1]).other_tumors == (4,)
    told = json.loads(json.dumps(plan.as_dict(), allow_nan=False))
    assert told["vessels"][0]["name"] == "portal vein"


def test_the_margin_of_several_is_the_union_of_theirs() -> None:
    bodies = [(2, ball((-9, 0, 0), 5.0)), (3, ball((9, 4, 0), 6.0))]
    planner = Planner(painted(grid("thick slices", 84.0), (1, LIVER), *bodies))
    one, other, both = (
        sitk.GetArrayFromImage(planner.margin(7.0, chosen).mask) for chosen in ([1], [2], None)
    )
    np.testing.assert_array_equal(both, one | other)


def test_bad_input() -> None:
    image = painted(grid("straight", 40.0), (1, ball((0, 0, 0), 18.0)), (2, ball((0, 0, 0), 5.0)))
    planner = Planner(image)
    for margin_mm in (0.0, -5.0, 101.0, float("nan")):
        with pytest.raises(InputError, match="must be wider than 0 and at most 100 mm, got"):
            planner.margin(margin_mm)
    with pytest.raises(InputError, match="no tumor was chosen: choose at least one of 1"):
        planner.margin(5.0, [])
    with pytest.raises(InputError, match="there is no tumor 2: choose from 1"):
        planner.margin(5.0, [1, 2])
    with pytest.raises(InputError, match="the segmentation has no tumor"):
        Planner(painted(grid("straight", 40.0), (1, LIVER))).margin(5.0)
    labels = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
    with pytest.raises(InputError, match="the segmentation and the vessels do not lie on the same grid"):
        Planner(image, Vessels(labels=labels, names={1: "vein"}))
