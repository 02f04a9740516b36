"""All 48 axis orders and flips, upright and oblique, there and back again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.orientation import back_to, same_grid, to_lps

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


def volume(direction: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(np.arange(4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2))
    image.SetSpacing((0.5, 2.0, 3.0))
    image.SetOrigin((5.0, -6.0, 7.0))
    image.SetDirection(direction.ravel().tolist())
    return image


def points(image: sitk.Image) -> dict[int, np.ndarray]:
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
    before, after = points(image), points(turned)
    assert all(np.allclose(before[value], after[value], atol=1e-9) for value in before)
    again = back_to(turned, image)
    assert again.GetOrigin() == image.GetOrigin()
    assert again.GetDirection() == image.GetDirection()
    assert again.GetSpacing() == image.GetSpacing()
    assert np.array_equal(sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(image))


def test_back_to_keeps_the_type_of_a_label_image():
    image = volume(np.eye(3)[:, [2, 0, 1]])
    labels = sitk.Cast(to_lps(image), sitk.sitkUInt16)
    assert back_to(labels, image).GetPixelID() == sitk.sitkUInt16


def test_back_to_refuses_another_grid():
    image = volume(np.eye(3))
    shifted = volume(np.eye(3))
    shifted.SetOrigin((5.0, -6.0, 7.5))
    with pytest.raises(InputError, match="does not fit the grid"):
        back_to(shifted, image)
    with pytest.raises(InputError, match="different oblique axes"):
        back_to(volume(TURNS["oblique"]), image)


def test_same_grid_looks_at_all_corners():
    image = volume(np.eye(3))
    stretched = volume(np.eye(3))
    stretched.SetSpacing((0.5, 2.0, 3.02))
    assert same_grid(image, volume(np.eye(3)))
    assert not same_grid(image, stretched)
    assert same_grid(image, stretched, tolerance_mm=0.1)
