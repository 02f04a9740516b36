"""The level of the liver, of spheres and boxes of known HU."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.preprocessing import liver_median_hu

SPACING = (4.0, 1.0, 1.0)


def block() -> tuple[np.ndarray, np.ndarray]:
    """A box of 100 HU, 10 x 30 x 30 voxels of 4 x 1 x 1 mm, in fat of -100 HU."""
    liver = np.zeros((14, 40, 40), bool)
    liver[2:12, 5:35, 5:35] = True
    return np.where(liver, 100, -100).astype(np.float32), liver


def test_the_median_is_that_of_the_liver_and_not_of_what_the_mask_laps_over() -> None:
    hu, liver = block()
    too_large = np.zeros_like(liver)
    too_large[1:13, 1:39, 1:39] = True  # 4 mm of fat on every side: less than half of it is liver
    assert liver.sum() < 0.55 * too_large.sum()
    hu[:7][~liver[:7]] = 20  # kidney below
    hu[2:12, 5:35, 5:15] = 130  # a third of the liver is vessels
    assert liver_median_hu(hu, too_large, erosion_mm=4.0, spacing_zyx_mm=SPACING) == 100


def test_the_erosion_is_in_millimeters() -> None:
    _, liver = block()
    along_z = np.broadcast_to(np.arange(14, dtype=np.float32)[:, None, None] % 7, liver.shape).copy()
    along_z[[2, 11]] = 300  # outermost slices of the liver: 4 mm deep, voxel center to center
    along_z[3:11] = 50
    assert liver_median_hu(along_z, liver, erosion_mm=4.0, spacing_zyx_mm=SPACING) == 50
    shell = np.full(liver.shape, 300, np.float32)
    shell[3:11, 9:31, 9:31] = 50  # deeper than 4 mm: four pixels in plane, one slice across
    values = liver_median_hu(shell, liver, erosion_mm=4.0, spacing_zyx_mm=SPACING)
    assert values == 50
    assert liver_median_hu(shell, liver, erosion_mm=0.0, spacing_zyx_mm=SPACING) == 300  # 3872 of 9000 voxels


def test_a_liver_that_is_nowhere_deep_counts_whole() -> None:
    liver = np.zeros((5, 20, 20), bool)
    liver[2, 5:15, 5:15] = True
    assert liver_median_hu(np.full(liver.shape, 70.0), liver, erosion_mm=5.0, spacing_zyx_mm=SPACING) == 70


def test_what_lies_outside_a_registered_volume_does_not_count() -> None:
    hu, liver = block()
    hu[:9] = -1024  # 7 of 10 slices of the liver
    assert liver_median_hu(hu, liver, erosion_mm=3.0, spacing_zyx_mm=SPACING) == 100


@pytest.mark.parametrize("value", [-1024.0, 3000.0, np.nan])
def test_a_liver_without_tissue_is_refused(value: float) -> None:
    liver = block()[1]
    with pytest.raises(InputError, match="no voxel of the liver lies between -150 and 400 HU"):
        liver_median_hu(np.full(liver.shape, value), liver, erosion_mm=3.0, spacing_zyx_mm=SPACING)


def test_no_liver_at_all_is_refused() -> None:
    hu, liver = block()
    with pytest.raises(InputError, match="no voxel of the liver"):
        liver_median_hu(hu, np.zeros_like(liver), erosion_mm=3.0, spacing_zyx_mm=SPACING)
