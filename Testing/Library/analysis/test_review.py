"""The review of cases whose every number is known by geometry."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import ReviewSettings, Vessels, review_case, review_csv, review_rows
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.surfaces import Surface, gap_between
from Testing.Library.analysis.bodies import (
    CENTRE_MM,
    GRIDS,
    ball,
    cuboid,
    empty,
    grid,
    like,
    painted,
    positions_mm,
    tube,
)

LIVER = ball((0, 0, 0), 38.0)
FIRST, SECOND = (-12.0, 0.0, 0.0), (20.0, 6.0, -4.0)  # 32.8 mm apart
RADII = (9.0, 5.0)
VESSEL_Y = 17.0  # along L, 12.2 mm away from the first tumor


def scene(name: str) -> tuple[sitk.Image, Vessels]:
    image = grid(name, 84.0)
    instances = painted(image, (1, LIVER), (2, ball(FIRST, RADII[0])), (3, ball(SECOND, RADII[1])))
    labels = painted(image, (4, tube(0, (VESSEL_Y, 12.0), 3.0)), (7, tube(2, (-12.0, 10.0), 3.0)))
    return instances, Vessels(labels=labels, names={4: "right branch", 7: "middle vein"})


@pytest.mark.parametrize("name", GRIDS)
def test_places_and_sizes_on_any_grid(name: str) -> None:
    """The second vessel runs along S and reaches 2 mm into the first tumor."""
    instances, vessels = scene(name)
    review = review_case(instances, instances, vessels=vessels)
    first, second = review.tumors
    voxel = max(GRIDS[name][1])
    assert [tumor.number for tumor in review.tumors] == [1, 2]
    assert review.case.tumor_count == 2
    assert first.measurement.volume_ml == pytest.approx(4 / 3 * np.pi * 0.729, rel=0.02)
    assert first.longest_3d_diameter_mm == pytest.approx(18.0, abs=voxel)
    assert first.surface is not None
    assert second.surface is not None
    assert first.surface.distance_mm == pytest.approx(38.0 - 12.0 - 9.0, abs=voxel)
    outer = np.linalg.norm(SECOND)
    assert second.surface.distance_mm == pytest.approx(38.0 - outer - 5.0, abs=voxel)
    apart = np.linalg.norm(np.subtract(FIRST, SECOND)) - sum(RADII)
    for tumor, other in ((first, 2), (second, 1)):
        assert tumor.nearest_tumor is not None
        assert tumor.nearest_tumor.number == other
        assert tumor.nearest_tumor.distance_mm == pytest.approx(apart, abs=voxel)
    branch, vein = first.vessels
    assert (branch.name, vein.name) == ("right branch", "middle vein")
    assert branch.distance_mm == pytest.approx(np.hypot(VESSEL_Y, 12.0) - 9.0 - 3.0, abs=voxel)
    assert (branch.contact_area_mm2, branch.contact_length_mm, branch.overlap_ml) == (0.0, 0.0, 0.0)
    assert vein.distance_mm == 0.0
    assert vein.contact_area_mm2 > 20.0
    assert vein.overlap_ml > 0.01
    assert first.nearest_vessel is vein
    # The chord that the vein's nearest line cuts from the ball: half of it is sqrt(81 - 49).
    assert vein.contact_length_mm == pytest.approx(2 * np.sqrt(32.0), abs=2.5)


@pytest.mark.parametrize("name", GRIDS)
def test_a_vessel_in_a_tumor_and_a_tumor_in_a_vessel(name: str) -> None:
    """A tube of 4 mm through a ball of 9, and a ball of 5 inside a tube of 8: a wall is touched, or none."""
    image = painted(grid(name, 84.0), (1, LIVER), (2, ball((0, 0, 0), 9.0)), (3, ball((0, 22, 0), 5.0)))
    labels = painted(image, (1, tube(0, (0, 0), 4.0)), (2, tube(0, (22, 0), 8.0)))
    vessels = Vessels(labels=labels, names={1: "thin", 2: "wide"})
    first, second = review_case(image, image, vessels=vessels).tumors
    thin, wide = first.vessels[0], second.vessels[1]
    length = 2 * np.sqrt(9.0**2 - 4.0**2)
    assert thin.contact_area_mm2 == pytest.approx(2 * np.pi * 4.0 * length, rel=0.13)
    assert thin.overlap_ml == pytest.approx(np.pi * 16 * (length + 1) / 1000, rel=0.1)
    assert (wide.distance_mm, wide.contact_area_mm2, wide.contact_length_mm) == (0.0, 0.0, 0.0)
    assert wide.overlap_ml == pytest.approx(second.measurement.volume_ml)
    assert ball((0, 22, 0), 5.0)(np.array(wide.line_lps_mm[0]) - CENTRE_MM)


def test_the_longest_line_is_never_shorter_than_the_axial_one() -> None:
    """A flat disc of 24 mm in one slice."""
    image = empty(np.eye(3), (0.7, 0.7, 5.0), (60, 60, 60))
    positions = positions_mm(image)
    level = np.abs(positions[:, 0, 0, 2]).argmin()
    labels = np.ones(positions.shape[:3], np.uint16)
    labels[level][(positions[level, ..., :2] ** 2).sum(axis=-1) < 144] = 2
    (tumor,) = review_case(like(image, labels), like(image, labels)).tumors
    assert tumor.longest_3d_diameter_mm == tumor.measurement.longest_axial_diameter_mm
    assert tumor.surface is None  # the liver fills the image


def test_a_tumor_at_the_capsule_touches_it_and_one_at_the_image_edge_does_not() -> None:
    """A liver that the image cuts off at its left, and at the right ends before the image does."""
    labels = np.zeros((9, 9, 30), np.uint16)
    labels[1:8, 1:8, :26] = 1
    labels[4, 4, 0:2] = 2
    labels[4, 4, 25] = 3
    labels[4, 4, 12] = 4
    labels[4, 5, 10] = 0  # a cavity is not outside
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((1.0, 2.0, 3.0))
    review = review_case(image, image)
    gaps = [tumor.surface for tumor in review.tumors]
    assert [gap and gap.distance_mm for gap in gaps] == pytest.approx([6.0, 0.0, 6.0])
    assert gaps[1] is not None
    assert gaps[1].line_lps_mm == ((25.5, 8.0, 12.0), (25.5, 8.0, 12.0))


def shell_scene(name: str) -> tuple[sitk.Image, np.ndarray, sitk.Image, sitk.Image]:
    """HU that betray every voxel of the surrounding liver that should not have been taken.

    110 between 3.5 and 15 mm around the first tumor, but for the rim of the liver, the second tumor and
    what is near it, a vessel and a cavity.
    """
    instances, _ = scene(name)
    p = positions_mm(instances)
    cavity = ball((-12.0, -19.0, 0.0), 3.0)(p)
    instances = like(instances, np.where(cavity, 0, sitk.GetArrayFromImage(instances)).astype(np.uint16))
    away = np.linalg.norm(p - FIRST, axis=-1) - RADII[0]
    from_second = np.linalg.norm(p - SECOND, axis=-1) - RADII[1]
    hu = np.full(away.shape, 110.0, np.float32)
    hu[away < 3.5] = 500.0
    hu[away > 15.0] = 700.0
    hu[from_second < 3.5] = 900.0
    hu[np.linalg.norm(p, axis=-1) > 38.0 - 3.5] = 1300.0
    vessel = tube(0, (12.0, 8.0), 2.0)
    hu[vessel(p)] = 1700.0
    hu[cavity] = 1900.0
    mask = sitk.GetArrayFromImage(instances) == 2
    hu[mask] = 60.0
    return instances, mask, like(instances, hu), painted(instances, (1, vessel))


@pytest.mark.parametrize("name", GRIDS)
def test_brightness_beside_the_right_liver(name: str) -> None:
    """Portal 60 in 110 HU; arterial 80 in 80 HU: difference 20, contrasts -50 and 0, hence no washout."""
    instances, mask, portal, vessel = shell_scene(name)
    hu = sitk.GetArrayFromImage(portal)
    arterial = np.where(mask, hu + 20, hu - 30)
    positions = positions_mm(instances)
    for seen in (np.ones_like(mask), positions[..., 0] > FIRST[0]):
        image = like(instances, np.where(seen, arterial, np.float32(-1024)))
        told = (
            review_case(instances, portal, image, vessels=Vessels(labels=vessel, names={1: "vein"}))
            .tumors[0]
            .brightness
        )
        assert told.liver_portal is not None
        assert told.liver_arterial is not None
        assert told.arterial is not None
        assert (told.liver_portal.mean_hu, told.liver_portal.sd_hu) == pytest.approx((110.0, 0.0))
        assert told.liver_portal.voxels > 1000
        assert told.arterial.mean_hu == pytest.approx(80.0)
        assert told.arterial.voxels == np.count_nonzero(mask & seen)
        assert told.liver_arterial.mean_hu == pytest.approx(80.0)
        assert told.contrast_portal_hu == pytest.approx(-50.0)
        assert told.contrast_arterial_hu == pytest.approx(0.0)
        assert told.arterial_portal_difference_hu == pytest.approx(20.0)
        assert told.washout_hu is None
        assert told.enhancement_arterial_hu is None  # there is no native phase


def test_the_difference_is_of_what_both_phases_saw() -> None:
    """Half of the tumor is 40, half 80 HU in the portal phase; the arterial one saw the brighter half, at 90."""
    labels = np.ones((5, 5, 8), np.uint16)
    labels[2, 2, 2:6] = 2
    portal, arterial = np.zeros((2, 5, 5, 8), np.float32)
    portal[2, 2, 2:6], arterial[2, 2, 2:6] = (40, 40, 80, 80), (-1024, -1024, 90, 90)
    told = review_case(*(sitk.GetImageFromArray(a) for a in (labels, portal, arterial))).tumors[0].brightness
    assert told.portal.mean_hu == 60.0
    assert told.arterial_portal_difference_hu == 10.0
    assert told.liver_portal is None  # all of it is nearer than 5 mm
    assert (told.contrast_portal_hu, told.contrast_arterial_hu, told.washout_hu) == (None, None, None)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_unsigned_volumes_are_measured_as_signed_ones(kind: type) -> None:
    """They hold no number as low as what is outside of a field of view; numpy 2.0 crashed on asking."""
    instances, portal = scene("oblique")[0], painted(grid("oblique", 84.0), (50, LIVER), kind=kind)
    arterial = sitk.Add(portal, 20)
    signed = [sitk.Cast(image, sitk.sitkInt16) for image in (portal, arterial)]
    told = review_case(instances, portal, arterial)
    assert told == review_case(instances, *signed)
    assert told.tumors[0].brightness.arterial_portal_difference_hu == pytest.approx(20.0)


def test_spread_of_a_ramp() -> None:
    """HU 0 to 10 along eleven voxels: mean and median 5, sd sqrt 10, percentiles 1 and 9."""
    labels = np.full((1, 1, 11), 2, np.uint16)
    hu = np.arange(11, dtype=np.int16).reshape(1, 1, 11)
    told = review_case(*(sitk.GetImageFromArray(a) for a in (labels, hu))).tumors[0].brightness
    assert told.arterial is None
    assert told.arterial_portal_difference_hu is None
    spread = told.portal
    assert (spread.voxels, spread.mean_hu, spread.median_hu) == (11, 5.0, 5.0)
    assert (spread.sd_hu, spread.p10_hu, spread.p90_hu) == pytest.approx((np.sqrt(10.0), 1.0, 9.0))


def test_volumes_are_those_of_segment_statistics() -> None:
    """Number of voxels times their volume, the liver with its tumors; ITK's Feret diameter runs between centers."""
    instances, _ = scene("oblique and left-handed")
    review = review_case(instances, instances)
    whole, parts = sitk.LabelShapeStatisticsImageFilter(), sitk.LabelShapeStatisticsImageFilter()
    whole.Execute(instances > 0)
    parts.ComputeFeretDiameterOn()
    parts.Execute(instances)
    assert review.case.liver_volume_ml == pytest.approx(whole.GetPhysicalSize(1) / 1000)
    for tumor in review.tumors:
        value = tumor.number + 1
        assert tumor.measurement.volume_ml == pytest.approx(parts.GetPhysicalSize(value) / 1000)
        assert tumor.measurement.centroid_lps_mm == pytest.approx(parts.GetCentroid(value))
        assert 0.0 < tumor.longest_3d_diameter_mm - parts.GetFeretDiameter(value) <= 2.0


def test_report_and_table() -> None:
    instances, vessels = scene("straight")
    review = review_case(instances, instances, instances, sitk.Cast(instances, sitk.sitkFloat32) / 4, vessels)
    told = json.loads(json.dumps(review.as_dict(), allow_nan=False))
    assert told["tumors"][0]["vessels"][1]["name"] == "middle vein"
    assert told["settings"]["farthest_mm"] == 15.0
    row = review_rows(review.tumors)[0]
    assert row["tumor"] == "1"
    assert row["mean_probability"] == "0.500"
    assert row["nearest_vessel"] == "middle vein"
    assert row["nearest_vessel_mm"] == "0.0"
    assert row["portal_contrast_hu"] == row["arterial_contrast_hu"] == "1.0"
    assert (row["arterial_portal_difference_hu"], row["washout_hu"]) == ("0.0", "")
    assert review_csv(review.tumors).splitlines()[0] == ",".join(row)
    assert review_rows(review_case(instances, instances).tumors)[0]["arterial_hu"] == ""
    assert review_rows(review_case(instances, instances).tumors)[0]["nearest_vessel"] == ""


def test_no_tumor_and_no_liver_are_results() -> None:
    image = grid("straight", 12.0)
    for instances in (image, image + 1):
        review = review_case(instances, instances)
        assert review.tumors == ()
        assert review_csv(review.tumors).count("\n") == 1
    assert review.case.liver_volume_ml > 0


def test_one_tumor_has_no_neighbour() -> None:
    image = painted(grid("straight", 30.0), (1, ball((0, 0, 0), 12.0)), (5, ball((0, 0, 0), 4.0)))
    (tumor,) = review_case(image, image).tumors
    assert tumor.number == 4
    assert tumor.nearest_tumor is None


def test_neighbours_among_many_against_every_pair() -> None:
    """Rods at random; the next one by looking at all."""
    rng = np.random.default_rng(9)
    image = grid("thick slices", 60.0)
    bodies = [(1, cuboid((-90,) * 3, (90,) * 3))]
    for value in range(2, 14):
        low = rng.uniform(-26, 18, 3)
        bodies.append((value, cuboid(low, low + rng.uniform(4, 20, 3))))
    instances = painted(image, *bodies)
    values = sitk.GetArrayFromImage(instances)
    present = [int(v) for v in np.unique(values) if v > 1]
    whole = tuple(slice(0, n) for n in values.shape)
    bodies_at = {v: Surface.of(values == v, whole, ImageAxes.of(instances)) for v in present}
    for tumor in review_case(instances, instances).tumors:
        value = tumor.number + 1
        expected = min(
            (gap_between(bodies_at[value], bodies_at[other]).distance_mm, other - 1)
            for other in present
            if other != value
        )
        assert tumor.nearest_tumor is not None
        assert (tumor.nearest_tumor.distance_mm, tumor.nearest_tumor.number) == pytest.approx(expected)


def test_bad_input() -> None:
    instances, _ = scene("straight")
    elsewhere = sitk.Image(instances.GetSize(), sitk.sitkUInt16)
    with pytest.raises(
        InputError, match="the segmentation and the portal volume do not lie on the same grid"
    ):
        review_case(instances, elsewhere)
    other = Vessels(labels=elsewhere + 1, names={1: "vein"})
    with pytest.raises(InputError, match="the segmentation and the vessels do not lie on the same grid"):
        review_case(instances, instances, vessels=other)
    sheared = sitk.Image(instances)
    sheared.SetDirection((1, 0.2, 0, 0, 1, 0, 0, 0, 1))
    with pytest.raises(InputError, match="the axes of the segmentation are not at right angles"):
        review_case(sheared, sheared)
    with pytest.raises(InputError, match="the nearer one first; got 15 to 5 mm"):
        ReviewSettings(nearest_mm=15, farthest_mm=5)
    with pytest.raises(InputError, match=r"border of the liver .* 0 to 100 mm wide, got -1 mm"):
        ReviewSettings(border_mm=-1)


def test_progress_rises_and_can_be_cancelled() -> None:
    instances, vessels = scene("straight")
    seen: list[float] = []
    review_case(instances, instances, vessels=vessels, progress=Progress(lambda e: seen.append(e.fraction)))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    with pytest.raises(Cancelled):
        review_case(instances, instances, progress=Progress(cancelled=lambda: True))
