"""All metrics of a 512 x 512 x 200 case with eight tumors, beside MONAI and DeepMind's surface-distance.

    python -m Testing.benchmarks.metrics --output Testing/benchmarks/results

The liver (its tumors included) and the tumors are scored, from the same two label maps in memory, by each library
in a process of its own on one thread, the libraries in turn; the median of the rounds counts. Seconds are those of
the processor, which other programs disturb less than those of the clock; alone on a machine both are the same.
MONAI's functions are called one a metric, as its users call them. Values stand beside the times: what is defined
alike must be alike.
The case is drawn, not segmented: lumpy ellipsoids, each found a little shifted and swollen, the fourth missed, one
invented.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

SHAPE, SPACING = (200, 512, 512), (1.25, 0.75, 0.75)
"""(z, y, x)."""
LIVER_CENTRE, LIVER_RADII = (125.0, 180.0, 165.0), (95.0, 75.0, 100.0)
"""mm, as all lengths here."""
TUMORS = (
    ((100.0, 170.0, 120.0), 5.0),
    ((150.0, 200.0, 180.0), 6.0),
    ((120.0, 150.0, 210.0), 8.0),
    ((90.0, 190.0, 170.0), 10.0),
    ((160.0, 160.0, 140.0), 12.0),
    ((125.0, 215.0, 150.0), 15.0),
    ((140.0, 150.0, 175.0), 18.0),
    ((110.0, 195.0, 220.0), 25.0),
)
INVENTED = ((170.0, 190.0, 165.0), 7.0)
OBJECTS = {"liver": (1, 2), "tumor": (2,)}
CASE = "case"
METHODS = ("ours", "ours, with lesions and slices", "MONAI", "surface-distance")


def case() -> tuple[np.ndarray, np.ndarray]:
    """Return the label maps of the prediction and of the truth, (z, y, x)."""
    truth, prediction = _liver(0, 0.0), _liver(1, 1.5)
    rng = np.random.default_rng(2)
    for number, (centre, radius) in enumerate(TUMORS):
        _ball(truth, centre, radius, rng)
        if number != 3:
            _ball(prediction, np.add(centre, rng.uniform(-2, 2, 3)), 1.1 * radius, rng)
    _ball(prediction, *INVENTED, rng)
    return prediction, truth


def draw(folder: Path) -> dict[str, Any]:
    """Write the label maps into a folder."""
    for name, labels in zip(("prediction", "truth"), case(), strict=True):
        np.save(folder / f"{name}.npy", labels)
    return {}


def _liver(seed: int, shift_mm: float) -> np.ndarray:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    axes = zip((z, y, x), SPACING, LIVER_CENTRE, LIVER_RADII, strict=True)
    depth = sum(((axis * step - centre - shift_mm) / radius) ** 2 for axis, step, centre, radius in axes)
    return (depth < 1 + _lumps(seed)).astype(np.uint8)


def _lumps(seed: int) -> np.ndarray:
    """Return smooth noise of standard deviation 0.06 with lumps of some 15 mm."""
    coarse = np.random.default_rng(seed).standard_normal((20, 32, 32)).astype(np.float32)
    coarse = ndimage.gaussian_filter(coarse, 1.0, mode="nearest")
    return ndimage.zoom(0.06 / coarse.std() * coarse, np.divide(SHAPE, coarse.shape), order=1)


def _ball(labels: np.ndarray, centre: Any, radius: float, rng: np.random.Generator) -> None:
    """Mark an ellipsoid about as large as a ball as tumor."""
    box = tuple(
        slice(int((c - 1.5 * radius) / step), int((c + 1.5 * radius) / step) + 2)
        for c, step in zip(centre, SPACING, strict=True)
    )
    axes = np.ogrid[box]
    radii = radius * rng.uniform(0.85, 1.15, 3)
    measures = zip(axes, SPACING, centre, radii, strict=True)
    labels[box][sum(((axis * step - c) / r) ** 2 for axis, step, c, r in measures) < 1] = 2


def ours(prediction: np.ndarray, truth: np.ndarray, *, everything: bool) -> dict[str, float]:
    """Score by this library; everything: lesions one by one and slice by slice as well."""
    import SimpleITK as sitk

    from LiverTumorAttentionLib.metrics import evaluate_labels, score_slices

    images = [sitk.GetImageFromArray(labels) for labels in (prediction, truth)]
    for image in images:
        image.SetSpacing(SPACING[::-1])
    objects = OBJECTS if everything else {"liver": OBJECTS["liver"], "tumors": OBJECTS["tumor"]}
    evaluation = evaluate_labels(*images, objects)
    if everything:
        score_slices(prediction == 2, truth == 2)
    values = {}
    for name, scores in zip(OBJECTS, evaluation.labels.values(), strict=True):
        surface = scores.surface
        measured = (scores.confusion.dice, surface.assd_mm, surface.hd_mm, surface.hd95_mm)
        values |= _named(name, *measured)
    return values


def monai(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Score by MONAI: the same overlap and surface metrics, each by its function."""
    import torch
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_iou,
    )
    from monai.metrics.confusion_matrix import compute_confusion_matrix_metric, get_confusion_matrix

    values = {}
    for name, kinds in OBJECTS.items():
        pair = [
            torch.from_numpy(np.isin(labels, kinds))[None, None].float() for labels in (prediction, truth)
        ]
        surface: dict[str, Any] = {"include_background": True, "spacing": SPACING}
        counts = get_confusion_matrix(*pair)
        for metric in ("sensitivity", "specificity", "precision", "f1 score", "balanced accuracy"):
            compute_confusion_matrix_metric(metric, counts)
        compute_iou(*pair)
        values |= _named(
            name,
            compute_dice(*pair).item(),
            compute_average_surface_distance(*pair, symmetric=True, **surface).item(),
            compute_hausdorff_distance(*pair, **surface).item(),
            compute_hausdorff_distance(*pair, percentile=95, **surface).item(),
        )
    return values


def deepmind(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Score by surface-distance: Dice and the surfaces, which it has of no more."""
    import surface_distance as theirs

    values = {}
    for name, kinds in OBJECTS.items():
        predicted, true = np.isin(prediction, kinds), np.isin(truth, kinds)
        distances = theirs.compute_surface_distances(true, predicted, SPACING)
        values |= _named(
            name,
            theirs.compute_dice_coefficient(true, predicted),
            float(np.mean(theirs.compute_average_surface_distance(distances))),
            theirs.compute_robust_hausdorff(distances, 100),
            theirs.compute_robust_hausdorff(distances, 95),
        )
    return values


def _named(name: str, dice: float, assd: float, hd: float, hd95: float) -> dict[str, float]:
    values = {"dice": dice, "assd_mm": assd, "hd_mm": hd, "hd95_mm": hd95}
    return {f"{name}_{key}": float(value) for key, value in values.items()}


def measure(method: str, folder: Path) -> dict[str, Any]:
    """Score once in this process; return seconds, the memory that it grew by in MiB, and the values."""
    warnings.simplefilter("ignore")
    pair = tuple(np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("prediction", "truth"))
    small = tuple(labels[60:90, 220:300, 180:260].copy() for labels in pair)
    score = {
        METHODS[0]: lambda *labels: ours(*labels, everything=False),
        METHODS[1]: lambda *labels: ours(*labels, everything=True),
        METHODS[2]: monai,
        METHODS[3]: deepmind,
    }[method]
    score(*small)  # imports, and what is built once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    values = score(*pair)
    seconds = time.process_time() - start
    mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"seconds": round(seconds, 3), "mib": round(mib, 1), "values": values}


def in_child(method: str, folder: Path) -> dict[str, Any]:
    """Return what `measure` finds in a process of its own, on one thread."""
    command = [sys.executable, "-m", "Testing.benchmarks.metrics", "--child", method, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(rounds: dict[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Return for each method the median time, all times, the ratio to ours, the memory and the values."""
    medians = {name: statistics.median(each["seconds"] for each in found) for name, found in rounds.items()}
    return {
        name: {
            "seconds": medians[name],
            "rounds": [each["seconds"] for each in found],
            "times_ours": round(medians[name] / medians[METHODS[0]], 2),
            "mib": max(each["mib"] for each in found),
            "values": found[0]["values"],
        }
        for name, found in rounds.items()
    }


def table(results: dict[str, Any]) -> str:
    """Return times and values as two tables."""
    lines = ["| | s | times ours | memory, MiB |", "| --- | ---: | ---: | ---: |"]
    for name, row in results.items():
        lines.append(f"| {name} | {row['seconds']:.2f} | {row['times_ours']:.1f} | {row['mib']:.0f} |")
    columns = list(results[METHODS[0]]["values"])
    lines += ["", "| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for name, row in results.items():
        lines.append(f"| {name} | " + " | ".join(f"{row['values'][key]:.4f}" for key in columns) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure everything in child processes and print the tables; with --child, measure one method here."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="folder for metrics.json and metrics.md")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("METHOD", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        method, folder = options.child[0], Path(options.child[1])
        print(json.dumps(draw(folder) if method == CASE else measure(method, folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        in_child(
            CASE, folder
        )  # a process is said to need what its parent needed, so that this one stays small
        rounds = [[in_child(method, folder) for method in METHODS] for _ in range(options.rounds)]
    results = summary(dict(zip(METHODS, zip(*rounds, strict=True), strict=True)))
    text = table(results)
    print(text)
    if options.output is not None:
        command = "python -m Testing.benchmarks.metrics --output Testing/benchmarks/results"
        content = {"command": command, "shape_zyx": SHAPE, "spacing_zyx_mm": SPACING, "results": results}
        (options.output / "metrics.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        head = (
            f"Liver and tumors of {SHAPE[2]} x {SHAPE[1]} x {SHAPE[0]} voxels with {len(TUMORS)} tumors, one thread, "
            f"median of {options.rounds} rounds, seconds of the processor. `{command}`\n\n"
        )
        tail = (
            "\n\nOverlap: Dice, Jaccard, VOE, RVD, TPR, TNR, precision, F1, ACC; surfaces: ASSD, HD, HD95. "
            "surface-distance has Dice alone of the former. It puts surfaces on corners of voxels and weighs them by "
            "area, so that its distances differ (`LiverTumorAttentionLib/metrics/surface.py`).\n"
        )
        (options.output / "metrics.md").write_text(head + text + tail, encoding="utf-8")


if __name__ == "__main__":
    main()
