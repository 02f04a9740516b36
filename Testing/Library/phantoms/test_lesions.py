"""Lesions: as many, as large and of the types asked for, inside the liver, and each enhancing as it should."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.phantoms import STRUCTURES, Phantom, generate_phantom


def phases(phantom: Phantom, value: int, erosion: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the portal and the arterial HU of a lesion; the arterial ones through the true field."""
    field = sitk.Cast(phantom.displacement, sitk.sitkVectorFloat64)
    arterial = sitk.Resample(
        phantom.arterial, phantom.portal, sitk.DisplacementFieldTransform(field), sitk.sitkLinear, 0.0
    )
    inside = sitk.GetArrayViewFromImage(phantom.instances) == value
    inside = ndimage.binary_erosion(inside, iterations=erosion) if erosion else inside
    return sitk.GetArrayFromImage(phantom.portal)[inside], sitk.GetArrayFromImage(arterial)[inside]


@pytest.fixture(scope="module")
def contrast(five_lesions: Phantom) -> dict[str, tuple[float, float]]:
    """Return the mean HU above the liver by type: (portal, arterial)."""
    hu = five_lesions.settings["enhancement_hu"]
    out = {}
    for lesion in five_lesions.lesions:
        portal, arterial = phases(five_lesions, lesion.instance)
        out[lesion.kind] = (portal.mean() - hu["portal"]["liver"], arterial.mean() - hu["arterial"]["liver"])
    return out


def test_fnh_is_bright_in_art_and_isodense_in_pv(contrast: dict[str, tuple[float, float]]) -> None:
    portal, arterial = contrast["FNH"]
    assert abs(portal) < 6
    assert arterial > 20


def test_hcc_is_bright_in_art_and_washed_out_in_pv(contrast: dict[str, tuple[float, float]]) -> None:
    portal, arterial = contrast["HCC"]
    assert portal < -8
    assert arterial > 8


def test_metastasis_is_darker_than_the_liver_in_both_phases(contrast: dict[str, tuple[float, float]]) -> None:
    portal, arterial = contrast["metastasis"]
    assert portal < -20
    assert arterial < 0


def test_metastasis_has_a_rim(five_lesions: Phantom) -> None:
    (lesion,) = [x for x in five_lesions.lesions if x.kind == "metastasis"]
    whole = sitk.GetArrayViewFromImage(five_lesions.instances) == lesion.instance
    core = ndimage.binary_erosion(whole, iterations=3)
    _, arterial = phases(five_lesions, lesion.instance, erosion=0)
    rim = ~core[whole]
    assert arterial[rim].mean() > arterial[~rim].mean() + 8


def test_cyst_does_not_enhance(five_lesions: Phantom) -> None:
    (lesion,) = [x for x in five_lesions.lesions if x.kind == "cyst"]
    portal, arterial = phases(five_lesions, lesion.instance, erosion=2)
    assert 0 < portal.mean() < 16
    assert abs(portal.mean() - arterial.mean()) < 4


def test_hemangioma_fills_from_its_edge(five_lesions: Phantom) -> None:
    (lesion,) = [x for x in five_lesions.lesions if x.kind == "hemangioma"]
    whole = sitk.GetArrayViewFromImage(five_lesions.instances) == lesion.instance
    core = ndimage.binary_erosion(whole, iterations=4)[whole]
    portal, arterial = phases(five_lesions, lesion.instance, erosion=0)
    hu = five_lesions.settings["enhancement_hu"]
    assert np.percentile(arterial, 97) > hu["arterial"]["liver"] + 40  # nodules like vessels
    assert arterial[core].mean() < hu["arterial"]["liver"]  # not yet in the middle
    assert (portal > 120).sum() > 1.5 * (arterial > 120).sum()  # and on the way there


def test_lesions_lie_wholly_inside_the_liver_and_apart(five_lesions: Phantom) -> None:
    instances = sitk.GetArrayFromImage(five_lesions.instances)
    for lesion in five_lesions.lesions:
        grown = ndimage.binary_dilation(instances == lesion.instance)
        ring = instances[grown & (instances != lesion.instance)]
        # At the surface a voxel may hold more of what lies outside than of the 1.5 mm of liver that are kept.
        assert (ring == 1).mean() > 0.97


def test_diameters_and_volumes_are_those_asked_for(five_lesions: Phantom) -> None:
    asked = dict(zip(["FNH", "HCC", "cyst", "hemangioma", "metastasis"], [38, 34, 30, 36, 28], strict=True))
    assert [x.instance for x in five_lesions.lesions] == [2, 3, 4, 5, 6]
    voxel_ml = np.prod(five_lesions.portal.GetSpacing()) / 1000
    instances = sitk.GetArrayFromImage(five_lesions.instances)
    for lesion in five_lesions.lesions:
        count = int((instances == lesion.instance).sum())
        ball = (6000 * count * voxel_ml / np.pi) ** (1 / 3)
        assert lesion.diameter_mm == pytest.approx(asked[lesion.kind], rel=0.03)
        assert ball == pytest.approx(lesion.diameter_mm, rel=0.06)
        assert lesion.volume_ml == pytest.approx(count * voxel_ml)
        where = ndimage.center_of_mass(instances == lesion.instance)
        center = five_lesions.portal.TransformContinuousIndexToPhysicalPoint([float(w) for w in where[::-1]])
        np.testing.assert_allclose(lesion.center_lps_mm, center, atol=0.01)
        assert lesion.longest_axial_mm > 0.9 * lesion.diameter_mm


def test_labels_are_the_instances_with_all_lesions_as_one(five_lesions: Phantom) -> None:
    instances = sitk.GetArrayFromImage(five_lesions.instances)
    labels = sitk.GetArrayFromImage(five_lesions.labels)
    assert np.array_equal(labels, np.minimum(instances, 2))
    assert set(np.unique(instances)) == {0, 1, 2, 3, 4, 5, 6}
    fine = sitk.GetArrayFromImage(five_lesions.structures)
    assert (labels[fine == STRUCTURES["liver"]] > 0).mean() > 0.97


def test_a_patient_without_lesions(small: Phantom) -> None:
    assert small.lesions == ()
    assert sitk.GetArrayViewFromImage(small.labels).max() == 1


def test_eight_lesions_from_the_largest_to_the_smallest() -> None:
    sizes = [80, 5, 7, 9, 12, 15, 6, 10]
    many = generate_phantom(
        23, lesions=8, lesion_diameters_mm=sizes, lesion_kinds=["HCC", "cyst"], matrix=96, thickness_mm=7.0
    )
    assert [round(x.diameter_mm) for x in many.lesions] == sorted(sizes, reverse=True)
    assert many.lesions[0].kind == "HCC"
    assert set(np.unique(sitk.GetArrayViewFromImage(many.instances))) == set(range(10))
