"""A model on what it was never trained on: held-out real slices, real volumes, phantoms of the reserved seeds.

Everything goes through the library's own pipeline. One row a slice, volume and phantom, one a lesion; each carries the
model's id and the first digits of its weights' SHA-256, so that several models stand side by side in the same files,
and a run goes on where it was stopped.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.io import making_folder, replacing
from LiverTumorAttentionLib.io.volumes import read_image
from LiverTumorAttentionLib.metrics import evaluate_labels
from LiverTumorAttentionLib.models import ModelPackage, find_model
from LiverTumorAttentionLib.phantoms import generate_phantom, write_phantom
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import CaseResult, segment_case
from LiverTumorAttentionLib.pipeline.stages import load_stages
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import TUMOR
from training.csv_file import read_csv
from training.data.case import SourceCase
from training.data.held_out import is_held_out
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case
from training.data.real_volumes import RealVolume, there

DRAWN_SEEDS = range(300, 320)
"""Phantoms with as many lesions as the draw gives them."""
FREE_SEEDS = range(320, 330)
"""Phantoms without any."""
SLICES_FOLDER = "msd-liver-slices"
DIGITS = 12
PARTS = ("slices", "volumes", "phantoms")
Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What is assessed, and where the rows go."""

    model: str
    """Id or path."""
    output: Path
    """Folder of the tables."""
    data: Path | None = None
    """Folder of the real data; None leaves them out."""
    parts: tuple[str, ...] = PARTS
    """Some of "slices", "volumes", "phantoms"."""
    phantom_size: str = "full"
    """As `generate_phantom` takes it."""
    seeds: tuple[int, ...] = (*DRAWN_SEEDS, *FREE_SEEDS)
    """Of the phantoms."""
    device: str = "auto"


def assess(assessment: Assessment, progress: Progress | None = None) -> int:
    """Add the missing rows of a model; return how many were added. Raises `InputError`, `OutputError`, `Cancelled`."""
    progress = progress or Progress()
    package = find_model(assessment.model)
    work = list(_work(assessment, package))
    added = 0
    with making_folder(assessment.output, name="folder of tables"):
        for number, (part, name, make) in enumerate(work):
            progress.update(number / len(work), name)
            path = assessment.output / f"{part}.csv"
            if any(
                row["case"] == name and (row["model"], row["weights"]) == identity(package)
                for row in read_rows(path)
            ):
                continue
            rows, lesions = make()
            _add(assessment.output / f"{part}-lesions.csv", package, name, lesions)
            _add(path, package, name, [rows])
            added += 1
    progress.update(1.0)
    return added


def identity(package: ModelPackage) -> tuple[str, str]:
    """Return a model's id and the first digits of the SHA-256 of each of its weights."""
    stages = package.description.stages
    return package.description.id, "+".join(stage.sha256[:DIGITS] for stage in stages)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a table; none where it does not exist yet."""
    if not path.is_file():
        return []
    return [*read_csv(path, "the table", "remove it, or give another folder").rows()]


def _add(path: Path, package: ModelPackage, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to a table, in place of those that the same model has for the case already."""
    model, weights = identity(package)
    kept: list[Mapping[str, Any]] = [
        row
        for row in read_rows(path)
        if (row["model"], row["weights"], row["case"]) != (model, weights, name)
    ]
    new = [{"model": model, "weights": weights, "case": name, **row} for row in rows]
    if not kept and not new:
        return
    with (
        replacing(path, name="table") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list((new or kept)[0]))
        writer.writeheader()
        writer.writerows([*kept, *new])


Made = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]


def _work(assessment: Assessment, package: ModelPackage) -> Iterable[tuple[str, str, Callable[[], Made]]]:
    """Yield (table, case, what makes its row and its lesions' rows)."""
    wanted, data = assessment.parts, assessment.data
    if data is None and not set(wanted) <= {"phantoms"}:
        raise InputError("slices and volumes are real data: say where they lie, or ask for phantoms alone")
    if data is not None and "slices" in wanted:
        for case in find_cases("msd_liver_slices", data / SLICES_FOLDER):
            if is_held_out(case.facts):
                yield "slices", case.name, partial(_slice, case, package, assessment.device)
    if data is not None and "volumes" in wanted:
        for volume in there(data):
            yield "volumes", volume.name, partial(_volume, volume, data, assessment)
    if "phantoms" in wanted:
        for seed in assessment.seeds:
            yield "phantoms", str(seed), partial(_phantom, seed, assessment)


def _slice(case: SourceCase, package: ModelPackage, device: str) -> Made:
    """Score the liver stage on one slice: its most probable class, without what the pipeline asks of a volume."""
    loaded = read_case(case)
    stages = load_stages(package, choose_device(device))
    probability = stages.liver.probabilities(loaded.portal, Progress())["liver"]
    found = sitk.GetArrayFromImage(resample_to_grid(probability, loaded.portal)) > 0.5
    truth = sitk.GetArrayFromImage(loaded.labels) > 0
    common, both = int((found & truth).sum()), int(found.sum() + truth.sum())
    area = float(np.prod(loaded.portal.GetSpacing()[:2])) / 100
    hu = sitk.GetArrayFromImage(loaded.portal)[truth]
    return {
        "patient": case.patient,
        "liver_cm2": round(float(truth.sum()) * area, 1),
        "liver_hu": round(float(np.median(hu))) if hu.size else "",
        "liver_dice": round(2 * common / both, 4) if both else 1.0,
        "over_cm2": round(float((found & ~truth).sum()) * area, 2),
        "under_cm2": round(float((truth & ~found).sum()) * area, 2),
    }, []


def _volume(volume: RealVolume, data: Path, assessment: Assessment) -> Made:
    """Segment a real volume; every finding gets a row, so that it can be looked at and named."""
    result, seconds = _segmented(
        data / volume.portal, None if volume.arterial is None else data / volume.arterial, assessment
    )
    dice: float | str = ""
    if volume.liver is not None:
        truth = read_image(data / volume.liver, "label map") == volume.liver_value
        labels = sitk.Cast(truth, sitk.sitkUInt8)
        labels.CopyInformation(result.portal)
        scores = evaluate_labels(sitk.Cast(result.instances > 0, sitk.sitkUInt8), labels, {"liver": (1,)})
        dice = round(scores.labels["liver"].confusion.dice, 4)
    instances = sitk.GetArrayViewFromImage(result.instances)
    hu = sitk.GetArrayViewFromImage(result.portal)
    liver = hu[instances == 1]
    lesions = []
    for number, tumor in enumerate(result.tumors, start=TUMOR):
        inside = np.argwhere(instances == number)
        z, y, x = (int(at) for at in inside.mean(axis=0).round())
        lesions.append(
            {
                "finding": number - TUMOR + 1,
                "volume_ml": round(tumor.volume_ml, 2),
                "slice": z,
                "row": y,
                "column": x,
                "hu": round(float(np.median(hu[instances == number]))),
                "liver_hu": round(float(np.median(liver))),
            }
        )
    return {
        "use": volume.use,
        "phase": volume.phase if volume.arterial is None else "portal and arterial",
        "tumors": volume.tumors,
        "liver_ml": round(result.case.liver_volume_ml),
        "liver_hu": round(float(np.median(liver))),
        "liver_dice": dice,
        "findings": len(result.tumors),
        "findings_ml": round(sum(tumor.volume_ml for tumor in result.tumors), 2),
        "seconds": round(seconds, 1),
    }, lesions


def _phantom(seed: int, assessment: Assessment) -> Made:
    """Generate, segment and score a phantom."""
    phantom = generate_phantom(seed, size=assessment.phantom_size, lesions=0 if seed in FREE_SEEDS else None)
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(phantom, Path(folder))
        result, seconds = _segmented(
            Path(folder) / "portal.nii.gz", Path(folder) / "arterial.nii.gz", assessment
        )
    found = sitk.GetImageFromArray(
        np.minimum(sitk.GetArrayViewFromImage(result.instances), TUMOR).astype(np.uint8)
    )
    found.CopyInformation(result.instances)
    scores = evaluate_labels(found, phantom.labels, {"liver": (1, 2), "tumor": (2,)})
    if scores.lesions is None:
        raise RuntimeError("tumors are scored lesion by lesion")
    truth = sitk.GetArrayViewFromImage(phantom.instances)
    labels = sitk.GetArrayViewFromImage(found)
    lesions = [
        {
            "kind": lesion.kind,
            "diameter_mm": round(lesion.diameter_mm, 1),
            "covered": round(float((labels[truth == lesion.instance] == TUMOR).mean()), 3),
        }
        for lesion in phantom.lesions
    ]
    return {
        "lesions": len(phantom.lesions),
        "findings": len(result.tumors),
        "false_findings": scores.lesions.false_findings,
        "liver_dice": round(scores.labels["liver"].confusion.dice, 4),
        "tumor_dice": round(scores.labels["tumor"].confusion.dice, 4),
        "seconds": round(seconds, 1),
    }, lesions


def _segmented(portal: Path, arterial: Path | None, assessment: Assessment) -> tuple[CaseResult, float]:
    job = SegmentationJob(
        portal=str(portal),
        arterial=None if arterial is None else str(arterial),
        model=assessment.model,
        device=assessment.device,
    )
    start = time.perf_counter()
    result = segment_case(job)
    return result, time.perf_counter() - start
