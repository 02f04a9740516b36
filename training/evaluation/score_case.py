"""Evaluation of one test case of one run."""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.inference import TumorStage, choose_device
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.metrics import Evaluation, evaluate_labels, score_slices
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from training.data.case import SourceCase
from training.data.layouts.reading import LoadedCase, read_case
from training.data.preparation.arterial import onto_portal
from training.data.preparation.manifest import Manifest
from training.evaluation.columns import (
    CASE_COLUMNS,
    FACTS,
    LESION_COLUMNS,
    RUN,
    SLICE_COLUMNS,
    lesion_values,
    lits_values,
    object_values,
    overlap_values,
    row_of,
)
from training.evaluation.discrimination import discrimination
from training.evaluation.lesions import lesion_rows
from training.evaluation.score_files import CaseScores
from training.evaluation.segment import CoarseLiver, run_stage, segment
from training.runs.run_folder import Run, run_name

LABELS = {"liver": (LIVER, TUMOR), "tumor": (TUMOR,)}
"""The liver includes its tumors, as in LiTS."""
FOUND_BY = {"liver": ("liver",), "tumor": ("tumor",), "liver_and_tumor": ("liver", "tumor")}
"""What each stage is scored for."""


@dataclass(frozen=True, kw_only=True)
class CaseTask:
    """What is to be done; it can be handed to another process."""

    run: Path
    prepared: Path
    """Folder whose manifest has the case's files and the registration of its phases."""
    case: str
    how: tuple[tuple[str, str], ...]
    """The columns that say how it is scored, and their values."""
    liver: CoarseLiver
    device: str
    threads: int | None
    """Threads of torch; None leaves them as they are."""
    labels: Path | None
    """File that the label map is written to."""

    @property
    def key(self) -> tuple[str, str]:
        """The run and the case, as in the rows."""
        return run_name(self.run), self.case


def score_case(task: CaseTask) -> CaseScores:
    """Segment the case as it came from its data set, and score the label map. Raises `InputError`."""
    if task.threads is not None:
        import torch

        torch.set_num_threads(task.threads)
    run, manifest = Run.read(task.run), _manifest(task.prepared)
    source = manifest.source(task.case)
    two_phase = "arterial" in run.recipe.stage.phases
    loaded = read_case(source, arterial=two_phase)
    arterial = _registered(loaded, manifest, task.case) if two_phase else None
    stage = run_stage(task.run, task.device)
    begun = time.perf_counter()
    coarse = None
    if isinstance(stage, TumorStage):
        coarse = task.liver.mask(loaded.portal, loaded.labels, task.device)
    wanted = run.recipe.evaluation
    segmented = segment(stage, loaded.portal, arterial, coarse, wanted.keep, wanted.tumor_threshold)
    seconds = time.perf_counter() - begun
    if task.labels is not None:
        _write(segmented.labels, task.labels)
    found: dict[str, Any] = {
        "parameters": sum(parameter.numel() for parameter in stage.network.parameters()),
        "device": choose_device(task.device).describe(),
        "seconds": round(seconds, 2),
    }
    if segmented.tumor is not None:
        found |= discrimination(segmented.tumor, loaded.labels).to_columns()
    return score_labels(segmented.labels, loaded.labels, run, source, {**dict(task.how), **found})


def score_labels(
    labels: sitk.Image, truth: sitk.Image, run: Run, source: SourceCase, values: dict[str, Any]
) -> CaseScores:
    """Return the rows of a case: the scores of `evaluate_labels`, of its lesions and of its slices.

    labels, truth: 0 background, 1 liver, 2 tumor, on one grid in LPS order. values: further columns of the case.
    """
    names = FOUND_BY[run.recipe.stage.name]
    evaluation = evaluate_labels(labels, truth, {name: LABELS[name] for name in names}, lits=True)
    same = _same(run, source.name)
    case = {**same, **_facts(source), **_spacing(truth), **_scores(evaluation), **values}
    if evaluation.lesions is None:
        return CaseScores(case=row_of(CASE_COLUMNS, case))
    lesions = lesion_rows(source, truth, evaluation.lesions)
    return CaseScores(
        case=row_of(CASE_COLUMNS, case),
        lesions=[row_of(LESION_COLUMNS, {**same, **lesion}) for lesion in lesions],
        slices=[
            row_of(SLICE_COLUMNS, {**same, "tumor_type": source.facts.get("tumor_type"), **values})
            for values in _slices(labels, truth)
        ],
    )


def _registered(loaded: LoadedCase, manifest: Manifest, name: str) -> sitk.Image | None:
    """Return the arterial volume on the portal grid, as it was prepared for training; None without one."""
    transform = manifest.registration(name)
    if transform is None or loaded.arterial is None:
        return None
    return onto_portal(loaded.arterial, loaded.portal, transform)


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    values = {}
    for name, scores in evaluation.labels.items():
        values.update(object_values(name, scores))
    liver = evaluation.labels.get("liver")
    values.update(lits_values(evaluation.lits_lesions, None if liver is None else liver.lits))
    return values if evaluation.lesions is None else {**values, **lesion_values(evaluation.lesions)}


def _slices(labels: sitk.Image, truth: sitk.Image) -> list[dict[str, Any]]:
    rows = score_slices(
        sitk.GetArrayViewFromImage(labels) == TUMOR, sitk.GetArrayViewFromImage(truth) == TUMOR
    )
    return [
        {
            "slice": row.number,
            "position": row.part,
            **overlap_values(row.confusion),
            "hd_px": row.hausdorff_px,
        }
        for row in rows
    ]


def _same(run: Run, case: str) -> dict[str, Any]:
    values = (run_name(run.folder), run.recipe.name, run.part, run.seed, case)
    return dict(zip(RUN, values, strict=True))


def _facts(source: SourceCase) -> dict[str, str]:
    columns = {name: source.facts[name] for name in FACTS if name in source.facts}
    others = {name: value for name, value in sorted(source.facts.items()) if name not in FACTS}
    return {
        **columns,
        "patient": source.patient or source.name,
        "facts": json.dumps(others) if others else "",
    }


def _spacing(image: sitk.Image) -> dict[str, float]:
    x, y, z = image.GetSpacing()
    return {"spacing_z_mm": z, "spacing_y_mm": y, "spacing_x_mm": x}


def _write(labels: sitk.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, name="label map") as temporary:
        sitk.WriteImage(labels, str(temporary), useCompression=True)


@functools.lru_cache(maxsize=4)
def _manifest(folder: Path) -> Manifest:
    return Manifest.read(folder)
