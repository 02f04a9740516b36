"""HU of vessels and organs where a drawn trunk has them, and the phase that follows."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.contrast_phase import (
    CONTRAST_PHASES,
    EARLY_ARTERIAL,
    NATIVE,
    PORTAL,
    role_of,
)
from LiverTumorAttentionLib.phases.estimate import estimate_of, estimate_phase
from LiverTumorAttentionLib.phases.levels import Levels, measure_levels
from LiverTumorAttentionLib.phases.limb import cross_section
from LiverTumorAttentionLib.pipeline.phase_check import check_phases
from Testing.Library.phases.drawn_trunk import knees, phase_hu, trunk


@cache
def measured(phase: str) -> Levels:
    return measure_levels(trunk(phase))


@pytest.mark.parametrize("phase", CONTRAST_PHASES)
def test_levels_are_those_that_were_drawn(phase: str) -> None:
    levels, drawn = measured(phase), phase_hu(phase)
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
    here, there = measured(PORTAL), measure_levels(turned)
    assert here.aorta_hu == pytest.approx(there.aorta_hu, abs=3)
    assert here.liver_hu == pytest.approx(there.liver_hu, abs=2)


def test_without_a_measurement_every_phase_is_as_likely() -> None:
    estimate = estimate_of(Levels())
    assert list(estimate.probabilities.values()) == pytest.approx([0.2] * 5)
    assert not estimate.is_known
    assert estimate.sentence() == "phase not known"


@pytest.mark.parametrize("phase", CONTRAST_PHASES)
@pytest.mark.parametrize("first", [2, 17, 33])
def test_of_nine_slices_no_phase_is_told(phase: str, first: int) -> None:
    estimate = estimate_phase(trunk(phase)[:, :, first : first + 9])
    assert not estimate.is_known
    assert estimate.confidence < 0.5
    assert "phase not known (" in estimate.sentence()
    assert "only 45 mm of the body are seen" in estimate.sentence()
    told = estimate.to_dict()
    assert told["phase"] is None
    assert told["unseen"] == "only 45 mm of the body are seen"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_phases({role_of(phase): estimate})


def test_a_bright_vessel_that_is_seen_for_a_part_of_the_way_leaves_it_open() -> None:
    """The aorta leaves the volume: what is even along the rest of it is a muscle, and no aorta."""
    image = trunk(EARLY_ARTERIAL, noise_hu=2.0)
    hu = sitk.GetArrayFromImage(image)
    aorta = ndimage.binary_dilation(hu > 250) & (np.arange(hu.shape[1])[None, :, None] * 4.0 - 132 < 6)
    aorta &= np.abs(np.arange(hu.shape[2])[None, None, :] * 4.0 - 184 - 11) < 20
    aorta[: round(0.37 * len(hu))] = False
    hu[aorta] = 45
    cut = sitk.GetImageFromArray(hu)
    cut.CopyInformation(image)
    levels = measure_levels(cut)
    assert levels.aorta_hu is None
    assert levels.unseen == "the aorta cannot be told from what lies beside it"
    assert measure_levels(image).aorta_hu == pytest.approx(phase_hu(EARLY_ARTERIAL)["aorta"], abs=6)


def test_bowel_with_contrast_agent_is_no_aorta() -> None:
    """A column of 56 mm beside the native aorta: as even and upright as a vessel, and far larger."""
    image = trunk(NATIVE)
    hu = sitk.GetArrayFromImage(image)
    _, y, x = (
        (np.arange(n) * s - n * s / 2).reshape([-1 if axis == k else 1 for k in range(3)])
        for axis, (n, s) in enumerate(zip(hu.shape, image.GetSpacing()[::-1], strict=True))
    )
    hu[np.broadcast_to(np.hypot(x - 48, y + 25) < 28, hu.shape)] = 280
    filled = sitk.GetImageFromArray(hu)
    filled.CopyInformation(image)
    assert measure_levels(filled).aorta_hu is None
    assert measured(NATIVE).aorta_hu == pytest.approx(phase_hu(NATIVE)["aorta"], abs=6)


def test_without_the_aorta_nothing_is_told() -> None:
    """A fatty liver looks like one without contrast, and bowel with contrast agent in it like a kidney."""
    estimate = estimate_of(
        Levels(liver_hu=35.0, veins_hu=37.0, cortex_hu=250.0, medulla_hu=100.0, urine_hu=260.0)
    )
    assert not estimate.is_known


def test_a_trunk_is_no_limb_and_a_knee_is() -> None:
    assert not cross_section(trunk(PORTAL)).is_limb
    section = cross_section(knees())
    assert section.is_limb
    assert section.area_cm2 == pytest.approx(np.pi * 6**2, rel=0.1)
    assert section.bone_share == pytest.approx((32 / 60) ** 2, rel=0.1)


def test_a_crop_of_a_liver_is_no_limb() -> None:
    crop = trunk(PORTAL)[12:40, 16:44, 14:34]
    assert not cross_section(crop).is_limb
