"""What registration does for the tumors: the bundled model with registration on, off, and with the true motion.

    python -m Testing.benchmarks.registration_effect --output Testing/benchmarks/results

Ten phantoms with lesions, 256 x 256. "registered": as `segment` does it. "as given": the arterial volume resampled
onto the portal grid without any motion. "true motion": with the phantom's own displacement. "portal alone": no
arterial phase. The liver is the model's own in all of them. Candidates are findings as `segment` takes them, after the
second look of a model that has one; how many lesions a candidate touches is told beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.inference.candidate_predictor import load_candidate_predictor
from LiverTumorAttentionLib.metrics import Evaluation, evaluate_labels
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom
from LiverTumorAttentionLib.pipeline.candidates import case_of
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.second_look import operating_point_of, second_look
from LiverTumorAttentionLib.pipeline.stages import (
    find_liver,
    find_tumors,
    load_stages,
    postprocessing_settings,
    register_arterial,
)
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import resample_onto
from LiverTumorAttentionLib.voxels.parts import whole_of

SEEDS = range(440, 450)
LABELS = {"liver": (1, 2), "tumor": (2,)}


def evaluated(seed: int, model: str) -> list[dict[str, Any]]:
    """Return one row for each way to use the arterial phase."""
    phantom = generate_phantom(seed, size="full", matrix=256, lesions=4)
    portal, arterial = phantom.portal, phantom.arterial
    package, quiet = find_model(model), Progress()
    stages = load_stages(package, choose_device("cpu"))
    job = SegmentationJob(portal="phantom")
    settings = postprocessing_settings(package, job)
    predictor = load_candidate_predictor(package)
    liver = find_liver(portal, "portal", stages, settings, quiet)
    found = register_arterial(portal, arterial, liver.mask, stages, settings, 0, quiet)
    truth = sitk.DisplacementFieldTransform(sitk.Cast(phantom.displacement, sitk.sitkVectorFloat64))
    ways = {
        "registered": found.registered,
        "as given": resample_onto(arterial, portal, sitk.Transform(3, sitk.sitkIdentity)),
        "true motion": sitk.Resample(arterial, portal, truth, sitk.sitkLinear, -1024, arterial.GetPixelID()),
        "portal alone": None,
    }
    rows = []
    for way, volume in ways.items():
        tumors = find_tumors(portal, volume, liver, stages, quiet)
        case = case_of(portal, liver, tumors, settings, arterial=volume)
        instances = case.instances
        candidates = scored(instances, phantom)
        if package.description.candidates is not None:
            point = operating_point_of(package.description, job)
            assert point is not None
            instances, _ = second_look(case, package.description.candidates, point, predictor)
        scores = scored(instances, phantom)
        assert scores.lesions is not None
        assert candidates.lesions is not None
        rows.append(
            {
                "seed": seed,
                "way": way,
                "grade": found.verdict.grade if way == "registered" else "",
                "tumor_dice": round(scores.labels["tumor"].confusion.dice, 4),
                "candidate_recall": round(candidates.lesions.recall_any_overlap, 4),
                "lesion_recall": round(scores.lesions.recall_any_overlap, 4),
                "false_lesions": scores.lesions.false_findings,
            }
        )
    return rows


def scored(instances: sitk.Image, phantom: Phantom) -> Evaluation:
    """Return the scores of findings on a part of the phantom's grid, or on all of it."""
    semantic = sitk.Cast(sitk.Clamp(instances, sitk.sitkUInt16, 0, 2), sitk.sitkUInt8)
    return evaluate_labels(whole_of(semantic, phantom.portal), phantom.labels, LABELS)


def main() -> None:
    """Run all phantoms and print the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the table")
    parser.add_argument("--model", default="demonstration")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in SEEDS:
        rows += evaluated(seed, options.model)
        with (options.output / "registration-effect.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    means = {}
    for way in dict.fromkeys(row["way"] for row in rows):
        chosen = [row for row in rows if row["way"] == way]
        means[way] = {
            key: round(float(np.mean([row[key] for row in chosen])), 4)
            for key in ("tumor_dice", "candidate_recall", "lesion_recall", "false_lesions")
        }
    print(json.dumps(means, indent=1))


if __name__ == "__main__":
    main()
