"""From collected candidates to candidates.json, which `export` puts into a model, and what shows how good it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.lesion_classifier import OPERATING_POINTS, LesionClassifier
from LiverTumorAttentionLib.models import DataSource
from LiverTumorAttentionLib.models.candidate_network import CandidateNetworkDescription
from training.candidates.collect import CaseCandidates, CollectionSettings, run_with
from training.candidates.fit import Fitted, Samples, fit
from training.candidates.froc import Cohort, froc, write_froc
from training.candidates.operating_points import choose
from training.candidates.reliability import Reliability, draw
from training.candidates.train_network import TrainedNetwork
from training.data.layouts.files import read_json

CLASSIFIER_FILE, PICTURE_FILE, FROC_FILE = "candidates.json", "reliability.png", "froc.csv"
COMMAND = "python -m training candidates"
PHANTOM = "phantom"
"""Source of cases that are of no patient."""
OF_THE_CASE = frozenset({"slice_spacing_mm", "liver_hu", "liver_volume_ml"})
"""Features that all candidates of a case share. They are collected, but the classifier does not get them: of few scans
they tell which cohort a case is of, and so how many lesions to expect."""


@dataclass(frozen=True, kw_only=True)
class ClassifierFile:
    """The content of candidates.json."""

    weights: tuple[str, ...]
    """SHA-256 of the weights of each stage of the model whose candidates it was fitted on."""
    postprocessing: dict[str, float]
    """How these candidates were found; the model that gets the classifier finds them likewise."""
    candidates: LesionClassifier
    """The block of `model.json`."""
    run_with: tuple[str, ...] = ()
    """Pixels and scales that each stage was run with, in words; () in files of before that was told."""
    candidate_network: CandidateNetworkDescription | None = None
    """Likewise, of the network whose weights lie beside this file; None without."""
    sources: tuple[DataSource, ...] = ()
    """What curves and network were made from; () in files of before that was told."""

    @classmethod
    def read(cls, path: Path) -> ClassifierFile:
        """Read the file. Raises `InputError` or `ModelError` for what is missing or damaged."""
        return from_mapping(cls, read_json(path), where=f"'{path}'")


def samples_of(cases: Sequence[CaseCandidates], features: Sequence[str]) -> Samples:
    """Return the candidates of all cases as numbers, case by case."""
    rows = [(case, candidate) for case in cases for candidate in case.candidates]
    values = [
        [np.nan if (value := candidate.features.get(name)) is None else float(value) for name in features]
        for _, candidate in rows
    ]
    return Samples(
        features=np.array(values, float).reshape(len(rows), len(features)),
        names=tuple(features),
        truth=np.array([candidate.is_lesion for _, candidate in rows], bool),
        groups=np.array([case.patient for case, _ in rows], str),
    )


def build(
    cases: Sequence[CaseCandidates],
    settings: CollectionSettings,
    folder: Path,
    *,
    folds: int = 5,
    network: TrainedNetwork | None = None,
    sources: Sequence[DataSource] = (),
) -> ClassifierFile:
    """Fit the classifier and write candidates.json, reliability.png and froc.csv; return the former's content.

    network: of the second look, whose weights lie there. sources: of all cases.

    Raises `InputError` for too few candidates, `OutputError`.
    """
    samples = samples_of(cases, [name for name in settings.features if name not in OF_THE_CASE])
    fitted = fit(samples, folds=folds)
    points = choose(fitted.probabilities, samples.truth, len(cases))
    thresholds = {name: getattr(points, name).threshold for name in OPERATING_POINTS}
    classifier = LesionClassifier(
        curves=fitted.model.curves,
        intercept=fitted.model.intercept,
        calibration=fitted.calibration,
        operating_points=points,
        averaging=settings.averaging,
        measured={
            **_measured(cases, samples, fitted, thresholds),
            **({} if network is None else {"network": network.trained_on}),
        },
    )
    content = ClassifierFile(
        weights=settings.weights,
        postprocessing=settings.postprocessing,
        candidates=classifier,
        run_with=settings.run_with,
        candidate_network=None if network is None else network.description,
        sources=tuple(sources),
    )
    draw(folder / PICTURE_FILE, fitted.probabilities, samples.truth, thresholds)
    write_froc(folder / FROC_FILE, _by_cohort(cases, fitted.probabilities))
    with replacing(folder / CLASSIFIER_FILE, name="classifier") as temporary:
        temporary.write_text(json.dumps(asdict(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return content


def _measured(
    cases: Sequence[CaseCandidates], samples: Samples, fitted: Fitted, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Return what the classifier was fitted on and how well it did on patients that were left out."""
    probabilities, truth = fitted.probabilities, samples.truth
    return {
        "command": COMMAND,
        "note": f"of patients left out of the curves, in {fitted.folds} folds; calibration and thresholds are of all",
        "patients": len({case.patient for case in cases}),
        "real_patients": len({case.patient for case in cases if case.source != PHANTOM}),
        "area_under_roc": _rounded(area_under_roc(probabilities, truth)),
        "expected_calibration_error": _rounded(
            Reliability.of(probabilities, truth).expected_calibration_error
        ),
        "brier_score": _rounded(float(np.mean((probabilities - truth) ** 2))),
        "penalty": fitted.penalty,
        "cohorts": {
            name: _cohort(some, of_some, thresholds)
            for name, (some, of_some) in _by_cohort(cases, probabilities).items()
        },
    }


def _by_cohort(cases: Sequence[CaseCandidates], probabilities: NDArray[np.float64]) -> dict[str, Cohort]:
    """Return the cases of each cohort, by its name in a model, with the probabilities of their candidates."""
    names = _names(cases)
    owners = np.array([name for case, name in zip(cases, names, strict=True) for _ in case.candidates], str)
    return {
        name: (
            [case for case, own in zip(cases, names, strict=True) if own == name],
            probabilities[owners == name],
        )
        for name in dict.fromkeys(names)
    }


def _names(cases: Sequence[CaseCandidates]) -> list[str]:
    """Return what a model calls the cohort of each case: its source, else a number; no name of a folder."""
    order = list(dict.fromkeys(case.cohort for case in cases))
    return [case.source or f"cohort {order.index(case.cohort) + 1}" for case in cases]


def _cohort(
    cases: Sequence[CaseCandidates], probabilities: NDArray[np.float64], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Return how many lesions of a cohort are found and how many false findings are left, at each operating point."""
    lesions = sum(len(case.lesions_mm) for case in cases)
    values: dict[str, Any] = {
        "cases": len(cases),
        "lesions": lesions,
        "candidates": len(probabilities),
    }
    curve = list(froc(cases, probabilities))
    for name, threshold in {"all candidates": 0.0, **thresholds}.items():
        above = [(found, false) for at, found, false in curve if at >= threshold]
        found, false = above[-1] if above else (0, 0)
        values[name] = {
            "lesion_recall": _rounded(found / lesions) if lesions else None,
            "false_findings_per_case": _rounded(false / len(cases)),
        }
    return values


def area_under_roc(probabilities: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the share of pairs of a lesion and another candidate in which the lesion has the higher probability.

    A tie counts half. Source: Hanley, McNeil, Radiology 1982.
    """
    others = np.sort(probabilities[~truth])
    below = np.searchsorted(others, probabilities[truth], side="left")
    not_above = np.searchsorted(others, probabilities[truth], side="right")
    return float((below + not_above).mean() / (2 * len(others)))


def check_weights(
    content: ClassifierFile, weights: Sequence[str], stages: Sequence[Mapping[str, Any]]
) -> None:
    """Raise `InputError` where a classifier was fitted on candidates of other weights, pixels or scales than a model's.

    stages: as `model.json` has them.
    """
    own = tuple(run_with(stage) for stage in stages)
    if content.run_with and content.run_with != own:
        raise InputError(
            f"the candidates were found with {' and '.join(content.run_with)} and the model has {' and '.join(own)}: "
            f"export with the same --pixels and --scales as the model that `{COMMAND}` was run on"
        )
    if tuple(weights) != content.weights:
        raise InputError(
            "the candidates are of other weights than those that are exported: export the model without them, run "
            f"`{COMMAND}` on that, and export again with what it writes"
        )


def _rounded(value: float) -> float:
    return round(value, 4)
