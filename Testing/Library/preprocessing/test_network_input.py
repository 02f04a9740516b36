"""The stage grid covers the image where it lies in space, and resampling to it keeps positions and means."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.preprocessing import (
    Standard,
    resample_to_grid,
    stack_neighbours,
    stage_grid,
    window_hu,
)

OBLIQUE = tuple(
    np.array([[np.cos(0.3), -np.sin(0.3), 0.0], [np.sin(0.3), np.cos(0.3), 0.0], [0.0, 0.0, 1.0]]).ravel()
)


def ramp(
    size: tuple[int, int, int], spacing: tuple[float, float, float], direction: tuple[float, ...]
) -> sitk.Image:
    """An image whose value at a point is a linear function of the point: interpolation is exact on it."""
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(spacing)
    image.SetOrigin((11.0, -7.0, 130.0))
    image.SetDirection(direction)
    source = sitk.PhysicalPointSource(sitk.sitkVectorFloat64, size, image.GetOrigin(), spacing, direction)
    values = sitk.GetArrayFromImage(source) @ np.array([1.0, 2.0, -3.0])
    result = sitk.GetImageFromArray(values.astype(np.float32))
    result.CopyInformation(image)
    return result


@pytest.mark.parametrize("direction", [(1, 0, 0, 0, 1, 0, 0, 0, 1), OBLIQUE])
def test_a_linear_function_of_space_survives_resampling(direction: tuple[float, ...]) -> None:
    image = ramp((60, 48, 30), (0.7, 0.7, 1.0), direction)
    grid = stage_grid(image, in_plane_spacing_mm=3.0, slice_spacing_range_mm=(3.0, 7.0))
    assert grid.GetSpacing() == (3.0, 3.0, 3.0)
    got = sitk.GetArrayFromImage(resample_to_grid(image, grid))
    want = sitk.GetArrayFromImage(ramp_on(grid))
    inner = (slice(1, -2), slice(1, -2), slice(1, -2))  # the border repeats and cannot be linear
    np.testing.assert_allclose(got[inner], want[inner], atol=1e-3)


def ramp_on(grid: sitk.Image) -> sitk.Image:
    source = sitk.PhysicalPointSource(
        sitk.sitkVectorFloat64, grid.GetSize(), grid.GetOrigin(), grid.GetSpacing(), grid.GetDirection()
    )
    return sitk.GetImageFromArray(sitk.GetArrayFromImage(source) @ np.array([1.0, 2.0, -3.0]))


@pytest.mark.parametrize(("native", "working"), [(1.0, 3.0), (5.0, 5.0), (9.0, 7.0)])
def test_slices_keep_their_spacing_inside_the_range(native: float, working: float) -> None:
    image = sitk.Image((10, 10, 21), sitk.sitkInt16)
    image.SetSpacing((0.8, 0.8, native))
    grid = stage_grid(image, in_plane_spacing_mm=1.25, slice_spacing_range_mm=(3.0, 7.0))
    assert grid.GetSpacing() == pytest.approx((1.25, 1.25, working))
    assert grid.GetSize() == (7, 7, int(np.ceil(21 * native / working)))


def test_the_grid_starts_at_the_image_border() -> None:
    image = sitk.Image((10, 10, 10), sitk.sitkInt16)
    image.SetSpacing((1.0, 1.0, 4.0))
    grid = stage_grid(image, in_plane_spacing_mm=2.0, slice_spacing_range_mm=(3.0, 7.0))
    # Border of the first voxel: half a voxel before its centre, in both grids.
    assert grid.TransformContinuousIndexToPhysicalPoint((-0.5, -0.5, -0.5)) == pytest.approx(
        (-0.5, -0.5, -2.0)
    )


def test_blocks_are_averaged_so_that_noise_shrinks() -> None:
    rng = np.random.default_rng(0)
    image = sitk.GetImageFromArray(rng.normal(0, 10, (12, 96, 96)).astype(np.float32))
    image.SetSpacing((0.75, 0.75, 3.0))
    coarse = sitk.GetArrayFromImage(
        resample_to_grid(image, stage_grid(image, in_plane_spacing_mm=3.0, slice_spacing_range_mm=(3.0, 7.0)))
    )
    assert coarse.std() == pytest.approx(10 / 4, rel=0.1)  # a mean of 4 x 4 independent voxels
    assert coarse.mean() == pytest.approx(0.0, abs=0.2)


def test_outside_gets_the_value_asked_for() -> None:
    image = sitk.Image((4, 4, 4), sitk.sitkFloat32) + 7.0
    grid = sitk.Image((8, 4, 4), sitk.sitkUInt8)
    beyond = sitk.GetArrayFromImage(resample_to_grid(image, grid, outside=-1.0))
    assert np.all(beyond[:, :, :4] == 7.0)
    assert np.all(beyond[:, :, 5:] == -1.0)
    assert np.all(sitk.GetArrayFromImage(resample_to_grid(image, grid)) == 7.0)


def test_averaging_follows_the_axes_of_a_turned_grid() -> None:
    image = ramp((12, 24, 48), (4.0, 2.0, 1.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    turned = sitk.PermuteAxes(image, (2, 0, 1))
    got = resample_to_grid(
        turned, stage_grid(image, in_plane_spacing_mm=4.0, slice_spacing_range_mm=(4.0, 4.0))
    )
    want = resample_to_grid(
        image, stage_grid(image, in_plane_spacing_mm=4.0, slice_spacing_range_mm=(4.0, 4.0))
    )
    np.testing.assert_allclose(sitk.GetArrayFromImage(got), sitk.GetArrayFromImage(want), atol=1e-3)


@pytest.mark.parametrize(("pixel", "slices"), [(0.0, (3.0, 7.0)), (1.0, (0.0, 7.0)), (1.0, (7.0, 3.0))])
def test_impossible_spacings_are_refused(pixel: float, slices: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="spacings must be positive"):
        stage_grid(
            sitk.Image((4, 4, 4), sitk.sitkInt16),
            in_plane_spacing_mm=pixel,
            slice_spacing_range_mm=slices,
        )


def test_window_scales_to_unit_range() -> None:
    assert window_hu([-500.0, -70.0, 55.0, 180.0, 900.0], (-70.0, 180.0)).tolist() == [
        0.0,
        0.0,
        0.5,
        1.0,
        1.0,
    ]
    with pytest.raises(InputError, match=r"\[180, -70\] is empty"):
        window_hu([0.0], (180.0, -70.0))


def test_neighbours_repeat_the_outermost_slice() -> None:
    volume = np.arange(4, dtype=np.float32).reshape(4, 1, 1)
    assert stack_neighbours(volume, 0)[:, 0, 0].tolist() == [0, 0, 1]
    assert stack_neighbours(volume, 2)[:, 0, 0].tolist() == [1, 2, 3]
    assert stack_neighbours(volume, 3, neighbours=2)[:, 0, 0].tolist() == [1, 2, 3, 3, 3]
    with pytest.raises(InputError, match="slice 4 with 1 neighbours was asked of a volume of 4 slices"):
        stack_neighbours(volume, 4)


def test_without_a_spacing_the_grid_is_the_images_own() -> None:
    image = sitk.Image((10, 12, 7), sitk.sitkInt16)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((3.0, 4.0, 5.0))
    grid = stage_grid(image)
    assert (grid.GetSize(), grid.GetSpacing(), grid.GetOrigin()) == (
        image.GetSize(),
        image.GetSpacing(),
        image.GetOrigin(),
    )


def test_slices_of_so_many_pixels_cover_exactly_the_image() -> None:
    image = sitk.Image((512, 400, 9), sitk.sitkInt16)
    image.SetSpacing((0.7, 0.8, 2.5))
    grid = stage_grid(image, in_plane_pixels=(448, 224))
    assert grid.GetSize() == (224, 448, 9)  # rows are y
    for corner, other in (((-0.5, -0.5, -0.5),) * 2, ((223.5, 447.5, 8.5), (511.5, 399.5, 8.5))):
        assert grid.TransformContinuousIndexToPhysicalPoint(corner) == pytest.approx(
            image.TransformContinuousIndexToPhysicalPoint(other)
        )


def test_standard_intensities_have_mean_zero_and_spread_one() -> None:
    rng = np.random.default_rng(4)
    hu = rng.normal(50, 30, 10_000)
    hu[:40], hu[40:80] = -3000, 5000  # 0.4 % on each side
    standard = Standard.of(hu, (0.5, 99.5))
    scaled = standard(hu)
    assert scaled.mean() == pytest.approx(0, abs=1e-5)
    assert scaled.std() == pytest.approx(1, abs=1e-5)
    assert (standard.low, standard.high) == pytest.approx(tuple(np.percentile(hu, (0.5, 99.5))))
    assert scaled.max() == pytest.approx((standard.high - standard.mean) / standard.deviation, rel=1e-5)
    np.testing.assert_array_equal(Standard.of(np.full(9, 7), (0.5, 99.5))(np.full(9, 7)), np.zeros(9))
