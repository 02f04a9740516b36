"""RECIST 1.1 and mRECIST on numbers of the guideline's text and on cases that the rules decide."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.followup.changes import Comparison, compare_sizes, doubling_time_days
from LiverTumorAttentionLib.followup.criteria import (
    candidate,
    check_targets,
    overall_response,
    response_of_sums,
)
from LiverTumorAttentionLib.followup.declared import DeclaredPair
from LiverTumorAttentionLib.followup.response import Assessment, Chosen, assess
from LiverTumorAttentionLib.followup.viable import viable_tumors
from Testing.Library.followup.bodies_over_time import Ball, matched, point, visit

A, B, C = (-30.0, 0.0, 0.0), (25.0, 10.0, 5.0), (0.0, -30.0, -15.0)


@pytest.mark.parametrize(
    ("baseline", "nadir", "followup", "response"),
    [
        # The question of RECIST 1.1 about a patient with 32 %, then 28 %, then 33 % below the baseline.
        (100.0, None, 68.0, "PR"),
        (100.0, 68.0, 72.0, "SD"),
        (100.0, 68.0, 67.0, "PR"),
        # The limits themselves: 30 % below the baseline, 20 % above the smallest sum.
        (100.0, None, 70.0, "PR"),
        (100.0, None, 70.1, "SD"),
        (100.0, None, 120.0, "PD"),
        (100.0, None, 119.9, "SD"),
        # 20 % alone is no progression where it is less than 5 mm.
        (20.0, None, 24.9, "SD"),
        (20.0, None, 25.0, "PD"),
        (25.0, None, 30.0, "PD"),
        # Against the smallest sum so far, though still 50 % below the baseline.
        (100.0, 40.0, 50.0, "PD"),
        (100.0, 40.0, 44.9, "PR"),
        # A smallest sum above the baseline's is none.
        (100.0, 150.0, 121.0, "PD"),
        # After complete response what appears again is progression.
        (50.0, 0.0, 4.0, "PD"),
        (50.0, None, None, "NE"),
    ],
)
def test_sums(baseline: float, nadir: float | None, followup: float | None, response: str) -> None:
    assert response_of_sums(baseline, followup, nadir).response == response


def test_all_gone_is_complete_response_and_mrecist_has_no_absolute_rule() -> None:
    assert response_of_sums(50.0, 0.0, all_gone=True).response == "CR"
    assert response_of_sums(20.0, 24.0, least_increase_mm=0.0).response == "PD"


@pytest.mark.parametrize(
    ("target", "non_target", "new", "overall"),
    [  # RECIST 1.1, Table 1
        ("CR", "CR", False, "CR"),
        ("CR", "none", False, "CR"),
        ("CR", "non-CR/non-PD", False, "PR"),
        ("CR", "NE", False, "PR"),
        ("PR", "non-CR/non-PD", False, "PR"),
        ("PR", "NE", False, "PR"),
        ("SD", "CR", False, "SD"),
        ("SD", "NE", False, "SD"),
        ("NE", "non-CR/non-PD", False, "NE"),
        ("PD", "CR", False, "PD"),
        ("CR", "PD", False, "PD"),
        ("CR", "CR", True, "PD"),
        # Table 2
        (None, "CR", False, "CR"),
        (None, "non-CR/non-PD", False, "non-CR/non-PD"),
        (None, "NE", False, "NE"),
        (None, "PD", False, "PD"),
        (None, "CR", True, "PD"),
    ],
)
def test_overall(target: str | None, non_target: str, new: bool, overall: str) -> None:
    assert overall_response(target, non_target, new) == overall  # type: ignore[arg-type]


def test_which_lesions_may_be_targets() -> None:
    lesions = {
        1: candidate(1, 10.0, 5.0),
        2: candidate(2, 9.9, 2.5),
        3: candidate(3, 15.0, 8.0),
        4: candidate(4, 16.0, 8.0),
        5: candidate(5, 30.0, 1.0),
    }
    assert [n for n, c in lesions.items() if c.qualifies] == [1, 4, 5]
    check_targets((1, 4), lesions)
    for targets, message in (
        ((1, 4, 5), "at most 2"),
        ((2,), "below 10 mm"),
        ((3,), "twice the slice thickness of 8 mm"),
        ((9,), "no lesion 9"),
        ((1, 1), "twice"),
    ):
        with pytest.raises(InputError, match=message):
            check_targets(targets, lesions)


def compared(before: sitk.Image, after: sitk.Image, declared: tuple[str, ...] = ()) -> Comparison:
    pairs = [DeclaredPair.of(text) for text in declared]
    return compare_sizes(point(before), point(after), matched(before, after, declared=pairs).matches, 90.0)


def assessed(
    before: list[Ball | list[Ball]],
    after: list[Ball | list[Ball]],
    declared: tuple[str, ...] = (),
    **chosen: object,
) -> Assessment:
    comparison = compared(visit(*before), visit(*after), declared)
    candidates = {
        n: candidate(n, t.longest_axial_diameter_mm, 5.0) for n, t in comparison.baseline.tumors.items()
    }
    return assess(comparison, candidates, Chosen(**{"targets": (1, 2), **chosen}))  # type: ignore[arg-type]


def test_without_targets_nothing_is_told() -> None:
    found = assessed([(A, 10.0), (B, 3.6)], [(A, 12.0)], targets=())
    assert found.recist is None
    assert found.recist_overall is None
    assert [c.qualifies for c in found.candidates] == [True, False]


def test_targets_others_and_new_lesions_together() -> None:
    before: list[Ball | list[Ball]] = [(A, 15.0), (B, 15.0), (C, 8.0)]
    smaller = assessed(before, [(A, 9.0), (B, 9.0), (C, 8.0)])
    assert smaller.recist is not None
    assert smaller.recist.change_percent == pytest.approx(-40.0, abs=7.0)
    assert (smaller.recist.response, smaller.recist_overall) == ("PR", "PR")
    assert (smaller.non_targets, smaller.non_target_response) == ((3,), "non-CR/non-PD")
    assert smaller.volume_percent == pytest.approx(100 * (0.6**3 - 1), abs=4.0)
    assert smaller.settled
    with_new = assessed(before, [(A, 9.0), (B, 9.0), (C, 8.0), ((10.0, 38.0, 10.0), 6.0)])
    assert (with_new.new, with_new.recist_overall) == ((4,), "PD")
    gone = assessed(before, [(C, 8.0)])
    assert gone.recist is not None
    assert (gone.recist.response, gone.recist_overall) == ("CR", "PR")
    assert assessed(before, [(C, 8.0)], non_target_progression=True).recist_overall == "PD"
    assert assessed(before[:2], []).recist_overall == "CR"


def test_pieces_are_added_and_what_merged_counts_once() -> None:
    pieces = [((-38.0, 0.0, 0.0), 6.0), ((-22.0, 0.0, 0.0), 6.0)]
    split = assessed([(A, 15.0), (B, 10.0)], [*pieces, (B, 10.0)], ("1=1", "1=2", "2=3"))
    assert split.targets[0].followup_mm == pytest.approx(24.0, abs=4.0)
    near = [((15.0, 0.0, 0.0), 8.0), ((35.0, 0.0, 0.0), 8.0)]
    merged = assessed([*near], [[*near, ((25.0, 0.0, 0.0), 8.0)]], ("1=1", "2=1"))
    assert [row.followup_mm for row in merged.targets] == pytest.approx([38.0, 0.0], abs=4.0)
    assert merged.recist is not None
    assert merged.recist.response != "CR"


def test_an_uncertain_pair_leaves_the_response_open() -> None:
    turned = [((0.0, -5.0, 0.0), 5.0), ((0.0, 5.0, 0.0), 5.0)]
    found = assessed([((-5.0, 0.0, 0.0), 5.0), ((5.0, 0.0, 0.0), 5.0)], [*turned])
    assert not found.settled
    assert "target 1 is uncertain" in found.open[0]
    assert assessed([((-5.0, 0.0, 0.0), 5.0), ((5.0, 0.0, 0.0), 5.0)], [*turned], ("1=1", "2=2")).settled


def test_viable_diameters_of_a_person_give_mrecist() -> None:
    lesions: list[Ball | list[Ball]] = [(A, 15.0), (B, 15.0)]
    assert assessed(lesions, lesions).mrecist is None
    found = assessed(lesions, lesions, viable_mm=({1: 20.0, 2: 20.0}, {1: 10.0, 2: 12.0}))
    assert found.mrecist is not None
    assert (found.mrecist.change_percent, found.mrecist.response) == (pytest.approx(-45.0), "PR")
    assert found.recist is not None
    assert found.recist.response == "SD"


def test_the_viable_part_is_the_bright_one() -> None:
    """A lesion of two balls, one bright and one dead: the bright one is measured, and nothing of a dark lesion."""
    bright, dead = ((-30.0, 0.0, 0.0), 8.0), ((-14.0, 0.0, 0.0), 9.0)
    instances = visit([bright, dead], (B, 8.0))
    labels = sitk.GetArrayFromImage(instances)
    hu = np.where(labels > 0, 70.0, -100.0)
    hu[sitk.GetArrayFromImage(visit(bright)) == 2] = 120.0
    hu[sitk.GetArrayFromImage(visit(dead)) == 2] = 30.0
    hu[labels == 3] = 60.0
    arterial = sitk.GetImageFromArray(hu.astype(np.int16))
    arterial.CopyInformation(instances)
    found = viable_tumors(instances, arterial)
    assert found[1].diameter_mm == pytest.approx(16.0, abs=4.0)
    assert found[1].threshold_hu == pytest.approx(80.0)
    assert found[2].diameter_mm == 0.0


def test_doubling_time() -> None:
    assert doubling_time_days(2.0, 4.0, 90.0) == pytest.approx(90.0)
    assert doubling_time_days(2.0, 16.0, 90.0) == pytest.approx(30.0)
    assert doubling_time_days(4.0, 2.0, 90.0) is None
    assert doubling_time_days(2.0, 4.0, None) is None
    grown = compared(visit((A, 8.0)), visit((A, 16.0))).pairs[0]
    assert grown.change.doubling_time_days == pytest.approx(30.0, rel=0.1)
    assert dataclasses.asdict(compared(visit(), visit((A, 8.0))).pairs[0].change)["volume_ml"] is None
