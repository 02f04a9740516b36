"""Label maps brought onto the grid that they belong to: no voxel changes its place in the patient."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.exact_regridding import placed_on
from Testing.Library.analysis.bodies import GRIDS, ball, grid, painted


def in_space(image: sitk.Image) -> set[tuple[float, ...]]:
    """The positions of all voxels that are not 0, with their values."""
    array = sitk.GetArrayFromImage(image)
    return {
        (
            *np.round(image.TransformIndexToPhysicalPoint([int(i) for i in place[::-1]]), 3),
            int(array[tuple(place)]),
        )
        for place in np.argwhere(array)
    }


def case(name: str) -> sitk.Image:
    return painted(grid(name, 24.0), (1, ball((0, 0, 0), 5.0)), (2, ball((3, 2, 1), 2.0)))


@pytest.mark.parametrize("name", GRIDS)
def test_other_axes_of_the_same_grid(name: str) -> None:
    image = case(name)
    turned = sitk.Flip(sitk.PermuteAxes(image, (2, 0, 1)), (True, False, True), False)
    placed = placed_on(turned, image, "the segmentation", "the portal volume")
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(image))
    assert placed.GetOrigin() == image.GetOrigin()
    assert placed.GetDirection() == image.GetDirection()


@pytest.mark.parametrize("name", GRIDS)
def test_a_part_of_the_grid_with_turned_axes(name: str) -> None:
    """As Slicer and DICOM store a segmentation: cropped to what it holds."""
    image = case(name)
    box = sitk.LabelShapeStatisticsImageFilter()
    box.Execute(sitk.Cast(image > 0, sitk.sitkUInt8))
    start, size = box.GetBoundingBox(1)[:3], box.GetBoundingBox(1)[3:]
    part = sitk.Flip(sitk.RegionOfInterest(image, size, start), (False, True, True), False)
    placed = placed_on(part, image, "the segmentation", "the portal volume", part=True)
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(image))
    assert in_space(placed) == in_space(part)


def test_a_larger_image_loses_nothing_but_zeros() -> None:
    image = case("thick slices")
    larger = sitk.ConstantPad(image, (3, 0, 2), (0, 4, 1), 0)
    placed = placed_on(larger, image, "the segmentation", "the portal volume", part=True)
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(image))
    larger[0, 3, 3] = 1
    with pytest.raises(InputError, match=r"reaches beyond the portal volume \(1 voxels lie outside\)"):
        placed_on(larger, image, "the segmentation", "the portal volume", part=True)


def test_a_part_is_refused_where_the_whole_is_asked_for() -> None:
    image = case("straight")
    with pytest.raises(InputError, match="do not lie on the same grid: their size is"):
        placed_on(image[2:], image, "the arterial volume", "the portal volume")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: image.SetOrigin([v + 0.4 for v in image.GetOrigin()]), "their origin is"),
        (lambda image: image.SetSpacing([1.1 * v for v in image.GetSpacing()]), "their spacing is"),
        (
            lambda image: image.SetDirection([0.995, -0.0998, 0, 0.0998, 0.995, 0, 0, 0, 1]),
            "their direction is",
        ),
    ],
)
@pytest.mark.parametrize("part", [False, True])
def test_voxels_between_voxels_are_refused(change, message: str, part: bool) -> None:
    image = case("straight")
    other = sitk.Image(image)
    change(other)
    with pytest.raises(InputError, match=message):
        placed_on(other, image, "the segmentation", "the portal volume", part=part)


def test_a_part_between_voxels_is_refused_in_words() -> None:
    image = case("straight")
    part = image[3:-3, 3:-3, 3:-3]
    part.SetOrigin([v + 0.5 for v in part.GetOrigin()])
    with pytest.raises(InputError, match="do not lie on those of the portal volume"):
        placed_on(part, image, "the segmentation", "the portal volume", part=True)


def test_what_files_round_off_does_not_matter() -> None:
    """A whole grid whose spacing was stored with seven digits, and whose origin with three."""
    image = case("oblique")
    stored = sitk.Image(image)
    stored.SetSpacing([float(np.float32(v)) for v in image.GetSpacing()])
    stored.SetOrigin([round(v, 3) for v in image.GetOrigin()])
    placed = placed_on(stored, image, "the segmentation", "the portal volume")
    assert placed.GetOrigin() == image.GetOrigin()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(image))
