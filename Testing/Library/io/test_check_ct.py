"""What passes for a CT in HU, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import check_ct


def like(voxels: np.ndarray, ct: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(ct)
    return image


def noise(low: float, high: float, kind: type = np.int16, shape: tuple[int, ...] = (9, 24, 32)) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape).astype(kind)


ACCEPTED = {
    "whole field of view": lambda hu: hu,
    "as float": lambda hu: hu.astype(np.float32),
    "clipped to [-200, 250]": lambda hu: np.clip(hu, -200, 250),
    "outside the body set to 0": lambda hu: np.where(hu < -500, 0, hu),
    "cropped to the liver with a rim of fat": lambda hu: np.where(hu < -500, -100, hu),
    "outside the scanner's circle at -3024": lambda hu: np.where(hu < -500, -3024, hu),
    "a metal clip": lambda hu: np.where(np.arange(hu.size).reshape(hu.shape) == 3000, 30000, hu),
    "nothing above soft tissue": lambda hu: np.minimum(hu, 60),
}

REFUSED = {
    "grey values": (
        lambda hu: (np.interp(hu, [-160, 240], [0, 255])).astype(np.uint8),
        "gray values 0 to 255",
    ),
    "scaled to [0, 1]": (lambda hu: np.interp(hu, [-160, 240], [0, 1]).astype(np.float32), "normalized"),
    "standardised": (lambda hu: ((hu - hu.mean()) / hu.std()).astype(np.float32), "normalized"),
    "MR": (lambda hu: np.abs(hu) * 2, "MR or a normalized"),
    "MR with ringing below zero": (lambda hu: np.where(hu > 0, hu * 9, -5), "MR or a normalized"),
    "stored values": (
        lambda hu: np.clip(hu + 1024, 0, 4095).astype(np.uint16) * 1,
        "not in Hounsfield units",
    ),
    "offset twice": (lambda hu: np.where(hu > -500, hu - 1024, -2024), "hardly any soft tissue"),
    "slope of another scanner": (lambda hu: hu.astype(np.float32) * 90, "soft tissue|above 4000"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_ct_passes(ct, case):
    voxels = ACCEPTED[case](sitk.GetArrayFromImage(ct))
    image = like(voxels, ct)
    assert np.array_equal(sitk.GetArrayFromImage(check_ct(image, "portal volume")), voxels)


@pytest.mark.parametrize("case", REFUSED)
def test_not_hounsfield(ct, case):
    change, match = REFUSED[case]
    with pytest.raises(InputError, match=match) as caught:
        check_ct(like(change(sitk.GetArrayFromImage(ct)), ct), "arterial volume")
    assert str(caught.value).startswith("the arterial volume is not in Hounsfield units (values ")


def test_stored_values_without_rescale_name_the_cure(ct):
    hu = sitk.GetArrayFromImage(ct)
    hu[4, 8, 8] = 1500
    with pytest.raises(InputError, match="subtract 1024"):
        check_ct(like(hu + 1024, ct))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(ct, value):
    voxels = sitk.GetArrayFromImage(ct).astype(np.float32)
    voxels[3, 4, 5] = value
    voxels[3, 4, 6] = value
    with pytest.raises(InputError, match="has 2 voxels that are not finite"):
        check_ct(like(voxels, ct))


@pytest.mark.parametrize("value", [0, 40, -1000])
def test_constant(ct, value):
    with pytest.raises(InputError, match=f"all voxels of the portal volume have the value {value}"):
        check_ct(like(np.full(ct.GetSize()[::-1], value, np.int16), ct))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_too_few_slices(ct, axis):
    size = [slice(None)] * 3
    size[axis] = slice(0, 2)
    with pytest.raises(InputError, match=r"only 2 slices .* at least 3"):
        check_ct(ct[tuple(size)])


def test_2d_4d_and_vectors(ct):
    with pytest.raises(InputError, match="2D image"):
        check_ct(ct[:, :, 3])
    with pytest.raises(InputError, match="series of them"):
        check_ct(sitk.JoinSeries([ct, ct, ct]))
    with pytest.raises(InputError, match="several values in each voxel"):
        check_ct(sitk.Compose([ct, ct, ct]))


def test_4d_of_one_volume_is_squeezed(ct):
    image = check_ct(sitk.JoinSeries([ct]))
    assert image.GetDimension() == 3
    assert image.GetDirection() == pytest.approx(ct.GetDirection())
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(ct))


@pytest.mark.parametrize("spacing", [(0.0007, 0.0008, 0.0025), (0.7, 0.8, 80.0)])
def test_spacing_of_no_ct(ct, spacing):
    ct.SetSpacing(spacing)
    with pytest.raises(InputError, match="which no CT has"):
        check_ct(ct)


def test_sheared_axes(ct):
    ct.SetDirection((1, 0.1, 0, 0, np.sqrt(0.99), 0, 0, 0, 1))
    with pytest.raises(InputError, match="not at right angles"):
        check_ct(ct)
