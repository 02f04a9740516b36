"""Lesions of two time points: what became of balls is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.followup.assignment import assign
from LiverTumorAttentionLib.followup.declared import DeclaredPair
from LiverTumorAttentionLib.followup.matching import FollowedLesions, match_lesions
from Testing.Library.followup.bodies_over_time import Ball, matched, told, visit

A, B, C = (-30.0, 0.0, 0.0), (25.0, 10.0, 5.0), (0.0, -30.0, -15.0)
ERRORS = [(0.0, 0.0, 0.0), (3.0, -2.0, 2.0), (-2.0, 2.0, -3.0)]
"""Errors of the registration, mm."""


@pytest.mark.parametrize("shift", ERRORS)
def test_grown_shrunk_new_and_gone(shift: tuple[float, ...]) -> None:
    before = visit((A, 9.0), (B, 12.0), (C, 6.0))
    after = visit((B, 6.0), (A, 15.0), ((10.0, 35.0, 10.0), 6.0))
    assert told(matched(before, after, shift)) == [
        ((1,), (2,), "matched"),
        ((2,), (1,), "matched"),
        ((3,), (), "gone"),
        ((), (3,), "new"),
    ]


@pytest.mark.parametrize("shift", ERRORS)
def test_split_and_merged(shift: tuple[float, ...]) -> None:
    halves = [((-36.0, 0.0, 0.0), 6.0), ((-22.0, 0.0, 0.0), 6.0)]
    neighbors = [((20.0, 0.0, 0.0), 7.0), ((38.0, 0.0, 0.0), 7.0)]
    bridge = ((29.0, 0.0, 0.0), 9.0)
    split = matched(visit((A, 15.0), (C, 6.0)), visit(*halves, (C, 6.0)), shift)
    assert _statuses(told(split)) == [((1,), (1, 2), "split"), ((2,), (3,), "matched")]
    merged = matched(visit(*neighbors, (C, 6.0)), visit([*neighbors, bridge], (C, 6.0)), shift)
    assert _statuses(told(merged)) == [((1, 2), (1,), "merged"), ((3,), (2,), "matched")]
    if not any(shift):
        assert not any(match.uncertain for match in (*split.matches, *merged.matches))


def _statuses(matches: list[tuple[tuple[int, ...], tuple[int, ...], str]]) -> list[tuple[object, ...]]:
    """Return matches without the mark of what is uncertain."""
    return [(here, there, status.rstrip("?")) for here, there, status in matches]


def test_a_small_neighbor_is_no_piece() -> None:
    before = visit((A, 12.0))
    after = visit((A, 12.0), ((-30.0, 22.0, 0.0), 5.0))
    assert told(matched(before, after)) == [((1,), (1,), "matched"), ((), (2,), "new")]


def test_two_that_lie_between_two_are_marked() -> None:
    """After a turn by 90 degrees nothing tells which of the two is which."""
    before = visit(((-5.0, 0.0, 0.0), 4.0), ((5.0, 0.0, 0.0), 4.0))
    after = visit(((0.0, -5.0, 0.0), 4.0), ((0.0, 5.0, 0.0), 4.0))
    assert all(match.uncertain for match in matched(before, after).matches)


def test_a_lesion_at_a_doubtful_distance_is_marked() -> None:
    """By the costs of the settings the odds turn at 14 mm, and are below 20 from 12 to 16 mm."""
    states = {}
    for distance in (0.0, 8.0, 13.0, 14.0, 15.0, 24.0, 40.0):
        result = told(matched(visit((A, 5.0)), visit(((A[0] + distance, 0.0, 0.0), 5.0))))
        states[distance] = " ".join(sorted({status for *_, status in result}))
    assert [states[distance] for distance in (0.0, 8.0, 24.0, 40.0)] == ["matched"] * 2 + ["gone new"] * 2
    assert all("?" in states[distance] for distance in (13.0, 14.0, 15.0))


def test_a_refused_registration_marks_everything() -> None:
    result = matched(visit((A, 9.0)), visit((A, 9.0)), grade="refused")
    assert told(result) == [((1,), (1,), "matched?")]
    assert "refused" in result.matches[0].reasons[0]


def test_what_the_other_pairs_say_of_the_registration_counts() -> None:
    """A registration off by 2 mm that says 10 mm of itself: 24 mm are too far, and that it decides is marked."""
    there: list[Ball] = [(place, 7.0) for place in (A, B, C, (0.0, 30.0, -20.0), (10.0, -20.0, 30.0))]
    before, after = visit(*there, ((-20.0, 30.0, 20.0), 4.0)), visit(*there, ((4.0, 30.0, 20.0), 5.0))
    result = matched(before, after, (1.0, 1.0, 1.0), error_mm=8.0)
    pairs = [((n,), (n,), "matched") for n in range(1, 6)]
    assert told(result) == [*pairs, ((6,), (), "gone?"), ((), (6,), "new?")]
    assert "how far the registration is off" in result.matches[5].reasons[-1]
    assert result.sd_mm < 5.0 < result.lesions.stated.sd_mm
    alone = matched(visit(there[0]), visit(there[0]), error_mm=8.0)
    assert 5.0 < alone.sd_mm < alone.lesions.stated.sd_mm, "one pair says less than five"


def test_pairs_by_hand_count_without_the_volumes() -> None:
    """What is kept of the lesions, as JSON, gives the matches that the volumes give."""
    balls: list[Ball] = [(A, 9.0), (B, 12.0), (C, 6.0), ((-5.0, 30.0, 10.0), 5.0)]
    halves = [((-36.0, 0.0, 0.0), 6.0), ((-22.0, 0.0, 0.0), 6.0)]
    before, after = visit(*balls), visit(*halves, (C, 8.0), ((25.0, 16.0, 5.0), 9.0), slices=22)
    for texts in ([], ["1=1"], ["1=none", "3=4"], ["none=3", "2=1", "4=1"]):
        declared = [DeclaredPair.of(text) for text in texts]
        whole = matched(before, after, (2.0, 0.0, 1.0), declared=declared)
        kept = FollowedLesions.from_dict(json.loads(json.dumps(whole.lesions.as_dict())))
        assert match_lesions(kept, declared) == whole.matches
    with pytest.raises(InputError, match="the baseline has no lesion 9"):
        match_lesions(kept, [DeclaredPair.of("9=1")])


def test_a_missing_part_of_the_liver_and_of_the_field_of_view_are_told() -> None:
    before = visit(((0.0, 0.0, -40.0), 8.0), ((0.0, 0.0, 48.0), 6.0))
    resected = matched(before, visit(((0.0, 0.0, -40.0), 8.0), liver_mm=50.0))
    assert [m.missing for m in matched(before, visit(((0.0, 0.0, -40.0), 8.0), liver_mm=30.0)).matches] == [
        "",
        "liver",
    ]
    assert [m.missing for m in resected.matches] == ["", ""]
    cut = matched(before, visit(((0.0, 0.0, -40.0), 8.0), slices=20))
    assert told(cut) == [((1,), (1,), "matched"), ((2,), (), "gone?")]
    assert cut.matches[1].missing == "field of view"


def test_a_person_counts_before_the_computer() -> None:
    before, after = visit((A, 9.0), (B, 9.0)), visit((A, 9.0), (B, 9.0))
    declared = [DeclaredPair.of("1=2"), DeclaredPair.of("none=1")]
    assert told(matched(before, after, declared=declared)) == [
        ((1,), (2,), "matched"),
        ((2,), (), "gone"),
        ((), (1,), "new"),
    ]
    both = [DeclaredPair.of("1=1"), DeclaredPair.of("2=1")]
    assert told(matched(before, after, declared=both))[0] == ((1, 2), (1,), "merged")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["1"], "give it as 2=3"),
        (["none=none"], "give it as 2=3"),
        (["4=1"], "the baseline has no lesion 4"),
        (["1=4"], "the follow-up has no lesion 4"),
        (["1=1", "1=none"], "with and without a partner"),
        (["1=1", "1=2", "2=2"], "cannot all be one"),
    ],
)
def test_pairs_that_cannot_be(texts: list[str], message: str) -> None:
    both = visit((A, 9.0), (B, 9.0))
    with pytest.raises(InputError, match=message):
        matched(both, both, declared=[DeclaredPair.of(text) for text in texts])


def test_the_assignment_is_the_most_probable_one_with_its_odds() -> None:
    costs = np.array([[1.0, 2.0], [1.5, 9.0]])
    result = assign(costs, np.array([4.0, 4.0]), np.array([4.0, 4.0]))
    assert result.partner == (1, 0)  # 2 + 1.5
    assert result.odds == pytest.approx(
        (9.0 - 3.5, 9.0 - 3.5)
    )  # the next: 0 with 0, the others alone, 1 + 4 + 4
    lone = assign(costs[:1], np.array([0.2]), np.array([0.2, 0.2]))
    assert lone.partner == (None,)
    assert lone.new == (0, 1)
    assert lone.odds == pytest.approx((1.2 - 0.6,))
