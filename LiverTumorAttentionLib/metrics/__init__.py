"""Segmentation metrics: overlap, surface distances and lesion detection, in physical units."""

from LiverTumorAttentionLib.metrics.evaluate import evaluate_labels
from LiverTumorAttentionLib.metrics.evaluation import Evaluation, LabelScores
from LiverTumorAttentionLib.metrics.labels import DEFAULT_LABELS, parse_labels
from LiverTumorAttentionLib.metrics.lesions import Components, LesionRow, LesionScores, match_lesions
from LiverTumorAttentionLib.metrics.lits import (
    LitsLesions,
    LitsPair,
    LitsScores,
    match_as_lits,
    score_as_lits,
)
from LiverTumorAttentionLib.metrics.overlap import Confusion, confusion, dice_global, dice_per_case
from LiverTumorAttentionLib.metrics.slices import SliceScores, score_slices, slice_parts
from LiverTumorAttentionLib.metrics.surface import SurfaceDistances, surface_distances

__all__ = [
    "DEFAULT_LABELS",
    "Components",
    "Confusion",
    "Evaluation",
    "LabelScores",
    "LesionRow",
    "LesionScores",
    "LitsLesions",
    "LitsPair",
    "LitsScores",
    "SliceScores",
    "SurfaceDistances",
    "confusion",
    "dice_global",
    "dice_per_case",
    "evaluate_labels",
    "match_as_lits",
    "match_lesions",
    "parse_labels",
    "score_as_lits",
    "score_slices",
    "slice_parts",
    "surface_distances",
]
