"""Means over blocks, plane by plane: the voxels and the grid of SimpleITK's on the whole volume."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.registration.working_pair import clipped
from LiverTumorAttentionLib.voxels.block_means import block_means


@pytest.fixture
def ct() -> sitk.Image:
    image = sitk.GetImageFromArray(
        np.random.default_rng(3).integers(-1024, 1500, (23, 17, 19)).astype(np.int16)
    )
    image.SetSpacing((0.7, 0.8, 1.1))
    image.SetOrigin((-211.4, 17.2, 903.1))
    image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    return image


@pytest.mark.parametrize("factors", [(2, 3, 4), (1, 1, 5), (4, 4, 1), (19, 17, 23), (1, 1, 1)])
@pytest.mark.parametrize("pixels", [sitk.sitkInt16, sitk.sitkUInt8, sitk.sitkInt64, sitk.sitkFloat32])
@pytest.mark.parametrize("window", [None, (-150.0, 350.5)])
@pytest.mark.parametrize("pad", [False, True])
def test_planes_give_what_simpleitk_gives_of_the_whole(
    ct: sitk.Image, factors: tuple[int, int, int], pixels: int, window: tuple[float, float] | None, pad: bool
) -> None:
    ct = sitk.Cast(sitk.Clamp(ct, sitk.sitkInt16, 0, 255) if pixels == sitk.sitkUInt8 else ct, pixels)
    whole = sitk.Cast(ct, sitk.sitkFloat32) if window is None else sitk.Clamp(ct, sitk.sitkFloat32, *window)
    if pad:
        missing = [-length % factor for length, factor in zip(ct.GetSize(), factors, strict=True)]
        whole = sitk.ZeroFluxNeumannPad(whole, [0, 0, 0], missing)
    expected = sitk.BinShrink(whole, list(factors))
    found = block_means(ct, factors, None if window is None else (lambda hu: clipped(hu, window)), pad=pad)

    assert found.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected))
    assert found.GetSpacing() == pytest.approx(expected.GetSpacing(), abs=1e-12)
    assert found.GetDirection() == expected.GetDirection()
    assert found.GetOrigin() == pytest.approx(expected.GetOrigin(), abs=1e-12)


def test_a_mask_gives_the_share_of_each_block(ct: sitk.Image) -> None:
    share = sitk.GetArrayFromImage(block_means(ct, (3, 2, 4), lambda plane: plane > 100))
    inside = sitk.GetArrayFromImage(ct)[:4, :2, :3] > 100
    assert share[0, 0, 0] == pytest.approx(inside.mean())
