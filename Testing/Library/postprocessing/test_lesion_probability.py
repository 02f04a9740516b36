"""Candidates below a threshold of the lesion probability are dropped, the others keep their order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.lesion_classifier import LesionClassifier
from LiverTumorAttentionLib.postprocessing import (
    CandidateVolumes,
    JudgedCandidates,
    candidate_features,
    judge_candidates,
)
from Testing.Library.classifiers import by_size

SHAPE = (12, 60, 60)


def three_candidates() -> CandidateVolumes:
    """Cubes of 14, 8 and 4 voxels an edge; the middle one reaches out of the liver."""
    liver = np.zeros(SHAPE, bool)
    liver[:, 2:40, 2:58] = True
    instances = liver.astype(np.uint16)
    instances[0:12, 10:24, 5:19] = 2
    instances[2:10, 34:42, 30:38] = 3
    instances[4:8, 20:24, 50:54] = 4
    hu = np.where(liver, 100.0, 0.0)
    return CandidateVolumes(
        instances=instances,
        liver=liver,
        probability=(instances > 1) * 0.9,
        portal=hu,
        spacing_zyx_mm=(1, 1, 1),
    )


def judge(case: CandidateVolumes, rule: LesionClassifier, threshold: float) -> JudgedCandidates:
    return judge_candidates(case, candidate_features(case), rule, threshold)


def test_all_are_kept_at_a_low_threshold() -> None:
    case = three_candidates()
    judged = judge(case, by_size(10.0), 0.0)
    np.testing.assert_array_equal(judged.instances, case.instances)
    assert list(judged.probabilities) == [1, 2, 3]
    assert list(judged.probabilities.values()) == sorted(judged.probabilities.values(), reverse=True)
    assert judged.dropped == {}


def test_what_is_dropped_is_liver_again_where_there_was_liver() -> None:
    """Diameters of 16.4, 9.9 and 5.0 mm: the middle one is dropped by a rule that likes no middling ones."""
    case = three_candidates()
    rule = by_size(10.0)
    bent = replace(rule.curves[0], center=10.0, knots=(0.0,), weights=(-1.0, 2.0))  # |diameter - 10|
    judged = judge(case, replace(rule, curves=(bent,), intercept=-2.0), 0.5)
    expected = np.where(case.instances == 3, case.liver, case.instances)
    expected[expected == 4] = 3
    np.testing.assert_array_equal(judged.instances, expected)
    assert judged.instances.dtype == np.uint16
    assert judged.instances[5, 41, 33] == 0  # outside of the liver
    assert list(judged.probabilities) == [1, 2]
    assert list(judged.dropped) == [2]
    assert judged.dropped[2] < 0.5 < judged.probabilities[2]


def test_a_probability_at_the_threshold_is_kept() -> None:
    case = three_candidates()
    (first, *_) = judge(case, by_size(10.0), 0.0).probabilities.values()
    assert list(judge(case, by_size(10.0), first).probabilities) == [1]


def test_a_feature_of_another_version_is_refused() -> None:
    rule = by_size(10.0)
    unknown = replace(rule, curves=(replace(rule.curves[0], feature="colour"),))
    with pytest.raises(ModelError, match="the feature 'colour' is not known to this version"):
        judge(three_candidates(), unknown, 0.5)
