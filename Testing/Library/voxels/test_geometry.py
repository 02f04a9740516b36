"""Axes of images, and what counts as the same grid."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import (
    ImageAxes,
    as_point,
    check_same_grid,
    check_spacing,
    check_volume,
    same_grid,
)
from Testing.Library.analysis.bodies import GRIDS, grid


def volume() -> sitk.Image:
    image = sitk.Image((4, 3, 2), sitk.sitkInt16)
    image.SetSpacing((0.5, 2.0, 3.0))
    image.SetOrigin((5.0, -6.0, 7.0))
    return image


@pytest.mark.parametrize("name", GRIDS)
def test_positions_and_indices_are_inverse(name: str) -> None:
    axes = ImageAxes.of(grid(name, 30.0))
    indices = np.random.default_rng(0).uniform(-5, 40, (20, 3))
    np.testing.assert_allclose(axes.index_zyx(axes.position_mm(indices)), indices, atol=1e-9)
    part = axes.of_part(np.array([3, 4, 5]))
    np.testing.assert_allclose(part.position_mm(indices), axes.position_mm(indices + [3, 4, 5]))
    assert axes.spacing_zyx_mm == pytest.approx(GRIDS[name][1][::-1])


def test_positions_are_those_of_simpleitk() -> None:
    image = grid("oblique", 30.0)
    position = ImageAxes.of(image).position_mm(np.array([3, 4, 5]))
    assert as_point(position) == pytest.approx(image.TransformIndexToPhysicalPoint((5, 4, 3)))
    assert ImageAxes.of(image).voxel_ml == pytest.approx(np.prod(image.GetSpacing()) / 1000)


@pytest.mark.parametrize(("orientation", "axis"), [("LPS", 0), ("PSR", 1), ("SLP", 2), ("RAI", 0)])
def test_the_slice_axis_is_the_one_along_the_body(orientation: str, axis: int) -> None:
    assert ImageAxes.of(sitk.DICOMOrient(volume(), orientation)).slice_axis == axis


def test_a_sheared_grid_is_refused() -> None:
    upright = ImageAxes(np.zeros(3), np.eye(3))
    upright.check_right_angles("the volume")
    sheared = ImageAxes(np.zeros(3), np.array([[0, 0.1, 1.0], [0, 1, 0], [1, 0, 0]]))
    with pytest.raises(InputError, match="the axes of the volume are not at right angles"):
        sheared.check_right_angles("the volume")


def test_same_grid_compares_all_corners() -> None:
    image, stretched = volume(), volume()
    stretched.SetSpacing((0.5, 2.0, 3.02))
    assert same_grid(image, volume())
    assert not same_grid(image, stretched)
    assert same_grid(image, stretched, tolerance_mm=0.1)


def test_a_tenth_of_the_smallest_voxel_is_the_same_grid() -> None:
    moved = volume()
    moved.SetOrigin((5.04, -6.0, 7.0))
    check_same_grid(volume(), moved, "the first", "the second")
    moved.SetOrigin((5.06, -6.0, 7.0))
    with pytest.raises(InputError, match=r"their origin is \(5, -6, 7\) mm and \(5.06, -6, 7\) mm"):
        check_same_grid(volume(), moved, "the first", "the second")


def test_an_image_of_two_dimensions_is_no_volume() -> None:
    with pytest.raises(InputError, match="the second has 2 dimensions"):
        check_same_grid(volume(), sitk.Image((4, 3), sitk.sitkInt16), "the first", "the second")
    with pytest.raises(InputError, match=r"the liver has the shape \(4, 3\)"):
        check_volume(np.zeros((4, 3)), "the liver")
    with pytest.raises(InputError, match=r"the liver has the shape \(4, 0, 3\)"):
        check_volume(np.zeros((4, 0, 3)), "the liver")


@pytest.mark.parametrize("spacing", [(1.0, 2.0), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0)])
def test_a_spacing_is_three_lengths_above_zero(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="three lengths above zero"):
        check_spacing(spacing)
