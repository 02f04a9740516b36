"""What a click finds: dark and bright balls, rims and cores, and nothing beyond the liver."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import Add, CorrectionCase, CorrectionSession
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import (
    BRIGHT,
    DARK,
    LIVER_BOX,
    SHAPE,
    SPACING_MM,
    Ball,
    ball,
    dice,
    distance_mm,
    image,
    made_case,
    oblique,
)


def added(case: CorrectionCase, voxel: tuple[int, int, int]) -> np.ndarray:
    """Return the lesion that a click at a voxel adds."""
    session = CorrectionSession(case)
    number = session.do(Add(point=case.point_at(voxel))).subject
    return session.labels == number + 1


CONTRASTS = {
    "dark in the portal phase alone": (-40.0, 0.0),
    "dark in both": (-60.0, -30.0),
    "bright in the arterial phase alone": (0.0, 45.0),
    "bright, then dark": (-20.0, 40.0),
    "bright in both": (45.0, 90.0),
    "faint": (-20.0, 0.0),
}


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize("radius_mm", [5.0, 9.0, 14.0])
def test_one_click_finds_a_ball(contrast: str, radius_mm: float) -> None:
    portal, arterial = CONTRASTS[contrast]
    lesion = Ball(center=(20, 28, 30), radius_mm=radius_mm, portal=portal, arterial=arterial)
    found = added(made_case((lesion,)), lesion.center)
    assert dice(found, ball(lesion.center, radius_mm)) > 0.9


@pytest.mark.parametrize("shift", [(3, 0, 0), (0, -4, 0), (0, 3, 4)])
def test_a_click_need_not_be_in_the_middle(shift: tuple[int, int, int]) -> None:
    lesion = Ball(center=(20, 28, 30), radius_mm=10.0)
    z, y, x = (c + s for c, s in zip(lesion.center, shift, strict=True))
    assert dice(added(made_case((lesion,)), (z, y, x)), ball(lesion.center, 10.0)) > 0.9


@pytest.mark.parametrize(
    ("portal", "arterial", "radius_mm"),
    [(-40.0, 0.0, 9.0), (0.0, 45.0, 14.0), (-20.0, 40.0, 9.0), (-12.0, 0.0, 5.0), (-9.0, 9.0, 7.0)],
)
@pytest.mark.parametrize("highest", [0.2, 0.35, 0.5])
def test_rounding_errors_of_the_probability_do_not_change_a_click(
    portal: float, arterial: float, radius_mm: float, highest: float
) -> None:
    """Lesions that the network half missed: the probability peaks at the click, far inside of the border.

    A network's last bits depend on the processor. At 0.2 the probability begins to count, at 0.5 it counts in full.
    """
    lesion = Ball(center=(20, 28, 30), radius_mm=radius_mm, portal=portal, arterial=arterial)
    case = made_case((lesion,), probability=False)
    peak = highest * np.exp(-0.5 * (distance_mm(lesion.center) / 2.0) ** 2)
    noise = np.random.default_rng(0).normal(0, 1e-6, SHAPE)
    first, *others = (
        added(replace(case, probability=image((peak * factor).astype(np.float32))), lesion.center)
        for factor in (1.0, 1 - 1e-6, 1 + 1e-6, 1 + noise)
    )
    assert min(dice(other, first) for other in others) > 0.99


def test_a_core_like_liver_belongs_to_the_lesion_around_it() -> None:
    """A scar: plain liver in the middle of a bright ball, where the click is."""
    case = made_case(
        (
            Ball(center=(20, 28, 30), radius_mm=13.0, portal=0.0, arterial=50.0),
            Ball(center=(20, 28, 30), radius_mm=4.5, portal=0.0, arterial=0.0),
        )
    )
    assert dice(added(case, (20, 28, 30)), ball((20, 28, 30), 13.0)) > 0.9


def test_a_lesion_of_core_and_rim_is_one() -> None:
    case = made_case(
        (
            Ball(center=(20, 28, 30), radius_mm=12.0, portal=-35.0, arterial=-15.0),
            Ball(center=(20, 28, 30), radius_mm=6.0, portal=-80.0, arterial=-40.0),
        )
    )
    assert dice(added(case, (20, 28, 30)), ball((20, 28, 30), 12.0)) > 0.9


def test_fat_within_a_lesion_belongs_to_it() -> None:
    """Around a lesion, what is as dark as fat bounds it; within, as in an HCC, it does not."""
    fat = Ball(center=DARK.center, radius_mm=2.5, portal=-170.0, arterial=-130.0)
    found = added(made_case((DARK, fat)), (12, 20, 24))
    assert found[ball(fat.center, fat.radius_mm)].all()
    assert dice(found, ball(DARK.center, DARK.radius_mm)) > 0.9


def test_a_vessel_beside_a_dark_lesion_stays_out() -> None:
    case = made_case((Ball(center=(20, 28, 30), radius_mm=9.0),))
    hu = sitk.GetArrayFromImage(case.portal), sitk.GetArrayFromImage(case.arterial)
    vessel = (slice(19, 22), slice(8, 48), slice(37, 41))
    for voxels, value in zip(hu, (170, 105), strict=True):
        voxels[vessel] = value
    found = added(
        CorrectionCase(portal=image(hu[0]), arterial=image(hu[1]), instances=case.instances), (20, 28, 29)
    )
    assert found[vessel].mean() < 0.02
    assert dice(found, ball((20, 28, 30), 9.0)) > 0.8


def test_a_thin_bridge_to_another_lesion_is_not_crossed() -> None:
    case = made_case((Ball(center=(20, 28, 18), radius_mm=9.0), Ball(center=(20, 28, 42), radius_mm=9.0)))
    hu = sitk.GetArrayFromImage(case.portal)
    hu[19:22, 27:30, 18:42] = 60
    found = added(CorrectionCase(portal=image(hu), instances=case.instances), (20, 28, 18))
    assert not (found & ball((20, 28, 42), 8.0)).any()
    assert dice(found, ball((20, 28, 18), 9.0)) > 0.85


def test_other_lesions_keep_their_voxels() -> None:
    case = made_case(
        (Ball(center=(20, 28, 24), radius_mm=8.0, number=1), Ball(center=(20, 28, 35), radius_mm=8.0))
    )
    found = added(case, (20, 28, 37))
    assert not (found & (case.start > 1)).any()
    assert dice(found, ball((20, 28, 35), 8.0) & (case.start == 1)) > 0.9


def test_a_lesion_at_the_capsule_does_not_run_along_it() -> None:
    """The liver's mask lies a voxel too wide, into fat."""
    case = made_case((Ball(center=(20, 12, 30), radius_mm=7.0),))
    labels = case.start.copy()
    labels[3:37, 4:52, 4:60] = np.maximum(labels[3:37, 4:52, 4:60], 1)
    wide = CorrectionCase(portal=case.portal, arterial=case.arterial, instances=image(labels))
    inside = np.zeros(SHAPE, bool)
    inside[LIVER_BOX] = True
    assert dice(added(wide, (20, 12, 30)), ball((20, 12, 30), 7.0) & inside) > 0.88


def test_a_dent_that_the_liver_has_at_its_surface_is_filled() -> None:
    """A coarse liver that leaves the lesion out: the click lies outside of it."""
    lesion = ball((20, 11, 30), 7.0)
    case = made_case((Ball(center=(20, 11, 30), radius_mm=7.0),))
    labels = case.start.copy()
    inside = np.zeros(SHAPE, bool)
    inside[LIVER_BOX] = True
    labels[lesion] = 0
    dented = CorrectionCase(portal=case.portal, arterial=case.arterial, instances=image(labels))
    assert dice(added(dented, (20, 9, 30)), lesion & inside) > 0.85


@pytest.mark.parametrize("far_mm", [2.5, 4.9])
def test_a_click_may_lie_a_little_outside_of_the_liver(far_mm: float) -> None:
    case = made_case((DARK,))
    voxel = (20, 6 - int(far_mm / SPACING_MM[1]), 30)
    assert added(case, voxel).any()


def test_a_click_far_outside_of_the_liver_is_refused() -> None:
    case = made_case((DARK,))
    session = CorrectionSession(case)
    with pytest.raises(InputError, match=r"lies outside of the liver, by more than 5 mm: click on a lesion"):
        session.do(Add(point=case.point_at((20, 0, 30))))
    with pytest.raises(InputError, match=r"lies outside of the portal volume"):
        session.do(Add(point=(0.0, 0.0, 900.0)))
    with pytest.raises(InputError, match=r"a point has three numbers"):
        session.do(Add(point=(0.0, float("nan"), 0.0)))
    assert session.entries == ()
    np.testing.assert_array_equal(session.labels, case.start)


def test_a_click_on_a_lesion_that_is_there_is_refused() -> None:
    case = made_case((Ball(center=(20, 28, 30), radius_mm=8.0, number=1),))
    with pytest.raises(InputError, match=r"lesion 1 is at .* already: include or exclude points"):
        CorrectionSession(case).do(Add(point=case.point_at((20, 28, 30))))


def test_a_segmentation_without_liver_says_so() -> None:
    case = made_case((DARK,))
    labels = np.zeros(SHAPE, np.uint16)
    labels[20, 28, 30] = 1
    empty = CorrectionCase(portal=case.portal, instances=image(labels))
    with pytest.raises(InputError, match=r"holds no liver, or next to none"):
        CorrectionSession(empty).do(Add(point=case.point_at((20, 28, 30))))


def test_a_click_on_plain_liver_gives_something_small() -> None:
    found = added(made_case((DARK,)), (28, 40, 50))
    assert found[28, 40, 50]
    assert found.sum() * np.prod(SPACING_MM) < 4000


def test_the_portal_phase_alone_will_do() -> None:
    found = added(made_case((DARK,), arterial=False, probability=False), DARK.center)
    assert dice(found, ball(DARK.center, DARK.radius_mm)) > 0.9


def test_an_arterial_volume_that_saw_nothing_here_is_left_out() -> None:
    case = made_case((DARK,))
    blank = sitk.GetArrayFromImage(case.arterial)
    blank[8:] = -1024
    found = added(
        CorrectionCase(portal=case.portal, arterial=image(blank), instances=case.instances), DARK.center
    )
    assert dice(found, ball(DARK.center, DARK.radius_mm)) > 0.9


@pytest.mark.parametrize(
    "direction", [oblique(), np.diag([-1.0, 1.0, 1.0]), oblique() @ np.diag([1.0, 1.0, -1.0])]
)
def test_the_axes_of_the_volume_do_not_matter(direction: np.ndarray) -> None:
    """Oblique and left-handed: the same voxels, clicked at the point where they lie."""
    expected = added(made_case((DARK, BRIGHT)), DARK.center)
    turned = made_case((DARK, BRIGHT), direction=direction)
    np.testing.assert_array_equal(added(turned, DARK.center), expected)


def test_distances_are_millimetres_on_any_grid() -> None:
    """The same ball in voxels of 2 x 1.25 x 1.25 mm with its axes exchanged."""
    case = made_case((DARK,))
    swapped = CorrectionCase(
        **{
            name: sitk.PermuteAxes(getattr(case, name), [2, 1, 0])
            for name in ("portal", "arterial", "instances")
        }
    )
    z, y, x = DARK.center
    found = added(swapped, (x, y, z))
    assert dice(found.transpose(2, 1, 0), added(case, DARK.center)) > 0.97


def test_the_volume_beyond_the_box_is_not_looked_at() -> None:
    """A click costs what its box costs: four times the slices take no longer."""
    case = made_case((DARK,))
    session = CorrectionSession(case)
    session.do(Add(point=case.point_at(DARK.center)))
    long = {
        name: sitk.ConstantPad(getattr(case, name), [0, 0, 0], [0, 0, 400], value)
        for name, value in (("portal", -1000), ("arterial", -1000), ("instances", 0))
    }
    other = CorrectionCase(**long)
    second = CorrectionSession(other)
    second.do(Add(point=other.point_at((24, 36, 40))))  # what the whole liver looks like is found here
    start = time.perf_counter()
    second.do(Add(point=other.point_at(DARK.center)))
    assert time.perf_counter() - start < 1.0
    first = session.labels == 2
    np.testing.assert_array_equal(second.labels[: SHAPE[0]] == 3, first)
