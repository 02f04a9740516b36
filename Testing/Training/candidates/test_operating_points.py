"""Operating points of probabilities that are few enough to be counted."""

from __future__ import annotations

import numpy as np

from training.candidates.operating_points import Sweep, choose

LESIONS = np.array(
    [0.99, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.55, 0.5, 0.45, 0.42, 0.4, 0.38, 0.36, 0.34, 0.32, 0.3]
)
OTHERS = np.array([0.92, 0.65, 0.52, 0.41, 0.39, 0.25, 0.2, 0.15, 0.1, 0.05])
BOTH = np.concatenate([LESIONS, OTHERS])
TRUTH = np.arange(len(BOTH)) < len(LESIONS)


def kept(threshold: float) -> tuple[int, int]:
    return int((threshold <= LESIONS).sum()), int((threshold <= OTHERS).sum())


def test_each_point_is_what_it_says() -> None:
    points = choose(BOTH, TRUTH, cases=10)
    # 95 % of 18 are 17.1, so all are kept; a threshold above 0.30 loses one.
    assert kept(points.sensitive.threshold) == (18, 5)
    assert points.sensitive.kept_lesions == 1.0
    # At most 5 false findings: the best F1 of all thresholds keeps all lesions: 36 / 41.
    assert points.balanced.threshold == points.sensitive.threshold
    # At most 1 false finding.
    assert kept(points.specific.threshold) == (7, 1)
    assert points.specific.false_findings_per_case == 0.1


def test_a_limit_of_false_findings_counts_before_f2() -> None:
    points = choose(BOTH, TRUTH, cases=4)
    # Two false findings at most: of 0.92, 0.65 the threshold below 0.55 that leaves 0.52 out keeps nine lesions.
    assert kept(points.balanced.threshold) == (9, 2)
    assert points.balanced.false_findings_per_case == 0.5
    assert kept(points.specific.threshold) == (2, 0)
    assert points.sensitive.threshold < points.balanced.threshold < points.specific.threshold


def test_one_threshold_serves_all_where_candidates_are_told_apart() -> None:
    points = choose(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False]), cases=100)
    assert points.sensitive.threshold <= points.balanced.threshold <= points.specific.threshold
    assert points.specific.kept_lesions == 1.0


def test_where_no_threshold_leaves_few_enough_nothing_is_kept() -> None:
    points = choose(np.array([0.5, 1.0, 1.0]), np.array([True, False, False]), cases=1)
    assert points.specific.false_findings_per_case == 2.0  # 1 is the largest probability there is


def test_the_sweep_counts() -> None:
    sweep = Sweep.of(BOTH, TRUTH, cases=2)
    assert sweep.thresholds[0] == 0.0
    assert (sweep.kept[0], sweep.false_per_case[0]) == (1.0, 5.0)
    for place, threshold in enumerate(sweep.thresholds):
        hits, false = kept(threshold)
        assert sweep.kept[place] == hits / 18
        assert sweep.f2[place] == 5 * hits / (hits + false + 4 * 18)
    assert (np.diff(sweep.kept) <= 0).all()
