"""Native, early arterial and delayed phase of a phantom: the physiology, and the other voxels left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.phantoms import STRUCTURES, Phantom, generate_phantom, write_phantom
from LiverTumorAttentionLib.phantoms.enhancement import (
    FURTHER_PHASES,
    FURTHER_TISSUES,
    LESION_PHASES,
    LESIONS,
    TISSUES,
    draw_enhancement,
    draw_further,
)


@pytest.fixture(scope="module", name="phantom")
def phantom_fixture() -> Phantom:
    return generate_phantom(31, lesions=2, matrix=64, thickness_mm=8.0, further_phases=FURTHER_PHASES)


def mean_hu(image: sitk.Image, structures: sitk.Image, name: str) -> float:
    inside = ndimage.binary_erosion(sitk.GetArrayFromImage(structures) == STRUCTURES[name])
    return float(sitk.GetArrayFromImage(image)[inside].mean())


def test_asking_for_further_phases_changes_no_other_voxel(phantom: Phantom, tiny) -> None:
    for name in ("portal", "arterial", "instances", "displacement"):
        assert sitk.Hash(getattr(phantom, name)) == sitk.Hash(getattr(tiny[0], name)), name


def test_contrast_comes_through_the_arteries_and_evens_out(phantom: Phantom) -> None:
    aorta = {p: mean_hu(f.image, f.structures, "aorta") for p, f in phantom.further.items()}
    liver = {p: mean_hu(f.image, f.structures, "liver") for p, f in phantom.further.items()}
    portal_aorta = mean_hu(phantom.portal, phantom.structures, "aorta")
    portal_liver = mean_hu(phantom.portal, phantom.structures, "liver")
    assert aorta["native"] < 55 < aorta["delayed"] < portal_aorta < aorta["early_arterial"]
    assert liver["native"] < liver["early_arterial"] + 4 < liver["delayed"] < portal_liver


@pytest.mark.parametrize("phase", FURTHER_PHASES)
def test_structures_measure_what_was_drawn(phantom: Phantom, phase: str) -> None:
    further = phantom.further[phase]
    drawn = phantom.settings["enhancement_hu"][phase]
    assert mean_hu(further.image, further.structures, "liver") == pytest.approx(drawn["liver"], abs=5)
    assert mean_hu(further.image, further.structures, "spleen") == pytest.approx(drawn["spleen"], abs=9)


def test_a_phase_lies_in_a_breath_hold_of_its_own_and_its_displacement_says_which() -> None:
    phantom = generate_phantom(
        31, lesions=1, matrix=64, thickness_mm=4.0, max_displacement_mm=25.0, further_phases=("delayed",)
    )
    further = phantom.further["delayed"]
    field = sitk.DisplacementFieldTransform(sitk.Cast(further.displacement, sitk.sitkVectorFloat64))
    moved = sitk.Resample(further.structures, phantom.portal, field, sitk.sitkNearestNeighbor)
    overlap = []
    for structures in (moved, further.structures):
        here, there = (
            sitk.GetArrayFromImage(s) == STRUCTURES["liver"] for s in (phantom.structures, structures)
        )
        overlap.append(2 * (here & there).sum() / (here.sum() + there.sum()))
    assert 1 - overlap[0] < 0.75 * (1 - overlap[1]), overlap


def test_lesions_have_their_hu_in_every_phase(phantom: Phantom) -> None:
    assert phantom.lesions
    for lesion in phantom.lesions:
        assert set(lesion.further_hu) == set(FURTHER_PHASES)
    assert all(len(ranges) == len(LESION_PHASES) for kind in LESIONS.values() for ranges in kind.values())


def test_drawn_values_lie_in_their_ranges_and_what_is_not_timed_stays() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        portal = draw_enhancement(rng, fatty=False)["portal"]
        for which, phase in enumerate(FURTHER_PHASES):
            drawn = draw_further(rng, portal, phase)
            for name, row in TISSUES.items():
                if row.timed:
                    low, high = FURTHER_TISSUES[name][which]
                    assert low <= drawn[name] <= high, name
                else:
                    assert drawn[name] == portal[name], name
            assert drawn["liver"] == pytest.approx(drawn["liver_native"] + drawn["liver_gain"])
            assert ("renal_pelvis" in drawn) == (phase == "delayed")


def test_further_phases_are_written_under_their_names(phantom: Phantom, tmp_path: Path) -> None:
    write_phantom(phantom, tmp_path / "case")
    read = sitk.ReadImage(str(tmp_path / "case" / "early-arterial.nii.gz"))
    assert np.array_equal(
        sitk.GetArrayViewFromImage(read), sitk.GetArrayViewFromImage(phantom.further["early_arterial"].image)
    )
    assert (tmp_path / "case" / "displacement-native.nii.gz").is_file()


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(InputError, match="unknown further phase 'portal'; choose among native"):
        generate_phantom(1, further_phases=("portal",))
