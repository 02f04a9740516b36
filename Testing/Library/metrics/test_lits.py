"""LiTS's matching of lesions, by hand on rows of voxels: split, merged, bridged, shared and missed ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from LiverTumorAttentionLib.metrics import match_as_lits, match_lesions, score_as_lits

SPACING = (5.0, 2.0, 1.0)


def rows(*texts: str) -> tuple[np.ndarray, np.ndarray]:
    """Return prediction and truth, (1, rows, columns): each text is a row with t truth, p prediction, b both."""
    cells = np.array([list(text) for text in texts])[None]
    return np.isin(cells, ("p", "b")), np.isin(cells, ("t", "b"))


def test_a_lesion_in_two_pieces_is_matched_as_one() -> None:
    """11 voxels of truth, 6 and 4 found: 10 / 11. Alone, the larger piece has 6 / 11 and the other is false."""
    scores = match_as_lits(*rows("bbbbbbtbbbb"), SPACING)
    assert (scores.lesions, scores.findings, scores.matched, scores.pieces, scores.bridged) == (1, 2, 1, 1, 0)
    (pair,) = scores.pairs
    assert (pair.lesions, pair.findings, pair.iou) == ((1,), (1, 2), pytest.approx(10 / 11))
    assert (scores.recall, scores.precision) == (1.0, 0.5)


def test_two_pieces_of_which_none_reaches_half_alone() -> None:
    """Each piece has 4 / 9; together 8 / 9. Ours has no detection, LiTS has one."""
    pair = rows("bbbbtbbbb")
    assert match_as_lits(*pair, SPACING).matched == 1
    assert match_lesions(*pair, SPACING).recall == 0.0


def test_two_lesions_under_one_finding_are_joined() -> None:
    """Truth 5 and 5, a finding of 11: 10 / 11 joined, 5 / 11 each. One of two lesions is counted."""
    scores = match_as_lits(*rows("bbbbbpbbbbb"), SPACING)
    assert (scores.lesions, scores.findings, scores.matched, scores.bridged, scores.pieces) == (2, 1, 1, 1, 0)
    assert scores.pairs[0].lesions == (1, 2)
    assert scores.pairs[0].iou == pytest.approx(10 / 11)
    assert (scores.recall, scores.precision) == (0.5, 1.0)


def test_a_bridge_that_is_too_wide_counts_nothing_and_subtracts_nothing() -> None:
    """Truth 2 and 2 under a finding of 8 voxels: one half, which is not above one half."""
    scores = match_as_lits(*rows("bbppppbb"), SPACING)
    assert (scores.lesions, scores.findings, scores.matched, scores.bridged) == (2, 1, 0, 1)
    assert scores.pairs[0].iou == 0.5
    assert scores.pairs[0].scores is None
    assert (scores.recall, scores.precision) == (0.0, 0.0)
    assert math.isnan(scores.mean("assd_mm"))


def test_a_lesion_that_two_findings_share_goes_to_the_one_that_covers_more() -> None:
    """P covers A (6 voxels), leads on and takes one of B (4); Q has two of B and one beyond.

    B is Q's, so that A is alone with P: 6 / 8; Q and B: 2 / (3 + 4 - 2).
    """
    scores = match_as_lits(*rows("bbbbbb....", ".....p....", ".....btbbp"), SPACING)
    assert (scores.lesions, scores.findings, scores.matched) == (2, 2, 1)
    first, second = scores.pairs
    assert (first.lesions, first.findings, first.iou) == ((1,), (1,), pytest.approx(6 / 8))
    assert (second.lesions, second.findings, second.iou) == ((2,), (2,), pytest.approx(2 / 5))


def test_a_bridge_is_not_made_by_a_finding_that_covers_less_of_a_lesion() -> None:
    """The small finding touches both lesions, but each is covered more by a large one: nothing is joined."""
    prediction = np.zeros((1, 3, 11), bool)
    truth = prediction.copy()
    truth[0, 1, :5] = truth[0, 1, 6:] = True
    prediction[0, 1, :3] = prediction[0, 1, 8:] = True
    prediction[0, 1, 4:7] = True
    scores = match_as_lits(prediction, truth, SPACING)
    assert (scores.lesions, scores.findings, scores.bridged, scores.pieces) == (2, 3, 0, 1)
    # The small one has one voxel in each lesion and goes to the first: (3 + 1) / (5 + 6 - 4); the other has 3 / 5.
    assert [pair.iou for pair in scores.pairs] == pytest.approx([4 / 7, 3 / 5])
    assert [pair.findings for pair in scores.pairs] == [(1, 2), (3,)]


def test_missed_and_false_ones_are_counted_and_make_no_pair() -> None:
    scores = match_as_lits(*rows("bbb.ttt.pp.p"), SPACING)
    assert (scores.lesions, scores.findings, scores.matched, len(scores.pairs)) == (2, 3, 1, 1)
    assert (scores.recall, scores.precision) == pytest.approx((1 / 2, 1 / 3))


def test_lesions_that_touch_at_an_edge_are_two() -> None:
    """LiTS's components are connected by faces, ours by corners."""
    prediction, truth = rows("b.", ".b")
    assert match_as_lits(prediction, truth, SPACING).lesions == 2
    assert len(match_lesions(prediction, truth, SPACING).lesions) == 1


@pytest.mark.parametrize(
    ("text", "recall", "precision"), [("..", 1.0, 1.0), ("p.", math.nan, 0.0), ("t.", 0.0, math.nan)]
)
def test_empty_sides(text: str, recall: float, precision: float) -> None:
    scores = match_as_lits(*rows(text), SPACING)
    assert (scores.recall, scores.precision) == pytest.approx((recall, precision), nan_ok=True)
    assert scores.pairs == ()


def test_distances_are_those_of_the_matched_pairs_joined() -> None:
    """The first row is found in two pieces of 3 of its 7 voxels; the second is missed.

    Truth x 0..6, found 0..2 and 4..6: all found voxels are on the truth (6 x 0), and of the truth voxel 3 alone is
    1 mm away: ASSD 1 / 13, RMSD sqrt(1 / 13), MSD 1. RVD (7 - 6) / 6: truth less prediction, by the prediction.
    """
    scores = match_as_lits(*rows("bbbtbbb", ".......", "ttttttt"), SPACING)
    assert scores.mean("assd_mm") == pytest.approx(1 / 13)
    assert scores.mean("rmsd_mm") == pytest.approx(math.sqrt(1 / 13))
    assert scores.mean("msd_mm") == pytest.approx(1.0)
    assert scores.mean("rvd") == pytest.approx(1 / 6)


def test_means_are_over_pairs_and_not_over_voxels() -> None:
    """A pair of 4 against 3 voxels in the rows, one of 2 against 2: RVD (1/3 + 0) / 2."""
    scores = match_as_lits(*rows("bbbt", "....", "bb.."), SPACING)
    assert scores.matched == 2
    assert scores.mean("rvd") == pytest.approx((1 / 3) / 2)


def test_a_surface_voxel_may_have_an_edge_alone_towards_the_outside() -> None:
    """Taking (0, 0, 2) off a cube of 5 voxels uncovers (1, 1, 2) across an edge: surface with 18 neighbors, not with 6.

    Against the full cube its nearest surface voxel is (1, 0, 2), 2 mm away.
    """
    full = np.ones((5, 5, 5), bool)
    notched = full.copy()
    notched[0, 0, 2] = False
    scores = score_as_lits(notched, full, SPACING)
    # surface of the notched cube: 98 - 1 + 1 voxels, all on the full one's surface but (1, 1, 2), 2 mm from (1, 0, 2);
    # of the full one (0, 0, 2) alone is off the notched one: 1 mm from (0, 0, 1).
    assert scores.msd_mm == pytest.approx(2.0)
    assert scores.assd_mm == pytest.approx((2.0 + 1.0) / (98 + 98))
    assert scores.rmsd_mm == pytest.approx(math.sqrt((4.0 + 1.0) / (98 + 98)))


def test_an_object_that_is_missing_has_no_distance() -> None:
    scores = score_as_lits(np.zeros((2, 2, 2), bool), np.ones((2, 2, 2), bool), SPACING)
    assert all(math.isnan(value) for value in (scores.rvd, scores.assd_mm, scores.rmsd_mm, scores.msd_mm))


def test_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match=r"\(1, 1, 2\).*\(1, 1, 3\)"):
        match_as_lits(np.ones((1, 1, 2), bool), np.ones((1, 1, 3), bool), SPACING)


def test_thousands_of_crumbs_are_matched() -> None:
    crumbs = np.zeros((40, 40, 40), bool)
    crumbs[::2, ::2, ::2] = True
    scores = match_as_lits(crumbs, crumbs, SPACING)
    assert (scores.lesions, scores.matched, scores.recall, scores.precision) == (8000, 8000, 1.0, 1.0)
