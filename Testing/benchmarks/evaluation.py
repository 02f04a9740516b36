"""How well the bundled model does on phantoms that it was never trained on.

    python -m Testing.benchmarks.evaluation --output Testing/benchmarks/results

Segments every case through `segment_case`, writes one CSV row a case and one a lesion as it goes, and goes
on where it was stopped; then prints the summary and writes it as JSON. Training uses phantom seeds from
90000 on; the seeds here lie below.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.metrics import evaluate_labels
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom, write_phantom
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import CaseResult, segment_case

DRAWN_SEEDS = range(300, 320)
FREE_SEEDS = range(320, 330)
LABELS = {"liver": (1, 2), "tumor": (2,)}


def main() -> None:
    """Run what is missing and print the summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--model", default="demonstration")
    parser.add_argument("--size", default="full", choices=("small", "full"))
    parser.add_argument("--portal-only", action="store_true", help="leave the arterial phase out")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these seeds")
    options = parser.parse_args()
    name = "portal" if options.portal_only else "two-phase"
    cases, lesions = options.output / f"{name}-cases.csv", options.output / f"{name}-lesions.csv"
    done = {int(row["seed"]) for row in read_rows(cases)}
    for seed in options.seeds or [*DRAWN_SEEDS, *FREE_SEEDS]:
        if seed not in done:
            case, rows = evaluate_seed(seed, options.size, options.model, options.portal_only)
            append_rows(lesions, rows)
            append_rows(cases, [case])
            print(
                f"{seed}: liver {case['liver_dice']}, tumor {case['tumor_dice']}, {case['seconds']} s",
                flush=True,
            )
    summary = {
        "command": f"python -m Testing.benchmarks.evaluation{' --portal-only' * options.portal_only}",
        "model_sha256": {s.name: s.sha256 for s in find_model(options.model).description.stages},
        **summarise(read_rows(cases), read_rows(lesions)),
    }
    (options.output / f"{name}-summary.json").write_text(
        json.dumps(summary, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(summary, indent=2))


def evaluate_seed(
    seed: int, size: str, model: str, portal_only: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Generate, segment and score one case; return its row and one row a lesion."""
    phantom = generate_phantom(seed, size=size, lesions=0 if seed in FREE_SEEDS else None)
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(phantom, Path(folder))
        job = SegmentationJob(
            portal=f"{folder}/portal.nii.gz",
            arterial=None if portal_only else f"{folder}/arterial.nii.gz",
            model=model,
            device="cpu",
            phases_as_given=True,
        )
        start = time.perf_counter()
        result = segment_case(job)
        seconds = time.perf_counter() - start
    scores = evaluate_labels(semantic(result), phantom.labels, LABELS)
    found = scores.lesions
    assert found is not None
    verdict = result.registration
    case = {
        "seed": seed,
        "matrix": "x".join(str(n) for n in phantom.portal.GetSize()),
        "slice_mm": round(phantom.portal.GetSpacing()[2], 2),
        "true_lesions": len(phantom.lesions),
        "found_lesions": len(result.tumors),
        "liver_dice": round(scores.labels["liver"].confusion.dice, 4),
        "liver_assd_mm": round(scores.labels["liver"].surface.assd_mm, 3),
        "tumor_dice": round(scores.labels["tumor"].confusion.dice, 4),
        "lesions_touched": sum(row.touched for row in found.lesions),
        "lesions_at_half_overlap": sum(row.detected for row in found.lesions),
        "lesion_components": len(found.lesions),
        "false_lesions": found.false_findings,
        "registration": verdict.grade if verdict else "",
        "seconds": round(seconds, 1),
    }
    return case, lesion_rows(seed, phantom, result)


def semantic(result: CaseResult) -> sitk.Image:
    """Return the result as 0 background, 1 liver, 2 tumor."""
    image = sitk.GetImageFromArray(
        np.minimum(sitk.GetArrayViewFromImage(result.instances), 2).astype(np.uint8)
    )
    image.CopyInformation(result.instances)
    return image


def lesion_rows(seed: int, phantom: Phantom, result: CaseResult) -> list[dict[str, Any]]:
    """Return one row for every lesion of the truth, with the tumor that covers most of it."""
    truth, found = (sitk.GetArrayViewFromImage(image) for image in (phantom.instances, result.instances))
    rows = []
    for lesion in phantom.lesions:
        mask = truth == lesion.instance
        counts = np.bincount(found[mask], minlength=3)
        best = int(counts[2:].argmax()) + 2
        common = int(counts[best])
        total = int(mask.sum() + (found == best).sum()) if common else int(mask.sum())
        rows.append(
            {
                "seed": seed,
                "kind": lesion.kind,
                "diameter_mm": round(lesion.diameter_mm, 1),
                "covered": round(float(counts[2:].sum()) / mask.sum(), 3),
                "dice": round(2 * common / total, 3),
            }
        )
    return rows


def summarise(cases: list[dict[str, str]], lesions: list[dict[str, str]]) -> dict[str, Any]:
    """Return the figures that the README shows."""
    drawn = [row for row in cases if int(row["seed"]) in DRAWN_SEEDS]
    with_lesions = [row for row in drawn if int(row["true_lesions"])]
    free = [row for row in cases if not int(row["true_lesions"])]
    components = sum(int(row["lesion_components"]) for row in drawn)
    return {
        "cases": len(drawn),
        "cases_with_lesions": len(with_lesions),
        "lesions": components,
        "liver_dice_per_case": mean(row["liver_dice"] for row in drawn),
        "tumor_dice_per_case": mean(row["tumor_dice"] for row in drawn),
        "tumor_dice_per_case_with_lesions": mean(row["tumor_dice"] for row in with_lesions),
        "lesion_recall_any_overlap": share(sum(int(row["lesions_touched"]) for row in drawn), components),
        "lesion_recall_half_overlap": share(
            sum(int(row["lesions_at_half_overlap"]) for row in drawn), components
        ),
        "false_lesions_per_case": mean(row["false_lesions"] for row in drawn),
        "lesion_free_cases": len(free),
        "lesion_free_cases_without_findings": share(
            sum(int(r["found_lesions"]) == 0 for r in free), len(free)
        ),
        "registration_grades": {
            grade: sum(row["registration"] == grade for row in cases)
            for grade in ("good", "doubtful", "refused")
        },
        "seconds_median": float(np.median([float(row["seconds"]) for row in cases])),
        "by_kind": group(lesions, lambda row: row["kind"]),
        "by_diameter_mm": group(lesions, diameter_class),
    }


def diameter_class(row: dict[str, str]) -> str:
    """Return the size class of a lesion."""
    diameter = float(row["diameter_mm"])
    return "below 10" if diameter < 10 else "10 to 20" if diameter < 20 else "20 and more"


def group(lesions: list[dict[str, str]], key: Any) -> dict[str, dict[str, float]]:
    """Return recall (any overlap) and mean Dice by class."""
    names = sorted({key(row) for row in lesions})
    return {
        name: {
            "lesions": sum(key(row) == name for row in lesions),
            "recall": mean(float(row["covered"]) > 0 for row in lesions if key(row) == name),
            "dice": mean(row["dice"] for row in lesions if key(row) == name),
        }
        for name in names
    }


def mean(values: Iterable[Any]) -> float:
    numbers = [float(value) for value in values]
    return round(float(np.mean(numbers)), 4) if numbers else float("nan")


def share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else float("nan")


def read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def append_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
