"""Bowel full of contrast agent is no liver; vessels, lipiodol and clips in the liver stay."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings, without_dense_neighbors

SPACING = (5.0, 2.0, 2.0)
SHAPE = (16, 70, 90)
DENSER_HU = 80.0


def ellipsoid(center, radii_mm) -> np.ndarray:
    grids = np.ogrid[tuple(slice(n) for n in SHAPE)]
    return (
        sum(((g - c) * s / r) ** 2 for g, c, s, r in zip(grids, center, SPACING, radii_mm, strict=True)) <= 1
    )


LIVER = ellipsoid((7, 35, 35), (34, 55, 55))
COLON = ellipsoid((7, 35, 72), (20, 24, 24))


def volume(*dense: tuple[np.ndarray, float]) -> np.ndarray:
    hu = np.where(LIVER, 100.0, -100.0)
    for mask, value in dense:
        hu[mask] = value
    noise = np.random.default_rng(0).normal(0, 8, SHAPE)
    return (hu + noise).astype(np.int16)


def kept(found: np.ndarray, *dense: tuple[np.ndarray, float]) -> np.ndarray:
    return without_dense_neighbors(found, volume(*dense), SPACING, denser_hu=DENSER_HU)


def test_bowel_that_the_liver_took_in_goes_and_the_liver_stays():
    colon = COLON & ~LIVER
    found = LIVER | (colon & (np.arange(SHAPE[2]) < 72))
    assert (found & colon).sum() > 500
    left = kept(found, (colon, 300.0))
    assert (left & colon).sum() < 0.05 * (found & colon).sum()
    assert (left & LIVER).sum() > 0.97 * LIVER.sum()


def test_bowel_beside_the_liver_takes_nothing_from_it():
    colon = COLON & ~LIVER
    left = kept(LIVER, (colon, 300.0))
    assert left is LIVER


@pytest.mark.parametrize("radius_mm", [5.0, 12.0, 25.0])
def test_a_dense_body_inside_of_the_liver_stays(radius_mm: float):
    lipiodol = ellipsoid((7, 35, 40), (radius_mm,) * 3)
    assert kept(LIVER, (lipiodol, 600.0)) is LIVER


def test_a_vessel_that_runs_out_of_the_liver_stays():
    y = np.arange(SHAPE[1])[:, None]
    vein = np.zeros(SHAPE, bool)
    vein[6:9, :, 40:] = np.abs(y - 35) * SPACING[1] < 7  # 14 mm wide, as a portal vein
    assert (vein & ~LIVER).sum() > (vein & LIVER).sum()
    assert kept(LIVER, (vein, 220.0)) is LIVER


def test_without_a_liver_nothing_happens_and_a_wrong_setting_is_refused():
    nothing = np.zeros(SHAPE, bool)
    assert kept(nothing) is nothing
    with pytest.raises(InputError, match="liver_denser_hu is -1 HU"):
        PostprocessingSettings(liver_denser_hu=-1)
    assert PostprocessingSettings().liver_denser_hu == 0, "livers of other models stay as they are"
