"""HU of vessels and organs where a drawn trunk has them, and the phase that follows."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import CONTRAST_PHASES, PORTAL, role_of
from LiverTumorAttentionLib.phases.estimate import estimate_of, estimate_phase
from LiverTumorAttentionLib.phases.levels import Levels, measure_levels
from LiverTumorAttentionLib.phases.limb import cross_section
from Testing.Library.phases.drawn_trunk import knees, phase_hu, trunk


@pytest.mark.parametrize("phase", CONTRAST_PHASES)
def test_levels_are_those_that_were_drawn(phase: str) -> None:
    levels, drawn = measure_levels(trunk(phase)), phase_hu(phase)
    assert levels.aorta_hu == pytest.approx(drawn["aorta"], abs=6)
    assert (
        drawn["ivc"] - 8 < levels.cava_hu < max(drawn["ivc"], drawn["liver"]) + 8
    )  # the liver lies beside it
    assert levels.liver_hu == pytest.approx(drawn["liver"], abs=4)
    assert levels.spleen_hu == pytest.approx(drawn["spleen"], abs=6)
    if phase != "native":
        assert levels.cortex_hu == pytest.approx(drawn["kidney_cortex"], abs=15)
        assert levels.medulla_hu == pytest.approx(drawn["kidney_medulla"], abs=20)


@pytest.mark.parametrize("phase", CONTRAST_PHASES)
@pytest.mark.parametrize("dose", [0.75, 1.0, 1.3])
def test_every_phase_is_told_whatever_the_dose(phase: str, dose: float) -> None:
    estimate = estimate_phase(trunk(phase, noise_hu=25.0, dose=dose))
    if dose == 1.0:
        assert estimate.phase == phase
    venous = {"portal": "venous", "delayed": "venous"}
    assert venous.get(estimate.role, estimate.role) == venous.get(role_of(phase), role_of(phase))


def test_the_liver_that_is_given_is_measured() -> None:
    image = trunk(PORTAL)
    half = sitk.GetArrayFromImage(image).astype(np.int32) * 0
    half[20:24, 10:20, 20:30] = 1  # somewhere outside the liver, so that it tells which one was measured
    mask = sitk.GetImageFromArray(half.astype(np.uint8))
    mask.CopyInformation(image)
    expected = float(np.median(sitk.GetArrayFromImage(image)[half > 0]))
    assert measure_levels(image, mask).liver_hu == pytest.approx(expected, abs=12)


def test_orientation_makes_no_difference() -> None:
    image = trunk(PORTAL)
    turned = sitk.DICOMOrient(image, "RAS")
    here, there = measure_levels(image), measure_levels(turned)
    assert here.aorta_hu == pytest.approx(there.aorta_hu, abs=3)
    assert here.liver_hu == pytest.approx(there.liver_hu, abs=2)


def test_without_a_measurement_every_phase_is_as_likely() -> None:
    estimate = estimate_of(Levels())
    assert list(estimate.probabilities.values()) == pytest.approx([0.2] * 5)
    assert "or" in estimate.sentence()


def test_a_trunk_is_no_limb_and_a_knee_is() -> None:
    assert not cross_section(trunk(PORTAL)).is_limb
    section = cross_section(knees())
    assert section.is_limb
    assert section.area_cm2 == pytest.approx(np.pi * 6**2, rel=0.1)
    assert section.bone_share == pytest.approx((32 / 60) ** 2, rel=0.1)


def test_a_crop_of_a_liver_is_no_limb() -> None:
    crop = trunk(PORTAL)[12:40, 16:44, 14:34]
    assert not cross_section(crop).is_limb
