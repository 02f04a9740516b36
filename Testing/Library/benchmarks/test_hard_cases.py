"""The pairs that are hard on purpose are what their names say, and their truth is true."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.phantoms import Phantom
from Testing.benchmarks.registration import hard_cases
from Testing.benchmarks.registration.hard_cases import HardCase


@pytest.fixture(scope="module")
def phantom(two_lesions: Phantom) -> Phantom:
    return two_lesions


@pytest.fixture(scope="module")
def cases(phantom: Phantom) -> dict[str, HardCase]:
    return {case.name: case for case in hard_cases.hard_cases(phantom, np.random.default_rng(0))}


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def test_every_case_has_masks_on_its_volumes(cases: dict[str, HardCase]) -> None:
    assert len(cases) == 12
    for case in cases.values():
        for volume, liver in ((case.portal, case.portal_liver), (case.arterial, case.arterial_liver)):
            assert volume.GetSize() == liver.GetSize()
            assert volume.GetOrigin() == pytest.approx(liver.GetOrigin())
            assert voxels(liver).any()


@pytest.mark.parametrize("name", ["tables 60 mm apart", "turned by 15 degrees", "sagittal, left-handed"])
def test_the_truth_leads_from_liver_to_liver(phantom: Phantom, cases: dict[str, HardCase], name: str) -> None:
    case = cases[name]
    field = sitk.DisplacementFieldTransform(sitk.Cast(phantom.displacement, sitk.sitkVectorFloat64))
    truth = sitk.CompositeTransform([case.after, field])
    there = sitk.Resample(case.arterial_liver, case.portal_liver, truth, sitk.sitkNearestNeighbor, 2)
    a, b = voxels(case.portal_liver) > 0, voxels(there)
    known = b < 2
    overlap = 2 * np.count_nonzero(a & (b == 1)) / (np.count_nonzero(a & known) + np.count_nonzero(b == 1))
    assert overlap > 0.9
    assert hard_cases.errors_mm(phantom, case, truth).max() < 0.5
    if case.after is not hard_cases.IDENTITY:
        assert hard_cases.errors_mm(phantom, case, field).mean() > 10.0


def test_parts_and_slices_are_as_asked(cases: dict[str, HardCase]) -> None:
    plain = cases["as generated"]
    part = voxels(cases["arterial volume covers 60 % of the liver"].arterial_liver)
    assert part.sum() / voxels(plain.arterial_liver).sum() == pytest.approx(0.6, abs=0.1)
    for phase in ("arterial", "portal"):
        other = {"arterial": "portal", "portal": "arterial"}[phase]
        thick = cases[f"{phase} slices of 7 mm, {other} of 1 mm"]
        ratio = getattr(thick, phase).GetSpacing()[2] / getattr(plain, phase).GetSpacing()[2]
        assert ratio == pytest.approx(7.0)
        assert getattr(thick, other).GetSize() == getattr(plain, other).GetSize()
    direction = np.array(cases["sagittal, left-handed"].arterial.GetDirection()).reshape(3, 3)
    assert np.linalg.det(direction) == pytest.approx(-1.0)
    assert not np.allclose(np.abs(direction), np.eye(3))


def test_what_is_painted_changes_one_thing(phantom: Phantom, cases: dict[str, HardCase]) -> None:
    plain, tumor = cases["as generated"], cases["a tumor of 40 mm in one phase alone"]
    changed = voxels(tumor.portal) != voxels(plain.portal)
    assert 0 < changed.sum() * np.prod(plain.portal.GetSpacing()) == pytest.approx(33510, rel=0.2)
    assert (voxels(tumor.arterial) == voxels(plain.arterial)).all()
    fluid = cases["fluid around the liver in both phases"]
    for phase in ("portal", "arterial"):
        now, before = voxels(getattr(fluid, phase)), voxels(getattr(plain, phase))
        assert now[now != before].mean() == pytest.approx(hard_cases.WATER_HU, abs=2.0)
    turned = voxels(cases["arterial contrast turned round"].arterial)
    inside = (voxels(plain.arterial) > 0) & (voxels(plain.arterial) < 200)
    assert (turned[inside] + voxels(plain.arterial)[inside] == 200).all()
