"""Second look at each candidate: its probability of being a lesion, and which candidates are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.lesion_classifier import LesionClassifier
from LiverTumorAttentionLib.postprocessing.candidate_features import (
    FEATURE_NAMES,
    CandidateVolumes,
)
from LiverTumorAttentionLib.voxels.labels import BACKGROUND, FIRST_TUMOR, LIVER, tumor_value
from LiverTumorAttentionLib.voxels.morphology import Mask


@dataclass(frozen=True, kw_only=True)
class JudgedCandidates:
    """Candidates after the second look.

    instances: 0 background, 1 liver, 2, 3, … one value a candidate that is kept, in their former order.
    probabilities: the lesion probability of each that is kept, by its new number 1, 2, …
    dropped: the lesion probability of each that is not, by its number before.
    """

    instances: NDArray[np.uint16]
    probabilities: dict[int, float]
    dropped: dict[int, float]


def judge_candidates(
    volumes: CandidateVolumes,
    features: Mapping[int, Mapping[str, float]],
    classifier: LesionClassifier,
    threshold: float,
) -> JudgedCandidates:
    """Return the candidates that reach a threshold of the lesion probability, and the probability of each.

    features: of each candidate, by its number. threshold: a candidate is kept from this probability on. Raises
    `ModelError` where the classifier asks for a feature that is not known here.
    """
    check_features(classifier)
    found = {number: classifier.probability(features[number]) for number in features}
    kept = [number for number, probability in found.items() if probability >= threshold]
    return JudgedCandidates(
        instances=with_candidates(volumes.instances, volumes.liver, kept),
        probabilities={new: found[old] for new, old in enumerate(kept, start=1)},
        dropped={number: probability for number, probability in found.items() if number not in kept},
    )


def check_features(classifier: LesionClassifier) -> None:
    """Raise `ModelError` where a classifier asks for a feature that is not known here."""
    unknown = [name for name in classifier.features if name not in FEATURE_NAMES]
    if unknown:
        raise ModelError(
            f"model.json: candidates: the feature {unknown[0]!r} is not known to this version: get the model and "
            "LiverTumorAttention in versions that fit each other"
        )


def with_candidates(
    instances: NDArray[np.integer[Any]], liver: Mask, kept: Collection[int]
) -> NDArray[np.uint16]:
    """Return instances with some candidates alone, renumbered in the order of their numbers.

    liver: (z, y, x), the organ before candidates at its rim became part of it: what a dropped candidate covered is
    liver where it is, background elsewhere. kept: numbers, counted from 1.
    """
    values = np.zeros(int(instances.max(initial=0)) + 1, dtype=np.uint16)
    values[LIVER : LIVER + 1] = LIVER
    for new, old in enumerate(sorted(kept), start=1):
        values[tumor_value(old)] = tumor_value(new)
    result = values[instances]
    lost = (instances >= FIRST_TUMOR) & (result == BACKGROUND) & liver
    result[lost] = LIVER
    return result
