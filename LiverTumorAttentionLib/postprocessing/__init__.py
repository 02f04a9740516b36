"""Postprocessing of probabilities to a liver mask and tumor instances, and the second look at each of these."""

from LiverTumorAttentionLib.postprocessing.candidate_features import (
    FEATURES,
    SURROUNDINGS_MM,
    CandidateCase,
    CandidateVolumes,
    Feature,
    candidate_boxes,
    candidate_features,
)
from LiverTumorAttentionLib.postprocessing.candidate_patches import PatchVolumes
from LiverTumorAttentionLib.postprocessing.dense_neighbors import without_dense_neighbors
from LiverTumorAttentionLib.postprocessing.lesion_probability import (
    JudgedCandidates,
    check_features,
    judge_candidates,
    with_candidates,
)
from LiverTumorAttentionLib.postprocessing.segmentation import (
    PostprocessingSettings,
    instances_from_probability,
    liver_from_candidates,
    liver_from_probability,
)

__all__ = [
    "FEATURES",
    "SURROUNDINGS_MM",
    "CandidateCase",
    "CandidateVolumes",
    "Feature",
    "JudgedCandidates",
    "PatchVolumes",
    "PostprocessingSettings",
    "candidate_boxes",
    "candidate_features",
    "check_features",
    "instances_from_probability",
    "judge_candidates",
    "liver_from_candidates",
    "liver_from_probability",
    "with_candidates",
    "without_dense_neighbors",
]
