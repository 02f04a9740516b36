"""Attenuation over several phases: which differences are told under which name."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import TumorReview, review_case
from LiverTumorAttentionLib.errors import InputError

SPACING = (1.0, 1.0, 2.0)
CENTER = (14, 24, 24)
RADIUS_MM = 10.0


def distance_mm() -> np.ndarray:
    """Distance of each voxel (z, y, x) from the tumor's center."""
    places = np.stack(np.indices((29, 49, 49)), axis=-1) - np.array(CENTER)
    return np.linalg.norm(places * (2.0, 1.0, 1.0), axis=-1)


def image(array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(SPACING)
    return made


AWAY = distance_mm()
INSTANCES = image(np.where(AWAY <= RADIUS_MM, 2, 1).astype(np.uint16))


def phase(tumor: float, liver: float, *, core: float | None = None, shell: float | None = None) -> sitk.Image:
    """HU of tumor and liver; core: within 60 % of the radius; shell: within 2 mm of the outline."""
    hu = np.where(AWAY <= RADIUS_MM, tumor, liver).astype(np.float32)
    if core is not None:
        hu[AWAY <= 0.6 * RADIUS_MM] = core
    if shell is not None:
        hu[np.abs(AWAY - RADIUS_MM) <= 2.5] = shell
    return image(hu)


def reviewed(portal: sitk.Image, arterial: sitk.Image | None = None, **phases: sitk.Image) -> TumorReview:
    (tumor,) = review_case(INSTANCES, portal, arterial, **phases).tumors
    return tumor


def test_enhancement_is_against_the_native_phase() -> None:
    """Native 40, arterial 110, portal 90, delayed 70 HU: 70, 50 and 30 HU of enhancement; 20 between two phases."""
    told = reviewed(phase(90, 110), phase(110, 60), native=phase(40, 55), delayed=phase(70, 95)).brightness
    assert (told.enhancement_arterial_hu, told.enhancement_portal_hu, told.enhancement_delayed_hu) == (
        70,
        50,
        30,
    )
    assert told.arterial_portal_difference_hu == 20
    assert (told.contrast_native_hu, told.contrast_delayed_hu) == (-15, -25)


def test_without_a_native_phase_there_is_no_enhancement() -> None:
    told = reviewed(phase(90, 110), phase(110, 60)).brightness
    assert told.enhancement_arterial_hu is told.enhancement_portal_hu is None
    assert told.arterial_portal_difference_hu == 20


def test_washout_where_the_word_is_allowed() -> None:
    """Brighter than the liver by 50, then darker by 20: 70 HU; in the delayed phase darker by 45: 95 HU."""
    arterial, portal = phase(120, 70), phase(90, 110)
    told = reviewed(portal, arterial).brightness
    assert (told.washout_hu, told.washout_phase) == (70, "portal")
    told = reviewed(portal, arterial, delayed=phase(50, 95)).brightness
    assert (told.washout_hu, told.washout_phase) == (95, "delayed")
    told = reviewed(phase(115, 110), arterial, delayed=phase(85, 95)).brightness
    assert (told.washout_hu, told.washout_phase) == (60, "delayed")


@pytest.mark.parametrize(
    ("arterial", "portal"),
    [
        ((17, 62), (17, 103)),  # a cyst: the liver brightens, the lesion does not darken
        ((60, 70), (80, 110)),  # dark throughout
        ((120, 70), (120, 110)),  # bright throughout
        ((120, 70), (110, 110)),  # as bright as the liver
    ],
)
def test_no_washout_where_it_is_not(arterial: tuple[float, float], portal: tuple[float, float]) -> None:
    told = reviewed(phase(*portal), phase(*arterial)).brightness
    assert told.washout_hu is None
    assert told.washout_phase is None


def test_a_rim_that_darkens_alone_is_no_washout() -> None:
    """Peripheral washout is none by LI-RADS: rim 60, core 200 in a liver of 110 HU, darker than it on the whole."""
    told = reviewed(phase(60, 110, core=200), phase(120, 70)).brightness
    assert told.contrast_portal_hu is not None
    assert told.contrast_portal_hu < 0
    assert told.washout_hu is None


def test_rim_to_core() -> None:
    """Rim 150, core 50 HU, the core smaller than the inner half: so the ratio lies between 1 and 3."""
    rim = reviewed(phase(90, 110), phase(150, 70, core=50)).rim
    assert rim.rim_arterial_hu == 150
    assert rim.core_arterial_hu is not None
    # The inner half of a ball reaches to 0.794 of its radius, of which 0.6 is dark: (0.6 / 0.794)^3 = 0.43 of it.
    assert rim.core_arterial_hu == pytest.approx(150 - 100 * 0.43, abs=8)
    assert rim.rim_core_ratio == pytest.approx(150 / rim.core_arterial_hu)
    assert reviewed(phase(90, 110), phase(120, 70)).rim.rim_core_ratio == 1.0
    assert reviewed(phase(90, 110), phase(10, 70, core=-80)).rim.rim_core_ratio is None
    assert reviewed(phase(90, 110)).rim.rim_core_ratio is None


def test_a_capsule_is_brighter_than_both_sides() -> None:
    """A shell of 140 HU between a core of 80 and a liver of 100 HU: brighter by 40 all around."""
    rim = reviewed(phase(80, 100, shell=140)).rim
    assert (rim.capsule_phase, rim.capsule_hu, rim.capsule_share) == ("portal", 40, 1.0)
    rim = reviewed(phase(80, 100, shell=140), delayed=phase(70, 90, shell=100)).rim
    assert (rim.capsule_phase, rim.capsule_hu, rim.capsule_share) == ("delayed", 10, 1.0)


@pytest.mark.parametrize("tumor", [60, 140])
def test_an_outline_alone_is_no_capsule(tumor: float) -> None:
    rim = reviewed(phase(tumor, 100)).rim
    assert rim.capsule_hu is not None
    assert rim.capsule_hu < 0
    assert rim.capsule_share == 0.0


def test_half_a_capsule_has_half_the_share() -> None:
    hu = sitk.GetArrayFromImage(phase(80, 100, shell=140))
    hu[:, : CENTER[1] + 1] = np.where(AWAY <= RADIUS_MM, 80, 100)[:, : CENTER[1] + 1]
    assert reviewed(image(hu)).rim.capsule_share == 0.5


def test_every_phase_lies_on_one_grid() -> None:
    with pytest.raises(InputError, match="the delayed volume"):
        review_case(INSTANCES, phase(80, 100), delayed=sitk.Image(4, 4, 4, sitk.sitkFloat32))
