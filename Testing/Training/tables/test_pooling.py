"""From scores of cases to numbers of a table, by hand."""

from __future__ import annotations

import math

import pytest

from Testing.Training.tables.made_scores import case_row
from training.tables.pooling import (
    by_case,
    dice_of_all_voxels,
    mean_of_matched,
    mean_over_cases,
    over_folds,
    share_over_seeds,
)

COUNTS = ("tumor_tp_voxels", "tumor_fp_voxels", "tumor_fn_voxels", "tumor_tn_voxels")


def counted(case: str, counts: tuple[int, int, int, int], **more: int) -> dict[str, str]:
    return case_row("a", case, **dict(zip(COUNTS, counts, strict=True)), **more)


def test_a_case_counts_once_however_often_it_was_trained_for() -> None:
    """A: 0.5 and 0.7 by two seeds, 0.6; B: 0.8, 0.8; C: 0.1 by one. Mean 0.5, sd of 0.6, 0.8, 0.1."""
    rows = [
        case_row("a", "A", seed=0, tumor_dice=0.5),
        case_row("a", "A", seed=1, tumor_dice=0.7),
        case_row("a", "B", seed=0, tumor_dice=0.8),
        case_row("a", "B", seed=1, tumor_dice=0.8),
        case_row("a", "C", seed=0, tumor_dice=0.1),
    ]
    assert by_case(rows, "tumor_dice") == pytest.approx({"A": 0.6, "B": 0.8, "C": 0.1})
    pooled = mean_over_cases(rows, "tumor_dice")
    assert pooled is not None
    assert pooled.mean == pytest.approx(0.5)
    assert pooled.sd == pytest.approx(math.sqrt((0.01 + 0.09 + 0.16) / 2))
    assert (pooled.cases, pooled.scores, pooled.undefined) == (3, 5, 0)


def test_what_is_undefined_is_counted_and_left_out_of_the_mean() -> None:
    rows = [
        case_row("a", "A", seed=0, tumor_assd_mm=2.0),
        case_row("a", "A", seed=1, tumor_assd_mm=math.nan),
        case_row("a", "B", seed=0, tumor_assd_mm=4.0),
        case_row("a", "C", seed=0, tumor_assd_mm=math.nan),
    ]
    pooled = mean_over_cases(rows, "tumor_assd_mm")
    assert pooled is not None
    assert pooled.mean == pytest.approx(3.0)
    assert (pooled.cases, pooled.scores, pooled.undefined) == (2, 4, 2)


def test_what_was_not_scored_is_nothing_and_not_undefined() -> None:
    assert mean_over_cases([case_row("a", "A")], "tumor_dice") is None
    assert dice_of_all_voxels([case_row("a", "A")], "tumor_") is None
    assert share_over_seeds([case_row("a", "A")], "lesions_detected", "lesions_true") is None


def test_one_case_has_no_standard_deviation() -> None:
    pooled = mean_over_cases([case_row("a", "A", tumor_dice=0.4)], "tumor_dice")
    assert pooled is not None
    assert pooled.sd is None


def test_global_dice_pools_voxels_of_each_seed() -> None:
    """Seed 0: 2*90 / (2*90 + 10 + 20) = 180/210. Seed 1, other parts together: 2*50 / (2*50 + 100) = 0.5."""
    rows = [
        counted("A", (80, 10, 10, 1000), seed=0),
        counted("B", (10, 0, 10, 1000), seed=0),
        counted("A", (40, 60, 20, 1000), seed=1, part=0),
        counted("B", (10, 10, 10, 1000), seed=1, part=1),
    ]
    pooled = dice_of_all_voxels(rows, "tumor_")
    assert pooled is not None
    assert pooled.mean == pytest.approx((180 / 210 + 0.5) / 2)
    assert pooled.sd == pytest.approx(abs(180 / 210 - 0.5) / math.sqrt(2))
    assert pooled.cases == 2


def test_lesions_of_all_cases_are_pooled() -> None:
    """1 of 4, 3 of 4 and 1 of 1 are 5 of 9; the mean of their shares would be 2/3."""
    rows = [
        case_row("a", name, lesions_detected=hit, lesions_true=of)
        for name, hit, of in (("A", 1, 4), ("B", 3, 4), ("C", 1, 1))
    ]
    pooled = share_over_seeds(rows, "lesions_detected", "lesions_true")
    assert pooled is not None
    assert pooled.mean == pytest.approx(5 / 9)
    empty = share_over_seeds(
        [case_row("a", "A", lesions_detected=0, lesions_true=0)], "lesions_detected", "lesions_true"
    )
    assert empty is not None
    assert math.isnan(empty.mean)
    assert empty.undefined == 1


def matched(case: str, number: int, assd: float, seed: int = 0, part: int = 0) -> dict[str, str]:
    return case_row("a", case, seed=seed, part=part, lits_matched=number, lits_assd_mm=assd, lits_lesions=4)


def test_distances_of_lits_are_means_over_matched_lesions_of_all_cases() -> None:
    """Seed 0: 3 lesions of 1 mm and 1 of 5 mm, none of C: 8 / 4. Seed 1: 2 of 3 mm. Mean of 2 and 3."""
    rows = [
        matched("A", 3, 1.0),
        matched("B", 1, 5.0),
        matched("C", 0, math.nan),
        matched("A", 2, 3.0, seed=1),
        matched("B", 0, math.nan, seed=1),
    ]
    pooled = mean_of_matched(rows, "lits_assd_mm")
    assert pooled is not None
    assert (pooled.mean, pooled.sd) == pytest.approx((2.5, math.sqrt(0.5)))
    nothing = mean_of_matched([matched("C", 0, math.nan)], "lits_assd_mm")
    assert nothing is not None
    assert math.isnan(nothing.mean)
    assert mean_of_matched([case_row("a", "A", tumor_dice=0.5)], "lits_assd_mm") is None


def test_folds_are_averaged_as_a_paper_of_five_folds_does() -> None:
    """Fold 0 has A to C with mean 0.4, fold 1 only D with 0.8: over folds 0.6, over cases 0.5."""
    rows = [
        case_row("a", case, part=part, tumor_dice=dice)
        for case, part, dice in (("A", 0, 0.3), ("B", 0, 0.4), ("C", 0, 0.5), ("D", 1, 0.8))
    ]

    def pool(some):
        return mean_over_cases(some, "tumor_dice")

    folds = over_folds(rows, pool)
    assert folds is not None
    assert (folds.mean, folds.sd, folds.folds) == (pytest.approx(0.6), pytest.approx(0.2 * math.sqrt(2)), 2)
    pooled = pool(rows)
    assert pooled is not None
    assert pooled.mean == pytest.approx(0.5)
    assert over_folds(rows[:3], pool) is None
