"""Means over blocks, slab by slab: the voxels and the grid of SimpleITK's on the whole volume."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels import block_means as module
from LiverTumorAttentionLib.voxels.block_means import as_float, block_means


def clamped(image: sitk.Image) -> sitk.Image:
    return sitk.Clamp(image, sitk.sitkFloat32, -150, 350)


@pytest.fixture
def ct() -> sitk.Image:
    image = sitk.GetImageFromArray(
        np.random.default_rng(3).integers(-1024, 1500, (23, 17, 19)).astype(np.int16)
    )
    image.SetSpacing((0.7, 0.8, 1.1))
    image.SetOrigin((-211.4, 17.2, 903.1))
    image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    return image


@pytest.mark.parametrize("factors", [(2, 3, 4), (1, 1, 5), (4, 4, 1), (19, 17, 23)])
@pytest.mark.parametrize("prepare", [as_float, clamped])
@pytest.mark.parametrize("pad", [False, True])
def test_slabs_give_what_the_whole_gives(
    ct: sitk.Image,
    factors: tuple[int, int, int],
    prepare: Callable[[sitk.Image], sitk.Image],
    pad: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = prepare(ct)
    if pad:
        missing = [-length % factor for length, factor in zip(ct.GetSize(), factors, strict=True)]
        whole = sitk.ZeroFluxNeumannPad(whole, [0, 0, 0], missing)
    expected = sitk.BinShrink(whole, list(factors))
    seen: list[int] = []

    def watched(slab: sitk.Image) -> sitk.Image:
        seen.append(slab.GetSize()[2])
        return prepare(slab)

    monkeypatch.setattr(module, "SLAB_VOXELS", 19 * 17 * 6)
    found = block_means(ct, factors, watched, pad=pad)
    assert found.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected))
    assert found.GetSpacing() == expected.GetSpacing()
    assert found.GetDirection() == expected.GetDirection()
    assert found.GetOrigin() == pytest.approx(expected.GetOrigin(), abs=1e-12)
    assert max(seen) <= max(6, factors[2])
