"""Exact regridding: no voxel changes its position in the patient, over all 48 axis orders and flips."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import from_lps, regridded, to_lps
from Testing.Library.analysis.bodies import GRIDS, ball, grid, painted

TURNS = {
    "upright": np.eye(3),
    "oblique": Rotation.from_euler("xyz", [12, -8, 20], degrees=True).as_matrix(),
    "steep": Rotation.from_euler("xyz", [30, 25, -35], degrees=True).as_matrix(),
}
SIGNED_PERMUTATIONS = [
    np.eye(3)[:, list(order)] * signs
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


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
    placed = regridded(turned, image, "the segmentation", "the portal volume")
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
    placed = regridded(part, image, "the segmentation", "the portal volume", part=True)
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(image))
    assert in_space(placed) == in_space(part)


def test_a_larger_image_loses_nothing_but_zeros() -> None:
    image = case("thick slices")
    larger = sitk.ConstantPad(image, (3, 0, 2), (0, 4, 1), 0)
    placed = regridded(larger, image, "the segmentation", "the portal volume", part=True)
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(image))
    larger[0, 3, 3] = 1
    with pytest.raises(InputError, match=r"reaches beyond the portal volume \(1 voxels lie outside\)"):
        regridded(larger, image, "the segmentation", "the portal volume", part=True)


def test_a_part_is_refused_where_the_whole_is_asked_for() -> None:
    image = case("straight")
    with pytest.raises(InputError, match="do not lie on the same grid: their size is"):
        regridded(image[2:], image, "the arterial volume", "the portal volume")


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
        regridded(other, image, "the segmentation", "the portal volume", part=part)


def test_a_part_between_voxels_is_refused_in_words() -> None:
    image = case("straight")
    part = image[3:-3, 3:-3, 3:-3]
    part.SetOrigin([v + 0.5 for v in part.GetOrigin()])
    with pytest.raises(InputError, match="do not lie on those of the portal volume"):
        regridded(part, image, "the segmentation", "the portal volume", part=True)


def test_what_files_round_off_does_not_matter() -> None:
    """A whole grid whose spacing was stored with seven digits, and whose origin with three."""
    image = case("oblique")
    stored = sitk.Image(image)
    stored.SetSpacing([float(np.float32(v)) for v in image.GetSpacing()])
    stored.SetOrigin([round(v, 3) for v in image.GetOrigin()])
    placed = regridded(stored, image, "the segmentation", "the portal volume")
    assert placed.GetOrigin() == image.GetOrigin()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(image))


def volume(direction: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(np.arange(4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2))
    image.SetSpacing((0.5, 2.0, 3.0))
    image.SetOrigin((5.0, -6.0, 7.0))
    image.SetDirection(direction.ravel().tolist())
    return image


def positions(image: sitk.Image) -> dict[int, np.ndarray]:
    """Where each voxel value lies in space."""
    size = image.GetSize()
    return {image[i]: np.array(image.TransformIndexToPhysicalPoint(i)) for i in np.ndindex(*size)}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("number", range(48))
def test_there_and_back(turn, number):
    image = volume(TURNS[turn] @ SIGNED_PERMUTATIONS[number])
    turned = to_lps(image)
    axes = np.asarray(turned.GetDirection()).reshape(3, 3)
    assert np.linalg.det(axes) == pytest.approx(1), "LPS axes are right-handed"
    assert np.allclose(axes, TURNS[turn]), "each axis runs along the nearest of L, P, S"
    before, after = positions(image), positions(turned)
    assert all(np.allclose(before[value], after[value], atol=1e-9) for value in before)
    again = from_lps(turned, image)
    assert again.GetOrigin() == image.GetOrigin()
    assert again.GetDirection() == image.GetDirection()
    assert again.GetSpacing() == image.GetSpacing()
    assert np.array_equal(sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(image))


def test_from_lps_keeps_the_type_of_a_label_image():
    image = volume(np.eye(3)[:, [2, 0, 1]])
    labels = sitk.Cast(to_lps(image), sitk.sitkUInt16)
    assert from_lps(labels, image).GetPixelID() == sitk.sitkUInt16


def test_from_lps_refuses_another_grid():
    image = volume(np.eye(3))
    shifted = volume(np.eye(3))
    shifted.SetOrigin((5.0, -6.0, 7.5))
    with pytest.raises(InputError, match="does not fit the grid"):
        from_lps(shifted, image)
    with pytest.raises(InputError, match="different oblique axes"):
        from_lps(volume(TURNS["oblique"]), image)
