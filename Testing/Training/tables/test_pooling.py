"""From scores of cases to numbers of a table, by hand."""

from __future__ import annotations

import math

import pytest

from Testing.Training.tables.made_scores import case_row
from training.tables.pooling import (
    by_case,
    dice_of_all_voxels,
    mean_over_cases,
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
