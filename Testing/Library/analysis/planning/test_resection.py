"""Resections of livers of known shape: volumes, margins and what is cut."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.planning import CutPlane, Planner
from LiverTumorAttentionLib.analysis.planning.halfspace import VoxelShare
from LiverTumorAttentionLib.analysis.planning.region import region_beyond
from LiverTumorAttentionLib.analysis.planning.voxel_runs import Runs
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from Testing.Library.analysis.bodies import (
    GRIDS,
    at,
    ball,
    cuboid,
    empty,
    grid,
    like,
    painted,
    positions_mm,
    turned,
)

LIVER = ball((0, 0, 0), 38.0)


def plane(place: tuple[float, float, float], normal: tuple[float, float, float]) -> CutPlane:
    """A plane through a place from the middle of the grid on."""
    return CutPlane(point_lps_mm=at(*place), normal_lps=normal)


def directions(count: int, seed: int = 3) -> list[tuple[float, float, float]]:
    drawn = np.random.default_rng(seed).normal(size=(count, 3))
    return [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), *(tuple(v) for v in drawn.tolist())]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.5, 1.5, 7.0), (4.0, 4.0, 4.0), (0.8, 2.5, 10.0)])
@pytest.mark.parametrize("direction", [np.eye(3), turned(30.0) @ turned(20.0, 0)])
def test_half_of_a_ball_on_coarse_grids(spacing: tuple[float, float, float], direction: np.ndarray) -> None:
    """A ball whose voxels are symmetric about its center, which lies on a voxel's center or border.

    No voxel's center lies exactly on its surface, where rounding would decide.
    """
    for shift in ((0.0, 0.0, 0.0), tuple(0.5 * step for step in spacing)):
        image = empty(direction, spacing, (100.0, 100.0, 100.0), (0.0, 0.0, 0.0))
        image.SetOrigin(np.array(image.GetOrigin()) + direction @ shift)
        planner = Planner(painted(image, (1, ball((0, 0, 0), 38.0312))))
        for normal in directions(6):
            plan = planner.resection(plane((0, 0, 0), normal))
            assert plan.resected_percent == pytest.approx(50.0, abs=1e-4)
            assert plan.resected_ml + plan.remnant_ml == pytest.approx(plan.liver_ml)


@pytest.mark.parametrize("name", GRIDS)
def test_half_of_a_ball_wherever_it_lies_on_the_grid(name: str) -> None:
    """Voxels belong to the ball or do not: its own stairs leave a thousandth of asymmetry."""
    planner = Planner(painted(grid(name, 84.0), (1, LIVER)))
    for normal in directions(6):
        assert planner.resection(plane((0, 0, 0), normal)).resected_percent == pytest.approx(50.0, abs=0.1)


@pytest.mark.parametrize("name", GRIDS)
def test_a_cap_of_a_ball(name: str) -> None:
    """Beyond 20 mm from the center of a ball of 38: pi h² (3 r - h) / 3 with h = 18."""
    planner = Planner(painted(grid(name, 84.0), (1, LIVER)))
    cap_ml = np.pi * 18.0**2 * (3 * 38.0 - 18.0) / 3 / 1000
    for normal in directions(4):
        place = tuple(20.0 * np.array(normal) / np.linalg.norm(normal))
        plan = planner.resection(plane(place, normal))
        assert plan.resected_ml == pytest.approx(cap_ml, rel=0.015)
        whole = 4 / 3 * np.pi * 38.0**3 / 1000
        assert plan.remnant_percent == pytest.approx(100 * (1 - cap_ml / whole), abs=0.2)


def test_a_box_is_cut_exactly() -> None:
    """A box of whole voxels, cut by a plane that slants from side to side: a wedge of known height."""
    image = empty(np.eye(3), (0.7, 0.9, 4.0), (60.0, 60.0, 80.0))
    values = np.zeros(sitk.GetArrayFromImage(image).shape, np.uint16)
    values[3:15, 10:50, 20:60] = 1
    instances = like(image, values)
    low = np.array(image.TransformContinuousIndexToPhysicalPoint([19.5, 9.5, 2.5]))
    size = np.array([28.0, 36.0, 48.0])
    planner = Planner(instances)
    for x, slope_y, slope_z in ((14.0, 0.0, 0.0), (10.3, 0.2, 0.0), (13.0, -0.3, 0.2), (8.01, 0.1, -0.07)):
        cut = CutPlane(
            point_lps_mm=tuple(low + [x, size[1] / 2, size[2] / 2]), normal_lps=(-1.0, slope_y, slope_z)
        )
        assert planner.resection(cut).resected_percent == pytest.approx(100 * x / size[0], abs=1e-4)


@pytest.mark.parametrize("name", GRIDS)
def test_runs_give_what_every_voxel_alone_would(name: str) -> None:
    """Random labels and planes, against the share of each voxel."""
    rng = np.random.default_rng(8)
    image = grid(name, 24.0)
    labels = rng.integers(0, 4, sitk.GetArrayFromImage(image).shape)
    axes = ImageAxes.of(image)
    centres = axes.position_mm(np.argwhere(labels > 0))
    runs = Runs.of(labels.astype(np.uint16), axes)
    assert runs.voxels(4)[1:].tolist() == np.bincount(labels.ravel())[1:].tolist()
    for normal in directions(8):
        cut = plane(tuple(rng.uniform(-6, 6, 3)), normal)
        share = VoxelShare(cut.unit_normal, axes.steps_mm)(cut.height_mm(centres))
        expected = np.bincount(labels[labels > 0], weights=share, minlength=4)
        region = region_beyond(runs, [cut], 4)
        np.testing.assert_allclose(region.voxels, expected, atol=1e-6)
        points, _ = region.border
        np.testing.assert_allclose(cut.height_mm(points), 0.0, atol=1e-9)


@pytest.mark.parametrize("name", GRIDS)
def test_two_planes_take_out_a_quarter_or_three(name: str) -> None:
    planner = Planner(painted(grid(name, 84.0), (1, LIVER)))
    for turn in (np.eye(3), turned(25.0) @ turned(35.0, 1)):
        planes = [plane((0, 0, 0), tuple(turn[:, axis])) for axis in (0, 1)]
        assert planner.resection(planes, "all").resected_percent == pytest.approx(25.0, abs=0.15)
        assert planner.resection(planes, "any").resected_percent == pytest.approx(75.0, abs=0.15)
        third = [*planes, plane((0, 0, 0), tuple(turn[:, 2]))]
        assert planner.resection(third, "all").resected_percent == pytest.approx(12.5, abs=0.15)
        assert planner.resection(third, "any").resected_percent == pytest.approx(87.5, abs=0.15)


def test_a_slab_between_two_planes_that_is_thinner_than_a_voxel() -> None:
    """0.4 mm of 24 mm, along the slices of 3 mm and on a slope."""
    image = empty(np.eye(3), (0.8, 0.8, 3.0), (40.0, 40.0, 30.0))
    values = np.zeros(sitk.GetArrayFromImage(image).shape, np.uint16)
    values[1:9, 5:45, 5:45] = 1
    planner = Planner(like(image, values))
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([24.5, 24.5, 4.5]))
    for slope in (0.0, 0.3):
        lower = CutPlane(point_lps_mm=tuple(middle), normal_lps=(slope, 0.0, 1.0))
        upper = CutPlane(point_lps_mm=tuple(middle + [0, 0, 0.4]), normal_lps=(-slope, 0.0, -1.0))
        plan = planner.resection([lower, upper], "all")
        assert plan.resected_percent == pytest.approx(100 * 0.4 / 24.0, rel=0.03)


def tumor_case(name: str) -> Planner:
    """Tumors of 6, 4 and 5 mm at 20, 0 and -20 mm along P in a liver of 38 mm."""
    tumors = [((0, 20, 0), 6.0), ((0, 0, 0), 4.0), ((0, -20, 0), 5.0)]
    bodies = [(value, ball(place, radius)) for value, (place, radius) in enumerate(tumors, start=2)]
    return Planner(painted(grid(name, 84.0), (1, LIVER), *bodies))


@pytest.mark.parametrize("name", GRIDS)
def test_margins_and_what_is_cut_and_left(name: str) -> None:
    """At 5 mm behind the middle: 9 mm from the first tumor, which is taken out; 2 mm into it when at 16."""
    planner = tumor_case(name)
    step = max(GRIDS[name][1])
    plan = planner.resection(plane((3, 5, -2), (0, 2, 0)), weight_kg=50)
    assert [tumor.status for tumor in plan.tumors] == ["resected", "remnant", "remnant"]
    assert plan.left_tumors == (2, 3)
    assert plan.cut_tumors == ()
    assert plan.tumors[0].margin_mm == pytest.approx(9.0, abs=0.75 * step)
    assert plan.smallest_margin_mm == plan.tumors[0].margin_mm
    assert plan.tumors[1].margin_mm is None
    volumes = [4 / 3 * np.pi * radius**3 / 1000 for radius in (6.0, 4.0, 5.0)]
    assert [t.resected_ml for t in plan.tumors] == pytest.approx([volumes[0], 0, 0], rel=0.08)
    assert [t.remnant_ml for t in plan.tumors] == pytest.approx([0, *volumes[1:]], rel=0.08)
    left = sum(tumor.remnant_ml for tumor in plan.tumors)
    assert plan.remnant_parenchyma_ml == pytest.approx(plan.remnant_ml - left)
    assert plan.parenchyma_ml == pytest.approx(
        plan.liver_ml - sum(t.resected_ml + t.remnant_ml for t in plan.tumors)
    )
    assert plan.remnant_parenchyma_percent == pytest.approx(
        100 * plan.remnant_parenchyma_ml / plan.parenchyma_ml
    )
    assert plan.remnant_ml_per_kg == pytest.approx(plan.remnant_parenchyma_ml / 50)

    through = planner.resection(plane((0, 16, 0), (0, 1, 0)))
    assert through.cut_tumors == (1,)
    assert through.tumors[0].margin_mm == pytest.approx(-2.0, abs=0.75 * step)
    cap = np.pi * 2.0**2 * (18.0 - 2.0) / 3 / 1000
    assert through.tumors[0].remnant_ml == pytest.approx(cap, abs=0.02)
    assert through.remnant_ml_per_kg is None


def test_a_tumor_whose_surface_the_plane_touches_is_cut() -> None:
    """A row of voxels of 2 mm: its surface lies 1 mm from the last center."""
    values = np.ones((5, 5, 20), np.uint16)
    values[2, 2, 8:12] = 2
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((2.0, 2.0, 2.0))
    planner = Planner(image)
    told = {
        x: planner.resection(CutPlane(point_lps_mm=(x, 0, 0), normal_lps=(1, 0, 0))).tumors[0]
        for x in (14.0, 15.0, 16.0, 23.0, 23.5)
    }
    assert [tumor.status for tumor in told.values()] == ["resected", "cut", "cut", "cut", "remnant"]
    assert [told[x].margin_mm for x in (14.0, 15.0, 16.0)] == pytest.approx([1.0, 0.0, -1.0])


def test_a_margin_runs_to_the_cut_inside_the_liver_alone() -> None:
    """A plane at 45 degrees leaves the liver before it comes nearest to a tumor at its lower side.

    Across P all is the same: liver from 0 to 40 along S, tumor at (75, 3), the plane x + z = 60. The nearest
    point of the plane lies at z = -6; the nearest of the cut is (60, 0).
    """
    turn = turned(25.0)
    image = empty(turn, (0.8, 0.8, 1.0), (110, 50, 60), (0.1, 0.2, 0.3))
    corner = np.array([-50.0, -20.0, -20.0])
    instances = painted(
        image,
        (1, cuboid(corner, corner + [100, 40, 40], turn)),
        (2, lambda p: ball(corner + [75, 20, 3], 2.5)(p @ turn)),
    )
    cut = plane(tuple(turn @ (corner + [60, 20, 0])), tuple(turn @ [1.0, 0, 1.0]))
    (tumor,) = Planner(instances).resection(cut).tumors
    assert tumor.margin_mm == pytest.approx(np.hypot(15, 3) - 2.5, abs=0.8)
    assert tumor.margin_mm > 18 / np.sqrt(2) - 2.5 + 1.5


@pytest.mark.parametrize("name", GRIDS)
def test_a_notch_in_the_liver_is_not_cut(name: str) -> None:
    """A plane 20 mm beside a flat tumor passes it through a notch, and meets the liver 10 mm above it.

    The liver fills x from -40 to 40 and z from -20 to 20 but for the notch, x from -30 to -5 and z below 10;
    the plane is x = -16, the tumor x from 4 to 8 and z from -18 to 0.
    """
    instances = painted(
        grid(name, 96.0),
        (1, cuboid((-40, -22, -20), (40, 22, 20))),
        (0, cuboid((-30, -22, -20), (-5, 22, 10))),
        (2, cuboid((4, -15, -18), (8, 15, 0))),
    )
    (tumor,) = Planner(instances).resection(plane((-16, 0, 0), (1, 0, 0))).tumors
    assert tumor.margin_mm == pytest.approx(np.hypot(20.0, 10.0), abs=0.75 * max(GRIDS[name][1]))


def test_the_edge_between_two_planes_counts() -> None:
    """What stays is x < 0 and y < 0; a tumor at (10, 10) lies 14.1 mm from that, and (10, -20) ten."""
    bodies = [(2, ball((10, 10, 0), 4.0)), (3, ball((10, -20, 0), 4.0))]
    planner = Planner(painted(grid("straight", 84.0), (1, LIVER), *bodies))
    planes = [plane((0, 0, 0), (1, 0, 0)), plane((0, 0, 0), (0, 1, 0))]
    margins = [tumor.margin_mm for tumor in planner.resection(planes, "any").tumors]
    assert margins == pytest.approx([np.hypot(10, 10) - 4.0, 6.0], abs=0.8)
    both = planner.resection(planes, "all").tumors
    assert [tumor.status for tumor in both] == ["resected", "remnant"]
    assert both[0].margin_mm == pytest.approx(6.0, abs=0.8)


def test_a_wedge_into_a_tumor_cuts_it_though_no_outer_point_of_its_hull_is_in() -> None:
    """A wedge of 20 degrees whose edge ends 3 mm below the top of a tumor of 12 mm."""
    planner = Planner(painted(grid("straight", 84.0), (1, LIVER), (2, ball((0, 0, 0), 12.0))))
    lean = np.deg2rad(10.0)
    planes = [plane((0, 9, 0), (side * np.cos(lean), np.sin(lean), 0)) for side in (1, -1)]
    plan = planner.resection(planes, "all")
    assert plan.cut_tumors == (1,)
    assert plan.tumors[0].resected_ml < 0.1 * plan.tumors[0].remnant_ml
    shifted = [plane((0, 14, 0), (side * np.cos(lean), np.sin(lean), 0)) for side in (1, -1)]
    assert planner.resection(shifted, "all").left_tumors == (1,)


@pytest.mark.parametrize("combine", ["all", "any"])
def test_the_mask_shows_what_the_plan_counts(combine: str) -> None:
    planner = tumor_case("oblique and left-handed")
    planes = [plane((1, 5, 0), (0.2, 1, 0.1)), plane((4, 0, 3), (1, -0.3, 0.5))]
    mask = planner.resected_mask(planes, combine)
    plan = planner.resection(planes, combine)
    shown = np.count_nonzero(sitk.GetArrayFromImage(mask)) * np.prod(mask.GetSpacing()) / 1000
    assert shown == pytest.approx(plan.resected_ml, rel=0.005)
    beyond = [
        (positions_mm(mask) - place) @ normal > 0
        for place, normal in (((1, 5, 0), (0.2, 1, 0.1)), ((4, 0, 3), (1, -0.3, 0.5)))
    ]
    together = beyond[0] & beyond[1] if combine == "all" else beyond[0] | beyond[1]
    expected = together & LIVER(positions_mm(mask))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask) > 0, expected)


def test_pieces_of_liver_with_a_plane_between_them() -> None:
    """Nothing is cut: the margin of the tumor is its distance from the plane."""
    values = np.zeros((5, 5, 30), np.uint16)
    values[:, :, :10] = values[:, :, 20:] = 1
    values[2, 2, 24:26] = 2
    plan = Planner(sitk.GetImageFromArray(values)).resection(
        CutPlane(point_lps_mm=(15, 0, 0), normal_lps=(1, 0, 0))
    )
    assert plan.resected_percent == pytest.approx(50.0)
    assert plan.tumors[0].margin_mm == pytest.approx(8.5)


def test_as_json() -> None:
    plan = tumor_case("straight").resection(plane((0, 16, 0), (0, 1, 0)), weight_kg=70)
    told = json.loads(json.dumps(plan.as_dict(), allow_nan=False))
    assert told["cut_tumors"] == [1]
    assert told["left_tumors"] == [2, 3]
    assert told["planes"][0]["normal_lps"] == [0, 1, 0]
    assert told["tumors"][2]["margin_mm"] is None


def test_planes_that_divide_nothing() -> None:
    planner = tumor_case("straight")
    with pytest.raises(
        InputError, match=r"the plane does not pass .* the side that is taken out, 12 mm away"
    ):
        planner.resection(plane((0, -50, 0), (0, 1, 0)))
    with pytest.raises(InputError, match=r"the plane does not pass .* on the side that stays, 12 mm away"):
        planner.resection(plane((0, 0, -50), (0, 0, -1)))
    inside, outside = plane((0, 0, 0), (0, 1, 0)), plane((50, 0, 0), (1, 0, 0))
    with pytest.raises(InputError, match=r"plane 2 does not pass through the liver: .* that stays"):
        planner.resection([inside, outside])
    apart = [plane((0, 20, 0), (0, 1, 0)), plane((0, -20, 0), (0, -1, 0))]
    with pytest.raises(InputError, match="the planes together take out nothing of the liver"):
        planner.resection(apart, "all")
    with pytest.raises(InputError, match="the planes together take out the whole liver"):
        planner.resection([p.flipped() for p in apart], "any")


def test_bad_input() -> None:
    planner, middle = tumor_case("straight"), plane((0, 0, 0), (0, 1, 0))
    with pytest.raises(InputError, match="a resection needs 1 to 20 planes, got 0"):
        planner.resection([])
    with pytest.raises(InputError, match=r"planes combine as 'all' .* got 'both'"):
        planner.resection(middle, "both")  # type: ignore[arg-type]
    for weight in (0.0, -70.0, 700.0, float("nan")):
        with pytest.raises(InputError, match="weight must lie between 1 and 400 kg, got"):
            planner.resection(middle, weight_kg=weight)
    with pytest.raises(InputError, match="the normal of a plane must point somewhere"):
        CutPlane(point_lps_mm=(0, 0, 0), normal_lps=(0, 0, 0))
    with pytest.raises(InputError, match="the point of a plane must be three finite numbers"):
        CutPlane(point_lps_mm=(0, float("nan"), 0), normal_lps=(0, 0, 1))
    with pytest.raises(InputError, match="the segmentation has no liver"):
        Planner(sitk.Image((4, 4, 4), sitk.sitkUInt16))
    sheared = sitk.Image((4, 4, 4), sitk.sitkUInt16) + 1
    sheared.SetDirection((1, 0.2, 0, 0, 1, 0, 0, 0, 1))
    with pytest.raises(InputError, match="are not at right angles"):
        Planner(sheared)
