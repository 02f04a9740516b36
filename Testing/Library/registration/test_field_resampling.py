"""A volume moved by a displacement field: the values that SimpleITK gives, and its part the values of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.registration import resample_onto
from LiverTumorAttentionLib.registration.bspline_grid import BSplineGrid
from LiverTumorAttentionLib.registration.field_resampling import resampled_by_field
from LiverTumorAttentionLib.registration.transform_io import sampled_field

TILTED = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.2, -0.1, 0.3).GetMatrix()
MIRRORED = (0.0, -1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def fixed_grid(direction: tuple[float, ...]) -> sitk.Image:
    image = sitk.Image([23, 19, 15], sitk.sitkInt16)
    image.SetSpacing((2.0, 3.0, 2.5))
    image.SetOrigin((-11.0, 7.0, 30.0))
    image.SetDirection(direction)
    return image


def moving_volume(fixed: sitk.Image, direction: tuple[float, ...], kind: type) -> sitk.Image:
    """Return a smooth volume with another grid that holds a part of the fixed one."""
    z, y, x = np.meshgrid(*(np.linspace(0, 3, n) for n in (25, 17, 27)), indexing="ij")
    volume = sitk.GetImageFromArray((700 * np.sin(2 * x + y) * np.cos(z + x)).astype(kind))
    volume.SetSpacing((1.7, 2.2, 1.9))
    volume.SetDirection(direction)
    middle = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 - 3 for n in fixed.GetSize()])
    own = volume.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in volume.GetSize()])
    volume.SetOrigin([a - b for a, b in zip(middle, own, strict=True)])
    return volume


def bent(fixed: sitk.Image) -> sitk.Transform:
    lattice = BSplineGrid.over(fixed, 15.0)
    spline = lattice.as_transform(np.random.default_rng(4).normal(0.0, 3.0, lattice.zeros().shape))
    turned = sitk.Euler3DTransform((0.0, 0.0, 30.0), 0.1, 0.05, -0.08, (2.0, -1.0, 3.0))
    return sitk.CompositeTransform([turned, spline])


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.uint8])
@pytest.mark.parametrize(
    ("direction", "other"), [(np.eye(3).ravel(), TILTED), (TILTED, MIRRORED), (MIRRORED, np.eye(3).ravel())]
)
def test_values_are_those_of_simpleitk(
    direction: tuple[float, ...], other: tuple[float, ...], kind: type
) -> None:
    fixed = fixed_grid(tuple(direction))
    moving = moving_volume(fixed, tuple(other), kind)
    field = sampled_field(bent(fixed), fixed)
    found = resampled_by_field(moving, fixed, field, -1024.0)
    assert found is not None
    expected = sitk.Resample(
        moving,
        fixed,
        sitk.DisplacementFieldTransform(sitk.Image(field)),
        sitk.sitkLinear,
        -1024.0,
        moving.GetPixelID(),
    )
    assert found.GetPixelID() == expected.GetPixelID()
    assert found.GetOrigin() == expected.GetOrigin()
    ours, theirs = (sitk.GetArrayFromImage(image).astype(float) for image in (found, expected))
    outside = -1024.0 if kind is not np.uint8 else 0.0
    assert 0.02 < (ours == outside).mean() < 0.6  # the moving volume holds a part
    if kind is np.float32:
        np.testing.assert_allclose(ours, theirs, atol=0.02)
    else:  # cut off alike; where a value is whole but for the last digit, to either side
        assert np.abs(ours - theirs).max() <= 1
        assert (ours != theirs).mean() < 0.002


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_a_box_has_the_values_of_the_whole(kind: type) -> None:
    fixed = fixed_grid(TILTED)
    moving = moving_volume(fixed, TILTED, kind)
    whole = sitk.GetArrayFromImage(resample_onto(moving, fixed, bent(fixed)))
    box = (slice(3, 12), slice(5, 19), slice(0, 14))
    part = sitk.GetArrayFromImage(resample_onto(moving, fixed, bent(fixed), box=box))
    difference = np.abs(part.astype(float) - whole[box])
    assert difference.max() <= (0.02 if kind is np.float32 else 1)
    assert (difference > 0.02).mean() < 0.002


def test_what_it_does_not_know_is_left_to_simpleitk() -> None:
    fixed = fixed_grid(TILTED)
    field = sampled_field(bent(fixed), fixed)
    assert resampled_by_field(moving_volume(fixed, TILTED, np.int16)[:, :, :1], fixed, field, 0.0) is None
    fixed.SetDirection(np.eye(3).ravel())
    assert resampled_by_field(moving_volume(fixed, TILTED, np.int16), fixed, field, 0.0) is None
