"""Pictures of the cases that a run does worst on: planes with both outlines, and the surface distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import read_volume
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.pictures.png import write_png
from LiverTumorAttentionLib.pictures.preview import compose_preview
from LiverTumorAttentionLib.progress import Progress
from training.data.layouts.reading import read_case
from training.data.preparation.manifest import Manifest
from training.evaluation.columns import Row
from training.evaluation.run_evaluation import labels_path
from training.evaluation.score_case import FOUND_BY, LABELS
from training.figures.surface_distance import render_surface_distance
from training.runs.run_folder import Run, run_name
from training.tables.scores import Scores, number


def worst_rows(scores: Scores, run: Run, count: int) -> list[Row]:
    """Return the rows of the cases with the lowest Dice of a run, the worst first; cases without tumor are left out.

    Of a run that finds the liver alone, it is the liver's Dice. Raises `InputError` where there is none.
    """
    of = FOUND_BY[run.recipe.stage.name][-1]
    rows = [row for row in scores.cases if row["run"] == run_name(run.folder)]
    rows = [row for row in rows if row[f"{of}_empty"] not in ("truth", "both")]
    ranked = [(number(row, f"{of}_dice"), row) for row in rows]
    defined = [(value, row) for value, row in ranked if value is not None and not math.isnan(value)]
    if not defined:
        raise InputError(
            f"the scores hold no case with {of} of the run '{run.folder}': give those that `evaluate` wrote for it"
        )
    return [row for _, row in sorted(defined, key=lambda pair: (pair[0], pair[1]["case"]))[:count]]


def draw_worst_cases(
    folder: Path, scores: Scores, runs: Sequence[Path], labels: Path, count: int, progress: Progress
) -> list[Path]:
    """Write the pictures of the worst cases of each run into a folder; return their paths.

    labels: the folder of `evaluate --save-labels`. Raises `InputError` for what is missing.
    """
    chosen = [(run, row) for run in map(Run.read, runs) for row in worst_rows(scores, run, count)]
    written: list[Path] = []
    for place, (run, row) in enumerate(chosen):
        progress.update(place / len(chosen), row["case"])
        of = FOUND_BY[run.recipe.stage.name][-1]
        source = Manifest.read(run.prepared).source(row["case"])
        case = read_case(source, arterial=False)
        path = labels_path(labels, run, row["case"])
        if not path.is_file():
            raise InputError(
                f"the label map {path} is missing: run evaluate with --save-labels {labels} first"
            )
        found = read_volume(path, name="label map")
        name = f"{run.folder.name}-{row['case']}"
        title = f"{row['case']}, {run.recipe.name}: Dice of the {of} {number(row, f'{of}_dice'):.2f}"
        pictures = {f"{name}-planes.png": compose_preview(case.portal, found, truth=case.labels)}
        values = LABELS[of]
        if np.isin(sitk.GetArrayViewFromImage(found), values).any():
            pictures[f"{name}-surface.png"] = render_surface_distance(found, case.labels, values, title)
        for file, picture in pictures.items():
            with replacing(folder / file, name="picture") as temporary:
                write_png(temporary, picture)
            written.append(folder / file)
    return written
