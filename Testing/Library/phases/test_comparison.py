"""Which of two slabs is the arterial one, told by what differs between them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import (
    CONTRAST_PHASES,
    DELAYED,
    EARLY_ARTERIAL,
    LATE_ARTERIAL,
    NATIVE,
    PORTAL,
)
from LiverTumorAttentionLib.phases.comparison import Comparison, Order, compare_volumes, order_of
from Testing.Library.phases.drawn_trunk import phase_hu, trunk

ANY = dict.fromkeys(CONTRAST_PHASES, 0.2)
PLACES = (2, 18, 33)
"""First slices of slabs through kidneys, through liver and kidneys, and through liver and spleen."""


def slab(phase: str, first: int = 18, slices: int = 9) -> sitk.Image:
    return trunk(phase)[:, :, first : first + slices]


def order(portal: sitk.Image, arterial: sitk.Image) -> Order:
    return order_of(compare_volumes(portal, arterial), ANY, ANY)


@pytest.mark.parametrize("first", PLACES)
@pytest.mark.parametrize("slices", [5, 9])
def test_artery_and_liver_are_measured_at_the_same_place(first: int, slices: int) -> None:
    found = compare_volumes(slab(PORTAL, first, slices), slab(LATE_ARTERIAL, first, slices))
    for seen, phase in zip(found.artery_hu, (PORTAL, LATE_ARTERIAL), strict=True):
        assert seen == pytest.approx(phase_hu(phase)["aorta"], abs=8)
    if first != PLACES[0]:
        for seen, phase in zip(found.organ_hu, (PORTAL, LATE_ARTERIAL), strict=True):
            assert seen == pytest.approx(phase_hu(phase)["liver"], abs=4)


@pytest.mark.parametrize("first", PLACES)
@pytest.mark.parametrize("venous", [PORTAL, DELAYED])
def test_the_order_of_two_slabs_is_told(first: int, venous: str) -> None:
    right = order(slab(venous, first), slab(LATE_ARTERIAL, first))
    wrong = order(slab(LATE_ARTERIAL, first), slab(venous, first))
    assert right.given > 0.75
    assert wrong.exchanged == pytest.approx(right.given, abs=0.02)
    assert max(right.swap, 1 - wrong.swap) < 0.02


@pytest.mark.parametrize("first", PLACES)
def test_two_of_one_kind_are_not_told(first: int) -> None:
    arterial = (EARLY_ARTERIAL, LATE_ARTERIAL)
    for one, other in permutations(CONTRAST_PHASES, 2):
        if (one in arterial) != (other in arterial) and NATIVE not in (one, other):
            continue
        found = order(slab(one, first), slab(other, first))
        assert max(found.given, found.exchanged) < 0.75, (one, other)
    same = order(slab(PORTAL, first), slab(PORTAL, first))
    assert same.swap == pytest.approx(0.5)


def test_a_breath_and_a_turned_volume_between_them_make_no_difference() -> None:
    moved = slab(LATE_ARTERIAL, 20)
    x, y, z = moved.GetOrigin()
    moved.SetOrigin((x + 7.0, y - 6.0, z + 4.0))
    assert order(slab(PORTAL), sitk.DICOMOrient(moved, "RAS")).given > 0.9


def test_volumes_without_coordinates_in_common_are_laid_upon_each_other() -> None:
    away = slab(LATE_ARTERIAL)
    away.SetOrigin((900.0, -300.0, 4000.0))
    assert order(slab(PORTAL), away).given > 0.9


def test_bowel_that_moves_is_no_artery() -> None:
    """Contrast agent in the bowel at one place in one volume and at another one in the other differs both ways."""

    def with_bowel(phase: str, at: int) -> sitk.Image:
        image = slab(phase)
        hu = sitk.GetArrayFromImage(image)
        hu[:, 20:26, at : at + 6] = 310
        filled = sitk.GetImageFromArray(hu)
        filled.CopyInformation(image)
        return filled

    found = compare_volumes(with_bowel(PORTAL, 54), with_bowel(LATE_ARTERIAL, 64))
    assert found.artery_hu is None


def test_the_times_of_acquisition_tell_which_is_later() -> None:
    earlier, later = (order_of(Comparison(later_s=seconds), ANY, ANY) for seconds in (-35.0, 35.0))
    assert earlier.swap == pytest.approx(0.02)
    assert later.swap == pytest.approx(0.98)
    assert Comparison(later_s=-35.0).words() == "the arterial volume acquired 35 s before the portal one"


def test_noise_shows_nothing() -> None:
    rng = np.random.default_rng(0)
    images = [sitk.GetImageFromArray(rng.normal(40, 30, (12, 60, 60)).astype(np.int16)) for _ in range(2)]
    for image in images:
        image.SetSpacing((4.0, 4.0, 4.0))
    found = compare_volumes(*images)
    assert found.artery_hu is None
    assert order_of(found, ANY, ANY).swap == pytest.approx(0.5, abs=0.1)


def test_numbers_are_told_in_words_and_in_the_report() -> None:
    found = Comparison(artery_hu=(151.2, 309.6), organ_hu=(110.0, 75.4))
    assert found.words() == (
        "artery 151 HU in the portal and 310 HU in the arterial volume; "
        "largest even organ 110 HU in the portal and 75 HU in the arterial volume"
    )
    assert found.to_dict() == {"artery": [151, 310], "organ": [110, 75]}
    assert Comparison().is_empty
    assert Comparison().words() == ""
