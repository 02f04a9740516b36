"""Export of runs to a model: its stages, and the provenance of their weights."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.csv_file import read_csv
from LiverTumorAttentionLib.models.description import STAGE_ORDERS, ModelDescription
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.wording import counted
from training.candidates.build import ClassifierFile
from training.candidates.network_file import network_content
from training.data.sources import check_licence, licence_for
from training.evaluation.assessment_figures import interval
from training.evaluation.assessment_summary import figures_of
from training.evaluation.columns import OVERLAP
from training.evaluation.run_evaluation import is_changed
from training.evaluation.segment import settings_at
from training.export.card import CardText, card_values, merged, read_card_text, sources_used
from training.export.kept_stages import KeptStage, RunAs, kept_stages
from training.export.model_folder import NOT_CLINICAL, TrainedStage, check_new, weights_digests, write_model
from training.recipes.recipe import recipe_names, to_values
from training.runs.checkpoint import read_weights
from training.runs.run_folder import Run
from training.tables.select import shows

INTENDED_USE = (
    "Research: to reproduce and to compare. "
    "It was not tested for decisions about patients and must not guide any."
)
TUMOR_STAGE = "tumor"
SURFACE = ("assd_mm", "hd_mm", "hd95_mm")
SUMMED_UP = (
    *(f"{name}_{metric}" for name in ("liver", "tumor") for metric in (*OVERLAP, *SURFACE)),
    "lesion_recall",
    "lesion_precision",
)
"""Columns of `evaluate` whose means are recorded in a model."""


def export_runs(
    folders: Sequence[Path],
    output: Path,
    *,
    identity: Mapping[str, str] | None = None,
    scores: Path | None = None,
    assessment: Path | None = None,
    postprocessing: Mapping[str, float] | None = None,
    card: Path | None = None,
    candidates: Path | None = None,
    keep: str | None = None,
    run_as: Mapping[str, RunAs] | None = None,
    half: bool = True,
) -> ModelDescription:
    """Write the model of one run that finds liver and tumors, or of one run for each; return its description.

    folders: of the runs; none where all stages are kept.
    keep: a model, by id or path, whose stage is taken as it is where no run trains it. run_as: by name of a kept stage
    how it is run, where that is another way than it was trained for.
    output: a new folder, or a .zip. identity: id, title, version, licence, statement and intended_use, where they are
    not to be the recipe's and ours. scores: the CSV of `evaluate`. assessment: the folder of
    `assess`, with rows of these weights. card: YAML with never_seen and known_failures; the sources, and the licence
    that they ask for, are gathered from the prepared cases. postprocessing, half: as in `write_model`.
    candidates: candidates.json of the command `candidates`; its postprocessing counts before the other.
    Raises `InputError`, `ModelError` or `OutputError`; then nothing is written.
    """
    check_new(output)
    classifier = None if candidates is None else ClassifierFile.read(candidates)
    runs = [Run.read(folder) for folder in folders]
    names = [run.recipe.stage.name for run in runs]
    kept = [] if keep is None else kept_stages(keep, names, run_as or {})
    order = _stage_order([*(run.recipe.stage.name for run in runs), *(stage.name for stage in kept)])
    runs.sort(key=lambda run: order.index(run.recipe.stage.name))
    text = CardText() if card is None else read_card_text(card)
    of_kept = [source for stage in kept for source in stage.sources]
    sources = merged([*sources_used(runs), *of_kept, *(classifier.sources if classifier else ())])
    own = identity_of(runs) if runs else kept[0].identity
    chosen = {**own, "licence": licence_for(sources), **(identity or {})}
    check_licence(chosen["licence"], sources)
    found = {stage.name: (stage.trained, stage.provenance) for stage in kept}
    for run in runs:
        weights, about = read_weights(run.weights)
        trained = TrainedStage(description=_stage(run), weights=weights)
        found[run.recipe.stage.name] = trained, {**provenance_of(run), "kept": about}
    stages = [found[name][0] for name in order]
    provenance = {name: found[name][1] for name in order}
    measured = {} if scores is None else summary_of(scores, runs)
    network = None if classifier is None else classifier.candidate_network
    of_look = [] if network is None else [network.sha256]
    if assessment is not None:
        measured["assessed"] = {
            "command": "python -m training assess",
            **figures_of(assessment, [*weights_digests(stages, half=half), *of_look]),
        }
    return write_model(
        output,
        stages,
        identity=chosen,
        training={"command": commands_of(runs, keep), "runs": provenance},
        scores=measured,
        postprocessing={
            **(_threshold(runs, kept) if runs else kept[0].postprocessing),
            **(postprocessing or {}),
            **(classifier.postprocessing if classifier else {}),
        },
        candidates=classifier,
        candidate_weights=_network_weights(candidates, classifier),
        card=card_values(sources, text),
        half=half,
    )


def _network_weights(path: Path | None, classifier: ClassifierFile | None) -> bytes:
    if path is None or classifier is None or classifier.candidate_network is None:
        return b""
    return network_content(path.parent, classifier.candidate_network)


def summary_of(path: Path, runs: Sequence[Run]) -> dict[str, Any]:
    """Return the means of a CSV of `evaluate` with their 95 % intervals; undefined values are counted, not averaged.

    Cases without tumor are not in the means of tumors, where a healthy liver that is left as it is would count as 1.

    Raises `InputError` when it cannot be read, or holds scores of other weights than those of the runs.
    """
    rows = read_csv(path, "the scores", "give a table that `evaluate` wrote").rows()
    scored = {row.get("weights_sha256", "") for row in rows}
    known = {hashlib.sha256(run.weights.read_bytes()).hexdigest()[:16] for run in runs}
    if not rows or not scored <= known:
        raise InputError(
            f"the scores in {path} are of other weights than those of {', '.join(str(run.folder) for run in runs)}: "
            "evaluate these runs, and give that table"
        )
    means, intervals, undefined = {}, {}, {}
    for column in SUMMED_UP:
        shown = [row for row in rows if not column.startswith("tumor_") or shows(row, "tumor")]
        values = [(_number(row[column], column, path), row["case"]) for row in shown if row.get(column)]
        defined = [(value, case) for value, case in values if math.isfinite(value)]
        if defined:
            scores, cases = zip(*defined, strict=True)
            means[column] = round(sum(scores) / len(scores), 5)
            intervals[column] = [round(value, 5) for value in interval(scores, [1.0] * len(scores), cases)]
        if len(defined) < len(values):
            undefined[column] = len(values) - len(defined)
    return {
        "command": "python -m training evaluate",
        "cases": len({row["case"] for row in rows}),
        "mean": means,
        "interval_95": intervals,
        "undefined": undefined,
    }


def _number(text: str, column: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            f"{path}: {text[:80]!r} in the column {column!r} is no number: give a table that `evaluate` wrote"
        ) from error


def _stage_order(names: Sequence[str]) -> list[str]:
    """Return the names of stages in the order of a model. Raises `InputError` when they are no whole model."""
    for order in STAGE_ORDERS:
        if sorted(names) == sorted(order):
            return order
    raise InputError(
        f"a model is made of one run that finds liver and tumors, or of a run for each; got {', '.join(names)}: "
        "give the run of the missing stage too (each paper's recipe `liver` trains one), or keep that stage of a model"
    )


def _stage(run: Run) -> dict[str, Any]:
    """Return a run's stage as model.json has it; what is not set is left out."""
    stage: dict[str, Any] = to_values(run.recipe)["stage"]
    return {
        key: {k: v for k, v in value.items() if v is not None} if key in ("grid", "intensity") else value
        for key, value in stage.items()
        if value is not None
    }


def identity_of(runs: Sequence[Run]) -> dict[str, str]:
    """Return a model's identity where the user does not give it."""
    recipe, cases = runs[-1].recipe, len(runs[-1].training)
    other = recipe.name in recipe_names() and is_changed(recipe)
    by = f"{recipe.name}{' with other settings' if other else ''}"
    return {
        "id": re.sub(r"[^a-z0-9.-]+", "-", recipe.name.lower()).strip("-."),
        "title": f"{recipe.stage.network}, trained by {by} on {counted(cases, 'case')}",
        "version": "1",
        "statement": f"trained by the recipe {by} on {counted(cases, 'case')}, {NOT_CLINICAL}",
        "intended_use": INTENDED_USE,
    }


def _threshold(runs: Sequence[Run], kept: Sequence[KeptStage]) -> dict[str, float]:
    """Return the threshold of the stage that finds tumors, where it is not the usual one: as it was scored, or kept."""
    names = ("tumor_threshold", "minimum_peak_probability")
    of_tumor = [stage for stage in kept if stage.name == TUMOR_STAGE]
    if of_tumor:
        return {name: value for name, value in of_tumor[0].postprocessing.items() if name in names}
    chosen = settings_at(runs[-1].recipe.evaluation.tumor_threshold)
    usual = PostprocessingSettings()
    return {name: getattr(chosen, name) for name in names if getattr(chosen, name) != getattr(usual, name)}


def provenance_of(run: Run) -> dict[str, Any]:
    """Return the content of run.json, with the cases counted."""
    values = json.loads(json.dumps(run.values))
    values["cases"] = {kind: len(names) for kind, names in values["cases"].items()}
    values.pop("prepared", None)  # a local path is of no use to others
    return dict(values)


def commands_of(runs: Sequence[Run], keep: str | None = None) -> str:
    """Return the commands that made a model. keep: whose other stage it has."""
    train = [
        f"python -m training train --recipe {run.recipe.name} --part {run.part} --seed {run.seed}"
        for run in runs
    ]
    return "; ".join(
        [*train, f"python -m training export{'' if keep is None else ' --keep ' + Path(keep).name}"]
    )
