"""Proposed vessels: tubes of known place in a liver, a bright tumor beside them, and what a reader's points change."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.vasculature.proposal import (
    GUESSED_TREES,
    HEPATIC_VEINS,
    PORTAL_VEIN,
    TREES_OF_POINTS,
    VENA_CAVA,
    VesselPoints,
    VesselProposal,
    propose_vessels,
)
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.analysis.vasculature.bodies import (
    BLOOD_HU,
    Points,
    image_of,
    liver_with_vessels,
    places,
    tube,
)


@pytest.fixture(scope="module")
def case() -> dict[str, sitk.Image]:
    return liver_with_vessels()


@pytest.fixture(scope="module")
def proposed(case: dict[str, sitk.Image]) -> VesselProposal:
    return propose_vessels(case["portal"], case["instances"])


def arrays(case: dict[str, sitk.Image], found: VesselProposal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(sitk.GetArrayFromImage(i) for i in (case["truth"], found.labels, case["instances"]))


def test_tubes_are_found_and_little_else(case: dict[str, sitk.Image], proposed: VesselProposal) -> None:
    truth, found, organ = arrays(case, proposed)
    inside = organ > 0
    real, told = np.isin(truth, (1, 2)) & inside, (found > 0) & inside
    assert (told & real).sum() / real.sum() > 0.85
    assert (told & real).sum() / told.sum() > 0.7


def test_trees_are_told_apart_by_their_roots(case: dict[str, sitk.Image], proposed: VesselProposal) -> None:
    truth, found, _ = arrays(case, proposed)
    for value in (PORTAL_VEIN, HEPATIC_VEINS):
        told = found[(truth == value) & np.isin(found, (1, 2))]
        assert (told == value).mean() > 0.95
    cava = found == VENA_CAVA
    assert (truth[cava] == VENA_CAVA).mean() > 0.9
    assert cava.sum() > 0.5 * (truth == VENA_CAVA).sum()


def test_a_tumor_as_bright_as_blood_is_no_vessel(
    case: dict[str, sitk.Image], proposed: VesselProposal
) -> None:
    _, found, instances = arrays(case, proposed)
    assert not found[instances == 2].any()


def test_without_the_tumor_s_mask_it_would_be_asked_about(case: dict[str, sitk.Image]) -> None:
    """So that the test before could fail: the same volume with the tumor unsegmented has vessel there."""
    instances = sitk.GetArrayFromImage(case["instances"])
    plain = image_of(np.minimum(instances, 1), case["instances"])
    found = sitk.GetArrayFromImage(propose_vessels(case["portal"], plain).labels)
    assert found[instances == 2].any()


def test_the_same_case_gives_the_same_vessels(case: dict[str, sitk.Image], proposed: VesselProposal) -> None:
    again = propose_vessels(case["portal"], case["instances"])
    assert (sitk.GetArrayFromImage(again.labels) == sitk.GetArrayFromImage(proposed.labels)).all()
    assert again.volumes_ml == proposed.volumes_ml


def test_trees_that_were_guessed_are_said_to_be(
    case: dict[str, sitk.Image], proposed: VesselProposal
) -> None:
    assert proposed.notes == (GUESSED_TREES,)
    one = VesselPoints(portal_vein=(-12.0, 8.0, 22.0))
    assert propose_vessels(case["portal"], case["instances"], one).notes == (GUESSED_TREES,)


def test_points_of_a_reader_name_the_trees(case: dict[str, sitk.Image]) -> None:
    swapped = VesselPoints(portal_vein=(-12.0, 8.0, 22.0), hepatic_veins=(-6.0, 0.0, -24.0))
    proposal = propose_vessels(case["portal"], case["instances"], swapped)
    assert proposal.notes == (TREES_OF_POINTS,)
    truth, found, _ = arrays(case, proposal)
    told = found[(truth == PORTAL_VEIN) & np.isin(found, (1, 2))]
    assert (told == HEPATIC_VEINS).mean() > 0.95


def test_a_point_far_from_any_vessel_is_refused(case: dict[str, sitk.Image]) -> None:
    with pytest.raises(InputError, match="no vessel was found within 20 mm of the point of the portal vein"):
        propose_vessels(case["portal"], case["instances"], VesselPoints(portal_vein=(50.0, -50.0, -50.0)))
    with pytest.raises(InputError, match="lies far from the liver"):
        propose_vessels(case["portal"], case["instances"], VesselPoints(vena_cava=(500.0, 0.0, 0.0)))


def test_a_liver_without_brighter_vessels_is_said(case: dict[str, sitk.Image]) -> None:
    flat = sitk.Image(case["portal"].GetSize(), sitk.sitkFloat32) + 100.0
    flat.CopyInformation(case["portal"])
    with pytest.raises(InputError, match="no vessel of the liver is brighter"):
        propose_vessels(flat, case["instances"])


def test_too_little_liver_and_another_grid_are_refused(case: dict[str, sitk.Image]) -> None:
    few = case["instances"] * 0
    with pytest.raises(InputError, match="0 mL of liver"):
        propose_vessels(case["portal"], few)
    with pytest.raises(InputError, match="the segmentation"):
        propose_vessels(case["portal"][1:], case["instances"])


def test_it_can_be_cancelled(case: dict[str, sitk.Image]) -> None:
    calls = iter([False] * 4 + [True] * 100)
    with pytest.raises(Cancelled):
        propose_vessels(case["portal"], case["instances"], progress=Progress(None, lambda: next(calls)))


def test_orientation_does_not_matter(case: dict[str, sitk.Image], proposed: VesselProposal) -> None:
    turned = {name: sitk.DICOMOrient(image, "RAI") for name, image in case.items()}
    found = propose_vessels(turned["portal"], turned["instances"])
    back = sitk.GetArrayFromImage(sitk.DICOMOrient(found.labels, "LPS"))
    same = back == sitk.GetArrayFromImage(proposed.labels)
    assert same[sitk.GetArrayFromImage(case["instances"]) > 0].mean() > 0.99


def test_what_is_denser_than_blood_is_no_vessel(
    case: dict[str, sitk.Image], proposed: VesselProposal
) -> None:
    """Iodized oil after an embolization, as a thick strand in the liver."""
    hu = sitk.GetArrayFromImage(case["portal"])
    oil = np.zeros(hu.shape, bool)
    inside = np.argwhere((sitk.GetArrayFromImage(proposed.labels) == 0) & (hu > 60))
    z, y, x = inside[len(inside) // 2]
    oil[z - 12 : z + 12, y - 2 : y + 2, x - 2 : x + 2] = True
    hu[oil] = 900
    found = sitk.GetArrayFromImage(propose_vessels(image_of(hu, case["portal"]), case["instances"]).labels)
    assert not found[oil].any()
    before = sitk.GetArrayFromImage(proposed.labels) > 0
    assert (found > 0)[before & ~oil].mean() > 0.9


def test_marrow_is_no_cava(case: dict[str, sitk.Image]) -> None:
    """A vertebra in the cava's usual place, as bright inside as blood."""
    place = places(case["portal"])
    spine: Points = [(0, 38, -90), (0, 38, 90)]
    bone, marrow = (tube(place, spine, radius) for radius in (14.0, 11.0))
    hu, instances = (sitk.GetArrayFromImage(case[name]) for name in ("portal", "instances"))
    hu[bone] = np.where(marrow, BLOOD_HU, 450.0)[bone]
    instances[bone] = 0
    found = propose_vessels(image_of(hu, case["portal"]), image_of(instances, case["portal"]))
    assert not (sitk.GetArrayFromImage(found.labels)[bone] == VENA_CAVA).any()
