"""Measurements of tumors of known shape, on grids of every kind."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import measure_case, measure_tumors
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, crop_image

AXES_MM = (15.0, 8.0, 10.0)  # half axes of an ellipsoid along L, P, S
CENTRE_MM = (-42.0, 17.5, 103.0)

STRAIGHT = np.eye(3)
LEFT_HANDED = np.diag([1.0, 1.0, -1.0])
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # columns: i to L, j to I, k to P
SAGITTAL = np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 1.0, 0]])  # columns: i to P, j to S, k to L


def turned(degrees: float) -> np.ndarray:
    """Return a turn about the patient's long axis, as of an oblique patient."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def grid(direction: np.ndarray, spacing: tuple[float, float, float]) -> sitk.Image:
    """Return an empty grid of 60 mm around the ellipsoid's center, its center off the voxels' centers."""
    size = [int(np.ceil(60.0 / step)) for step in spacing]
    image = sitk.Image(size, sitk.sitkUInt16)
    image.SetSpacing(spacing)
    image.SetDirection(direction.ravel())
    middle = direction @ (np.array(size) * spacing / 2.0 - 0.3)
    image.SetOrigin(np.array(CENTRE_MM) - middle)
    return image


def positions_mm(image: sitk.Image) -> np.ndarray:
    """Return the LPS position of every voxel, (z, y, x, 3), asked of SimpleITK's own geometry."""
    components = sitk.PhysicalPointSource(
        sitk.sitkVectorFloat64, image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    )
    return sitk.GetArrayFromImage(components)


def like(image: sitk.Image, array: np.ndarray) -> sitk.Image:
    result = sitk.GetImageFromArray(array)
    result.CopyInformation(image)
    return result


def ellipsoid(image: sitk.Image) -> tuple[sitk.Image, np.ndarray]:
    relative = (positions_mm(image) - CENTRE_MM) / AXES_MM
    inside = (relative**2).sum(axis=-1) <= 1.0
    return like(image, np.where(inside, 2, 1).astype(np.uint16)), inside


GRIDS = {
    "straight": (STRAIGHT, (0.7, 0.7, 2.5)),
    "left-handed": (LEFT_HANDED, (0.7, 0.9, 2.0)),
    "coronal": (CORONAL, (0.7, 0.7, 1.5)),
    "sagittal": (SAGITTAL, (0.8, 0.6, 1.2)),
    "oblique": (turned(30.0), (0.7, 0.8, 2.0)),
    "oblique and left-handed": (turned(-40.0) @ LEFT_HANDED, (0.6, 0.8, 2.0)),
}


@pytest.mark.parametrize("name", GRIDS)
def test_ellipsoid_on_any_grid(name: str) -> None:
    """Axially 30 by 16 mm at whatever turn; 4/3 pi abc = 5.03 mL; HU a ramp along S with its mean at the center."""
    direction, spacing = GRIDS[name]
    image = grid(direction, spacing)
    instances, inside = ellipsoid(image)
    ramp = positions_mm(image)[..., 2].astype(np.float32)
    (tumor,) = measure_tumors(instances, like(image, ramp), like(image, 2 * ramp), like(image, inside * 0.8))
    coarsest = max(spacing[i] for i in range(3) if abs(direction[2, i]) < 0.5)  # in the axial plane
    assert tumor.number == 1
    assert tumor.volume_ml == pytest.approx(4 / 3 * np.pi * 15 * 8 * 10 / 1000, rel=0.02)
    assert tumor.longest_axial_diameter_mm == pytest.approx(30.0, abs=coarsest)
    assert tumor.perpendicular_diameter_mm == pytest.approx(16.0, abs=coarsest)
    assert tumor.centroid_lps_mm == pytest.approx(CENTRE_MM, abs=0.2)
    assert tumor.mean_hu_portal == pytest.approx(CENTRE_MM[2], abs=0.2)
    assert tumor.sd_hu_portal == pytest.approx(10.0 / np.sqrt(5.0), rel=0.05)
    assert tumor.mean_hu_arterial == pytest.approx(2 * CENTRE_MM[2], abs=0.4)
    assert tumor.mean_probability == pytest.approx(0.8)


@pytest.mark.parametrize("name", GRIDS)
def test_end_points_lie_in_the_patient(name: str) -> None:
    """The long axis runs along L through the center, the short one along P, both in one axial plane."""
    direction, spacing = GRIDS[name]
    instances, _ = ellipsoid(grid(direction, spacing))
    (tumor,) = measure_tumors(instances, instances)
    start, end = (np.array(point) for point in tumor.longest_axial_diameter_lps_mm)
    assert np.linalg.norm(end - start) == pytest.approx(tumor.longest_axial_diameter_mm)
    assert abs((end - start)[0]) > 29.0
    assert (start + end) / 2 == pytest.approx(CENTRE_MM, abs=2.0)
    across = np.subtract(*(np.array(point) for point in tumor.perpendicular_diameter_lps_mm))
    assert np.linalg.norm(across) == pytest.approx(tumor.perpendicular_diameter_mm)
    assert across @ (end - start) == pytest.approx(0.0, abs=1e-6)
    assert across[2] == pytest.approx(0.0, abs=1e-9)
    assert (end - start)[2] == pytest.approx(0.0, abs=1e-9)
    index = instances.TransformPhysicalPointToContinuousIndex(start.tolist())
    axis = int(np.argmax(np.abs(direction[2])))
    assert index[axis] == pytest.approx(tumor.slice_index, abs=1e-6)


def test_a_tilted_scan_is_measured_in_its_own_slices() -> None:
    """Slices tilted by 20 degrees about L, as by a gantry: the long axis lies in them and keeps its length."""
    c, s = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
    image = grid(np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]]), (0.7, 0.7, 2.0))
    instances, _ = ellipsoid(image)
    (tumor,) = measure_tumors(instances, instances)
    assert tumor.longest_axial_diameter_mm == pytest.approx(30.0, abs=0.7)
    start, _ = tumor.longest_axial_diameter_lps_mm
    assert image.TransformPhysicalPointToContinuousIndex(start)[2] == pytest.approx(
        tumor.slice_index, abs=1e-6
    )


def test_one_voxel() -> None:
    array = np.zeros((4, 5, 6), np.uint16)
    array[3, 2, 1] = 2
    instances = sitk.GetImageFromArray(array)
    instances.SetSpacing((0.7, 0.9, 5.0))
    instances.SetOrigin((10.0, 20.0, 30.0))
    (tumor,) = measure_tumors(instances, sitk.Cast(instances, sitk.sitkInt16) * 30)
    assert tumor.volume_ml == pytest.approx(0.7 * 0.9 * 5.0 / 1000)
    assert tumor.longest_axial_diameter_mm == pytest.approx(0.9)
    assert tumor.perpendicular_diameter_mm == pytest.approx(0.7)
    assert tumor.centroid_lps_mm == pytest.approx((10.7, 21.8, 45.0))
    assert tumor.slice_index == 3
    assert (tumor.mean_hu_portal, tumor.sd_hu_portal) == (60.0, 0.0)
    assert tumor.mean_hu_arterial is None
    assert tumor.mean_probability is None


def test_the_longest_slice_need_not_be_the_largest() -> None:
    """A slice of 6 by 6 pixels, and below it a row of 11."""
    array = np.zeros((5, 12, 15), np.uint16)
    array[1, 2:8, 2:8] = 2
    array[2, 5, 2:13] = 2
    (tumor,) = measure_tumors(sitk.GetImageFromArray(array), sitk.GetImageFromArray(array))
    assert tumor.slice_index == 2
    assert tumor.longest_axial_diameter_mm == pytest.approx(11.0)
    assert tumor.perpendicular_diameter_mm == pytest.approx(1.0)


def test_tumors_in_the_order_of_their_numbers_and_a_missing_one_is_no_tumor() -> None:
    array = np.zeros((6, 9, 9), np.uint16)
    array[1, 1:3, 1:3] = 2
    array[4, 5, 5] = 4
    tumors = measure_tumors(sitk.GetImageFromArray(array), sitk.GetImageFromArray(array))
    assert [tumor.number for tumor in tumors] == [1, 3]
    assert [tumor.mean_hu_portal for tumor in tumors] == [2.0, 4.0]


def test_no_tumor_is_a_result() -> None:
    empty = sitk.Image((4, 4, 4), sitk.sitkUInt16)
    assert measure_tumors(empty, empty) == []
    assert measure_tumors(empty + 1, empty) == []


@pytest.mark.parametrize(
    ("position", "name"), [(0, "the portal volume"), (1, "the arterial volume"), (2, "the probability")]
)
def test_another_grid_is_refused(position: int, name: str) -> None:
    here = sitk.Image((4, 4, 4), sitk.sitkUInt16)
    there = sitk.Image((4, 4, 4), sitk.sitkUInt16)
    there.SetOrigin((0.0, 0.0, 2.0))
    with pytest.raises(InputError, match=rf"the segmentation and {name} .* origin"):
        measure_tumors(here, *[there if i == position else here for i in range(3)])


def test_case_counts_tumors_into_the_liver() -> None:
    """1000 voxels of 0.7 * 0.7 * 2 mm, 48 and 2 of them tumors: 0.98 mL, 0.049 mL, 5 %."""
    array = np.zeros((14, 14, 14), np.uint16)
    array[2:12, 2:12, 2:12] = 1
    array[3:7, 3:7, 3:6] = 2
    array[9, 9, 8:10] = 3
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.7, 0.7, 2.0))
    case = measure_case(image)
    assert case.liver_volume_ml == pytest.approx(0.98)
    assert case.tumor_volume_ml == pytest.approx(0.049)
    assert case.tumor_burden_percent == pytest.approx(5.0)
    assert case.tumor_count == 2


def test_case_without_a_liver() -> None:
    case = measure_case(sitk.Image((4, 4, 4), sitk.sitkUInt16))
    assert (case.liver_volume_ml, case.tumor_volume_ml, case.tumor_burden_percent, case.tumor_count) == (
        0,
        0,
        0,
        0,
    )


@pytest.mark.parametrize(("seen", "mean"), [([True, True, False], 90.0), ([False, False, False], None)])
def test_what_the_arterial_volume_did_not_see_is_left_out(seen: list[bool], mean: float | None) -> None:
    instances = sitk.GetImageFromArray(np.full((1, 1, 3), 2, np.uint16))
    arterial = np.where([[seen]], [[[80, 100, 120]]], -1024).astype(np.int16)
    (tumor,) = measure_tumors(
        instances, sitk.Cast(instances, sitk.sitkInt16), sitk.GetImageFromArray(arterial)
    )
    assert tumor.mean_hu_arterial == mean


@pytest.mark.parametrize("name", GRIDS)
def test_parts_around_the_tumors_are_as_good_as_the_whole(name: str) -> None:
    image = grid(*GRIDS[name])
    instances, inside = ellipsoid(image)
    rng = np.random.default_rng(5)
    portal, arterial = (like(image, rng.normal(80, 20, inside.shape).astype(np.int16)) for _ in range(2))
    probability = like(image, rng.random(inside.shape, dtype=np.float32))
    box = bounding_box(inside, (1, 2, 3))
    assert box is not None
    parts = [crop_image(volume, box) for volume in (arterial, probability)]
    assert parts[0].GetSize() != image.GetSize()
    whole = measure_tumors(instances, portal, arterial, probability)
    assert measure_tumors(instances, portal, *parts) == whole
    beside = sitk.Image(parts[1])
    beside.SetOrigin(np.add(beside.GetOrigin(), 0.4).tolist())
    with pytest.raises(InputError, match="the probability is no part of the segmentation's grid"):
        measure_tumors(instances, portal, None, beside)
