import numpy as np
import pytest
from scipy import ndimage

from training.data.synthesis.atlases import Atlas, Tissue
from training.data.synthesis.label_synthesis import _smooth_liver, synthesize

BALL_ML = 4 / 3 * np.pi * 36**3 / 1000


def make(atlas, seed, **changes):
    settings = {"in_plane_mm": 3.0, "slice_mm": 4.0, "liver_margin_mm": 14.0, "lesions": 3} | changes
    return synthesize(atlas, np.random.default_rng(seed), **settings)


def test_the_same_seed_gives_the_same_case_and_another_seed_another(small_atlas):
    first, again, other = make(small_atlas, 5), make(small_atlas, 5), make(small_atlas, 6)
    for name in ("portal", "arterial", "labels"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.portal.shape != other.portal.shape or not np.array_equal(first.portal, other.portal)


@pytest.mark.parametrize("seed", range(4))
def test_the_liver_stays_one_body_of_plausible_size(small_atlas, seed):
    case = make(small_atlas, seed, lesions=0)
    liver = case.labels > 0
    volume_ml = liver.sum() * np.prod(case.spacing_mm) / 1000
    # scale 0.85 to 1.35 along each axis, a further 7 % (one standard deviation), cuts of up to 85 %
    assert 0.1 * BALL_ML < volume_ml < 3.5 * BALL_ML
    parts, _ = ndimage.label(liver)
    sizes = np.bincount(parts.ravel())[1:]
    assert sizes.max() > 0.97 * sizes.sum()


@pytest.mark.parametrize("seed", range(6))
def test_both_phases_show_one_body_in_air_in_hounsfield_units(small_atlas, seed):
    case = make(small_atlas, seed, liver_margin_mm=None)
    assert case.portal.dtype == case.arterial.dtype == np.int16
    liver = case.labels == 1
    bodies = []
    for volume in (case.portal, case.arterial):
        corners = np.concatenate([volume[:, y, x].ravel() for y in (0, -1) for x in (0, -1)])
        assert abs(np.median(corners) + 1000) < 80  # air, or what lies beyond the field of view
        assert -60 < volume[liver].mean() < 320
        assert 2 < volume[liver].std() < 120  # texture and noise, but a soft tissue
        bodies.append(volume > -400)  # between air and fat
    shared = (bodies[0] & bodies[1]).sum() / (bodies[0] | bodies[1]).sum()
    assert shared > 0.97
    assert bodies[0][liver].mean() > 0.99


def test_lesions_lie_in_the_liver_and_differ_from_it(small_atlas):
    found = 0
    for seed in range(6):
        case = make(small_atlas, seed, lesions=4)
        tumor = case.labels == 2
        if not tumor.any():
            continue
        found += 1
        liver = case.labels == 1
        shell = ndimage.binary_dilation(tumor, iterations=4) & liver
        contrast = [abs(v[tumor].mean() - v[shell].mean()) for v in (case.portal, case.arterial)]
        assert max(contrast) > 3
    assert found >= 4


def test_no_lesions_asked_for_none_painted(small_atlas):
    assert not (make(small_atlas, 1, lesions=0).labels == 2).any()


def test_the_outline_of_the_liver_is_no_staircase_and_thin_veins_stay():
    """A ball on a grid of 1 mm, seen at a quarter of it."""
    radius, size = 9.0, 24
    center = np.full(3, 11.5)
    ball = radius > np.linalg.norm(np.indices((size,) * 3).T - center, axis=-1).T
    tissues = np.where(ball, Tissue.LIVER, Tissue.FAT).astype(np.uint8)
    tissues[:, 11, 11] = np.where(tissues[:, 11, 11] == Tissue.LIVER, Tissue.PORTAL_VEIN, tissues[:, 11, 11])
    atlas = Atlas(name="ball", tissues=tissues, outside_mm=np.zeros_like(tissues), spacing_mm=1.0)
    fine = np.arange(2, size - 2, 0.25, dtype=np.float32)
    exact = np.meshgrid(fine, fine, fine, indexing="ij")
    place = tuple(np.rint(axis).astype(np.int32) for axis in exact)
    true = np.linalg.norm(np.stack(exact, axis=-1) - center, axis=-1) < radius
    found = _smooth_liver(atlas, place, exact)
    veins = tissues[place] == Tissue.PORTAL_VEIN
    assert (found[veins] == Tissue.PORTAL_VEIN).all()
    wrong = ((found == Tissue.LIVER) != true)[~veins].sum()
    assert wrong < 0.5 * ((tissues[place] == Tissue.LIVER) != true)[~veins].sum()
