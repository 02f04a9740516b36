"""Lesions of a data set added by a line: the diameter of what is drawn, beside the lines of two simulated readers.

The truth is the longest diameter in an axial slice. A reader marks its two ends, each off by a normal deviation in the
plane; the mask's diameter is the longest one in any axial slice of what the line draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.axial_diameter import Chord, hull_outline, longest_chord
from LiverTumorAttentionLib.correction import AddByLine, ClickModel, CorrectionCase, CorrectionSession
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.pipeline.refine import read_click_model
from LiverTumorAttentionLib.voxels.geometry import Point
from Testing.benchmarks.interaction.real_volumes import add_data_set, tasks_of
from Testing.benchmarks.interaction.task import Mask, Task
from Testing.benchmarks.interaction.user import overlap
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case

LEAST_MM = 10.0
"""Of a lesion's longest diameter: RECIST measures no smaller ones."""
READER_MM = 1.5
"""Standard deviation of an end of a reader's line, along each axis of the slice."""
READERS = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the lines and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m Testing.benchmarks.interaction.lines", description=__doc__
    )
    add_data_set(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the table, Markdown")
    options = parser.parse_args(arguments)
    tools: dict[str, ClickModel | None] = {"random walker": None}
    if options.click_model is not None:
        tools["click network"] = read_click_model(options.click_model)
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for source in find_cases(options.layout, options.data):
        for task, truth, _ in tasks_of(read_case(source)):
            row = trial(task, truth, tools, rng)
            rows += [] if row is None else [row]
    text = "\n".join(table(rows, list(tools), options.layout)) + "\n"
    with replacing(options.output) as partial:
        partial.write_text(text, encoding="utf-8")
    print(text)


def trial(
    task: Task, truth: Mask, tools: dict[str, ClickModel | None], rng: np.random.Generator
) -> dict[str, Any] | None:
    """Return the truth's diameter, the readers' and those of what their lines draw, mm; None for a small lesion."""
    z, chord = longest_of(truth, task.spacing_mm)
    if chord.length_mm < LEAST_MM:
        return None
    ends = np.stack([chord.start, chord.end])
    lines = [ends + rng.normal(0, READER_MM, ends.shape) for _ in range(READERS)]
    found: dict[str, Any] = {
        "truth": chord.length_mm,
        "readers": [float(np.linalg.norm(line[1] - line[0])) for line in lines],
    }
    for name, clicks in tools.items():
        masks = [drawn(task, z, line, clicks) for line in lines]
        found[name] = [longest_of(mask, task.spacing_mm)[1].length_mm for mask in masks]
        found[f"{name}, Dice"] = [overlap(mask, truth) for mask in masks]
    return found


def longest_of(mask: Mask, spacing_mm: tuple[float, float, float]) -> tuple[int, Chord]:
    """Return the slice with the longest diameter, and the diameter in it, (y, x) in mm."""
    steps = np.diag(spacing_mm[1:])
    chords = {
        int(z): longest_chord(hull_outline(mask[z], steps)) for z in np.flatnonzero(mask.any(axis=(1, 2)))
    }
    best = max(chords, key=lambda z: chords[z].length_mm)
    return best, chords[best]


def drawn(task: Task, z: int, line: NDArray[np.float64], clicks: ClickModel | None) -> Mask:
    """Return the lesion that a line in a slice draws; the line's middle alone where it is refused."""
    instances = sitk.GetImageFromArray(task.labels)
    instances.CopyInformation(task.portal)
    case = CorrectionCase(portal=task.portal, arterial=task.arterial, instances=instances)
    session = CorrectionSession(case, clicks=clicks)
    points: list[Point] = []
    for y, x in line / np.asarray(task.spacing_mm[1:]):
        px, py, pz = task.portal.TransformContinuousIndexToPhysicalPoint([float(x), float(y), float(z)])
        points.append((px, py, pz))
    mask = np.zeros(task.labels.shape, bool)
    try:
        subject = session.do(AddByLine(points=tuple(points))).subject
        mask |= session.labels == (subject or 0) + 1
    except InputError:
        y, x = np.rint(line.mean(axis=0) / np.asarray(task.spacing_mm[1:])).astype(int)
        mask[z, y, x] = True
    return mask


def table(rows: Sequence[dict[str, Any]], tools: Sequence[str], layout: str) -> list[str]:
    """Return the lines of the table."""
    truth = np.array([row["truth"] for row in rows])
    lines = [
        "# Diameters by a line across the lesion",
        "",
        f"`python -m Testing.benchmarks.interaction.lines --layout {layout} --data DATA"
        f"{' --click-model MODEL' if len(tools) > 1 else ''}`; not for clinical use. {len(rows)} lesions with a "
        f"longest axial diameter of {LEAST_MM:g} mm and more (median {np.median(truth):.1f}); {READERS} simulated "
        f"readers, whose ends are off by a standard deviation of {READER_MM:g} mm along each axis.",
        "",
        "| diameter | mean error, mm | median error, mm | readers differ by, mean, mm | Dice, median |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in ("readers", *tools):
        found = np.array([row[name] for row in rows])
        error, apart = np.abs(found - truth[:, None]), np.abs(found[:, 0] - found[:, 1])
        dice = "" if name == "readers" else f"{np.median([row[f'{name}, Dice'] for row in rows]):.3f}"
        title = "readers' lines" if name == "readers" else f"mask, {name}"
        lines.append(
            f"| {title} | {error.mean():.2f} | {np.median(error):.2f} | {apart.mean():.2f} | {dice} |"
        )
    return lines


if __name__ == "__main__":
    main()
