"""Curved cuts: the plane where their points lie in one, a dome in a box, a sphere, margins, and what is no surface."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.planning import Combination, CutPlane, CutSurface, Planner
from LiverTumorAttentionLib.analysis.planning.surface_mesh import CELL_MM, RIM_CELLS
from LiverTumorAttentionLib.errors import InputError

SPACING = (1.0, 1.5, 2.0)
COMBINATIONS: tuple[Combination, ...] = ("all", "any")


def body(*, ball_at: tuple[float, float, float] | None = None, round_: bool = False) -> sitk.Image:
    """Return a box of 40 x 36 x 40 mm about (0, 0, 0), or a ball of 18 mm; with a tumor of 4 mm."""
    size = (50, 40, 30)
    x, y, z = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip(size, SPACING, strict=True))
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    organ = (np.abs(x) < 20) & (np.abs(y) < 18) & (np.abs(z) < 20)
    if round_:
        organ = x**2 + y**2 + z**2 < 18**2
    values = organ.astype(np.uint16)
    if ball_at is not None:
        values[(x - ball_at[0]) ** 2 + (y - ball_at[1]) ** 2 + (z - ball_at[2]) ** 2 < 16] = 2
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(SPACING)
    image.SetOrigin([-(n - 1) / 2 * s for n, s in zip(size, SPACING, strict=True)])
    return image


TILTED = [(-15.0, -10.0, 2.0), (15.0, -10.0, 5.0), (0.0, 12.0, -3.0), (0.0, -10.0, 3.5)]
"""In one plane: z = 0.1 x + b y + c."""


def plane_of(points: list[tuple[float, float, float]], up: float) -> CutPlane:
    first, second, third = (np.array(point) for point in points[:3])
    normal = np.cross(second - first, third - first)
    x, y, z = (float(value) for value in normal * np.sign(normal[2]) * up)
    return CutPlane(point_lps_mm=points[0], normal_lps=(x, y, z))


@pytest.mark.parametrize("up", [1.0, -1.0])
@pytest.mark.parametrize("round_", [False, True])
def test_points_in_a_plane_cut_as_the_plane(up: float, round_: bool) -> None:
    planner = Planner(body(ball_at=(0.0, 0.0, 10.0), round_=round_))
    curved = planner.curved_resection(CutSurface(points_lps_mm=tuple(TILTED), toward_lps=(0, 0, up)), 70.0)
    plain = planner.resection(plane_of(TILTED, up), weight_kg=70.0)
    for key in ("resected_ml", "remnant_ml", "remnant_parenchyma_ml", "remnant_ml_per_kg"):
        assert getattr(curved, key) == pytest.approx(getattr(plain, key), rel=1e-6)
    assert curved.tumors[0].status == plain.tumors[0].status
    if plain.smallest_margin_mm is None:
        assert curved.smallest_margin_mm is None
    else:
        assert curved.smallest_margin_mm == pytest.approx(plain.smallest_margin_mm, abs=0.3)


def dome(height: float) -> tuple[tuple[float, float, float], ...]:
    """Return points of z = height (1 - (x / 20)^2): a vault along y."""
    return tuple(
        (float(x), float(y), height * (1 - (x / 20) ** 2))
        for x in (-20, -10, 0, 10, 20)
        for y in (-18, 0, 18)
    )


def test_a_vault_in_a_box_takes_what_lies_over_it() -> None:
    planner = Planner(body())
    flat = planner.curved_resection(CutSurface(points_lps_mm=dome(0.0), toward_lps=(0, 0, 1)))
    plan = planner.curved_resection(CutSurface(points_lps_mm=dome(9.0), toward_lps=(0, 0, 1)))
    assert flat.resected_ml == pytest.approx(flat.liver_ml / 2, rel=1e-6)
    under = 36 * 40 * 9 * 2 / 3 / 1000  # the mean of 1 - t^2 over -1 to 1 is 2/3
    assert plan.remnant_ml == pytest.approx(flat.remnant_ml + under, rel=0.01)
    assert plan.resected_ml + plan.remnant_ml == pytest.approx(plan.liver_ml)
    mask = sitk.GetArrayFromImage(
        planner.curved_mask(CutSurface(points_lps_mm=dome(9.0), toward_lps=(0, 0, 1)))
    )
    assert mask.sum() * np.prod(SPACING) / 1000 == pytest.approx(plan.resected_ml, rel=0.02)


def test_turned_round_it_takes_the_other_part() -> None:
    planner, surface = Planner(body()), CutSurface(points_lps_mm=dome(9.0), toward_lps=(0, 0, 1))
    one, other = planner.curved_resection(surface), planner.curved_resection(surface.flipped())
    assert one.resected_ml == pytest.approx(other.remnant_ml)


def test_the_surface_passes_through_its_points() -> None:
    points = ((0.0, 0.0, 0.0), (20.0, 0.0, 3.0), (0.0, 20.0, -4.0), (20.0, 20.0, 6.0), (9.0, 11.0, -2.0))
    surface = CutSurface(points_lps_mm=points, toward_lps=(0, 0, -2))
    assert surface.height_mm(np.array(points)) == pytest.approx(np.zeros(5), abs=1e-9)
    place = np.array([[5.0, 6.0, 3.0]])
    step = 1e-4
    numeric = [
        (surface.height_mm(place + step * axis) - surface.height_mm(place - step * axis))[0] / (2 * step)
        for axis in np.eye(3)
    ]
    assert surface.slope(place)[0] == pytest.approx(numeric, abs=1e-5)


def test_a_tumor_s_margin_is_its_distance_to_the_surface() -> None:
    plan = Planner(body(ball_at=(0.0, 0.0, 15.0))).curved_resection(
        CutSurface(points_lps_mm=dome(5.0), toward_lps=(0, 0, 1))
    )
    assert plan.tumors[0].status == "resected"
    assert plan.smallest_margin_mm == pytest.approx(15 - 4 - 5, abs=1.1)
    cut = Planner(body(ball_at=(0.0, 0.0, 5.0))).curved_resection(
        CutSurface(points_lps_mm=dome(5.0), toward_lps=(0, 0, 1))
    )
    assert cut.cut_tumors == (1,)
    left = Planner(body(ball_at=(0.0, 0.0, -10.0))).curved_resection(
        CutSurface(points_lps_mm=dome(5.0), toward_lps=(0, 0, 1))
    )
    assert left.left_tumors == (1,)


@pytest.mark.parametrize(
    ("points", "toward", "message"),
    [
        (TILTED[:2], (0, 0, 1), "3 to 60 points, got 2"),
        ([(0, 0, 0), (1, 1, 1), (5, 5, 5)], (0, 0, 1), "on one line"),
        ([*TILTED, TILTED[0]], (0, 0, 1), "points 1 and 5 .* over each other"),
        (TILTED, (0, 0, 0), "must point somewhere"),
        ([(0, 0, 0), (9, 0, 0), (0, 9, 0)], (1, 0, 0), "runs along its plane"),
        ([(0, 0, 0), (9, 0, 0), (0, 9, float("inf"))], (0, 0, 1), "three finite numbers"),
    ],
)
def test_what_is_no_surface_is_refused(points: list, toward: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CutSurface(points_lps_mm=tuple(points), toward_lps=toward)


def test_a_surface_beside_the_liver_is_refused() -> None:
    planner = Planner(body())
    above = tuple((x, y, z + 60) for x, y, z in TILTED)
    with pytest.raises(InputError, match="on the side that stays"):
        planner.curved_resection(CutSurface(points_lps_mm=above, toward_lps=(0, 0, 1)))
    with pytest.raises(InputError, match="on the side that is taken out"):
        planner.curved_resection(CutSurface(points_lps_mm=above, toward_lps=(0, 0, -1)))


SIDEWAYS = CutPlane(point_lps_mm=(0.0, 4.01, 0.0), normal_lps=(0.1, 1.0, 0.2))


@pytest.mark.parametrize("combine", ["all", "any"])
def test_a_flat_surface_with_a_plane_cuts_as_two_planes(combine: Combination) -> None:
    planner = Planner(body(ball_at=(0.0, 12.0, 12.0), round_=True))
    surface = CutSurface(points_lps_mm=tuple(TILTED), toward_lps=(0, 0, 1))
    curved = planner.curved_resection(surface, 70.0, [SIDEWAYS], combine)
    planes = [plane_of(TILTED, 1.0), SIDEWAYS]
    plain = planner.resection(planes, combine, 70.0)
    for key in ("resected_ml", "remnant_ml", "remnant_parenchyma_ml", "remnant_ml_per_kg"):
        assert getattr(curved, key) == pytest.approx(getattr(plain, key), rel=1e-6)
    assert curved.tumors[0].status == plain.tumors[0].status
    assert curved.smallest_margin_mm == pytest.approx(plain.smallest_margin_mm, abs=0.3)
    assert (curved.planes, curved.surface, curved.combine) == ((SIDEWAYS,), surface, combine)
    masks = planner.curved_mask(surface, [SIDEWAYS], combine), planner.resected_mask(planes, combine)
    np.testing.assert_array_equal(*(sitk.GetArrayFromImage(mask) for mask in masks))


def test_all_is_less_and_any_is_more_than_each_alone() -> None:
    planner = Planner(body())
    surface = CutSurface(points_lps_mm=dome(9.0), toward_lps=(0, 0, 1))
    alone = planner.curved_resection(surface).resected_ml, planner.resection(SIDEWAYS).resected_ml
    both, either = (
        planner.curved_resection(surface, None, [SIDEWAYS], how).resected_ml for how in COMBINATIONS
    )
    assert both < min(alone) < max(alone) < either
    assert both + either == pytest.approx(sum(alone), rel=1e-3), "what lies beyond both is counted twice"


def test_a_plane_beside_the_liver_is_named() -> None:
    surface = CutSurface(points_lps_mm=dome(9.0), toward_lps=(0, 0, 1))
    planner = Planner(body())
    beside = CutPlane(point_lps_mm=(0, 50, 0), normal_lps=(0, 1, 0))
    with pytest.raises(InputError, match=r"plane 2 does not pass through the liver: .* stays; move it"):
        planner.curved_resection(surface, None, [SIDEWAYS, beside])
    opposite = CutPlane(point_lps_mm=(0, 0, -1), normal_lps=(0, 0, -1))
    with pytest.raises(InputError, match="together take out nothing of the liver"):
        planner.curved_resection(surface, None, [opposite])
    low = CutPlane(point_lps_mm=(0, 0, 9.5), normal_lps=(0, 0, -1))
    with pytest.raises(InputError, match="together take out the whole liver"):
        planner.curved_resection(surface, None, [low], "any")


def test_it_is_drawn_through_the_liver() -> None:
    surface = CutSurface(points_lps_mm=dome(9.0), toward_lps=(0, 0, 1))
    mesh = Planner(body()).curved_mesh(surface)
    points, (first, second, third) = mesh.points_mm, (mesh.points_mm[mesh.triangles[:, n]] for n in range(3))
    assert surface.height_mm(points) == pytest.approx(np.zeros(len(points)), abs=1e-9)
    assert (np.abs(points) <= np.array([20.0, 18.0, 20.0]) + RIM_CELLS * CELL_MM + SPACING).all()
    assert points[:, 0].min() <= -20
    assert points[:, 0].max() >= 20
    area = np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2
    arc = 2 * np.trapezoid(np.hypot(1, 18 * np.linspace(0, 20, 99) / 400), np.linspace(0, 20, 99))
    assert arc * 36 <= area <= (arc + 12) * (36 + 12)
