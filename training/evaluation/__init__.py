"""Evaluation of runs on whole cases, segmented by the library's inference."""

from training.evaluation.run_evaluation import EvaluationOptions, evaluate_runs
from training.evaluation.score_case import score_labels
from training.evaluation.score_files import CaseScores, ScoreFiles
from training.evaluation.segment import CoarseLiver

__all__ = [
    "CaseScores",
    "CoarseLiver",
    "EvaluationOptions",
    "ScoreFiles",
    "evaluate_runs",
    "score_labels",
]
