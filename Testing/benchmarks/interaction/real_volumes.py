"""Lesions of a data set, one by one, from nothing: the Dice after each click of a simulated user, and pictures.

The liver is that of the truth, lesions included; no other lesion is marked, and no probability is known. Cases are read
as training reads them, so that any of its layouts will do.
"""

from __future__ import annotations

import argparse
import csv
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.pipeline.refine import read_click_model
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, expanded_box, margin_voxels
from LiverTumorAttentionLib.voxels.morphology import CORNERS
from Testing.benchmarks.interaction.counting import Row, count
from Testing.benchmarks.interaction.ours import Ours
from Testing.benchmarks.interaction.scenes import AROUND_LIVER_MM, clearer_phase
from Testing.benchmarks.interaction.task import Mask, Task
from Testing.benchmarks.interaction.user import next_click, overlap, segment
from training.data.layouts import LAYOUTS, find_cases
from training.data.layouts.reading import LoadedCase, read_case

LEAST_MM = 5.0
"""Smaller lesions are left out; diameter of a ball of the same volume."""
AIMS = (0.8, 0.85, 0.9)
PICTURES, COLUMNS, PICTURE_MM = 24, 6, 15.0
"""Lesions that are shown, evenly over their sizes, how many a row, and how much around each."""
Picture = dict[str, Any]
COLORS = {"truth": "#2ca02c", "random walker": "#ff7f0e", "click network": "#1f77b4"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the trials and write table, rows and pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m Testing.benchmarks.interaction.real_volumes", description=__doc__
    )
    add_data_set(parser)
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for NAME.md, NAME.csv and NAME.png"
    )
    parser.add_argument("--name", required=True, help="of the files")
    options = parser.parse_args(arguments)
    tools: dict[str, Any] = {"random walker": Ours}
    if options.click_model is not None:
        tools["click network"] = partial(Ours, clicks=read_click_model(options.click_model))
    rows: list[Row] = []
    pictures: list[tuple[float, Picture]] = []
    for source in find_cases(options.layout, options.data):
        for task, truth, diameter in tasks_of(read_case(source)):
            masks: dict[str, Mask] = {}
            for name, made in tools.items():
                tool = made(task)
                tool.click(next_click(tool.mask, truth, task.spacing_mm))
                masks[name] = tool.mask
                dice = segment(made(task), truth, task.spacing_mm).dice
                rows.append({"case": source.name, "diameter_mm": diameter, "tool": name, "dice": dice})
            pictures.append((diameter, picture_of(task, truth, masks)))
            first = " ".join(f"{overlap(mask, truth):.2f}" for mask in masks.values())
            print(f"{source.name}: {diameter:.0f} mm, {first}", flush=True)
    write(options, rows, list(tools))
    draw(pictures, options.output / f"{options.name}.png")


def add_data_set(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which lesions are tried, and by which network too."""
    parser.add_argument("--layout", choices=sorted(LAYOUTS), required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument(
        "--click-model", metavar="MODEL", help="clicks, or a folder of a model that answers clicks"
    )


def write(options: argparse.Namespace, rows: Sequence[Row], tools: Sequence[str]) -> None:
    """Write the table and the rows."""
    command = (
        f"python -m Testing.benchmarks.interaction.real_volumes --layout {options.layout} --data DATA "
        f"--name {shlex.quote(options.name)}" + (" --click-model MODEL" if len(tools) > 1 else "")
    )
    options.output.mkdir(parents=True, exist_ok=True)
    with replacing(options.output / f"{options.name}.md") as partial_file:
        partial_file.write_text("\n".join(table(rows, command, tools)) + "\n", encoding="utf-8")
    with (
        replacing(options.output / f"{options.name}.csv") as partial_file,
        partial_file.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["case", "diameter_mm", "tool", "dice"])
        for row in rows:
            dice = " ".join(f"{value:.4f}" for value in row["dice"])
            writer.writerow([row["case"], f"{row['diameter_mm']:.1f}", row["tool"], dice])


def tasks_of(case: LoadedCase) -> Iterator[tuple[Task, Mask, float]]:
    """Yield each lesion of a case as a task in which only the liver is known, its truth, and its diameter, mm."""
    labels = sitk.GetArrayFromImage(case.labels)
    spacing = case.portal.GetSpacing()[::-1]
    box = bounding_box(labels > 0)
    if box is None:
        return
    box = expanded_box(box, margin_voxels(AROUND_LIVER_MM, spacing), labels.shape)
    part = tuple(reversed(box))
    portal, labels = case.portal[part], labels[box]
    arterial = case.arterial if case.displacement is None else None
    same = arterial is not None and arterial.GetSize() == case.portal.GetSize()
    arterial = arterial[part] if arterial is not None and same else None
    lesions, number = ndimage.label(labels == 2, structure=CORNERS)
    for value in range(1, number + 1):
        truth = lesions == value
        volume = np.count_nonzero(truth) * float(np.prod(spacing))
        diameter = float((6 * volume / np.pi) ** (1 / 3))
        if diameter < LEAST_MM:
            continue
        yield (
            Task(
                portal=portal,
                arterial=arterial,
                probability=None,
                labels=np.minimum(labels, 1).astype(np.uint16),
                start=None,
                hu=clearer_phase(portal, arterial, truth, labels == 1),
            ),
            truth,
            diameter,
        )


def table(rows: Sequence[Row], command: str, tools: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table."""
    lesions = len(rows) // len(tools)
    yield from (
        "# Lesions of real volumes, from nothing, by clicks",
        "",
        f"`{command}`; not for clinical use. {lesions} lesions of {len({row['case'] for row in rows})} cases, "
        f"{LEAST_MM:g} mm and more; the liver is given. First click: Dice after one click in the middle. Clicks to a "
        "Dice: median and, in brackets, mean, and the share that reached it within 10; those that did not count as 10.",
        "",
        "| tool | first click, median | 10th percentile | "
        + " | ".join(f"clicks to {a:.2f}" for a in AIMS)
        + " |",
        "| --- | ---: | ---: |" + " ---: |" * len(AIMS),
    )
    for tool in tools:
        own = [row for row in rows if row["tool"] == tool]
        first = [row["dice"][min(1, len(row["dice"]) - 1)] for row in own]
        cells = []
        for aim in AIMS:
            found = count(own, aim)
            cells.append("" if found is None else f"{found.median:g} ({found.mean:.2f}), {found.reached:.0%}")
        yield (
            f"| {tool} | {np.median(first):.3f} | {np.percentile(first, 10):.3f} | "
            + " | ".join(cells)
            + " |"
        )


def picture_of(task: Task, truth: Mask, masks: dict[str, Mask]) -> Picture:
    """Return the slice with most of a lesion, cut to what lies around it: HU, spacing, and the masks."""
    z = int(truth.sum(axis=(1, 2)).argmax())
    inside: Box = bounding_box(truth[z]) or (slice(0, 1), slice(0, 1))
    box = expanded_box(inside, margin_voxels(PICTURE_MM, task.spacing_mm[1:]), truth.shape[1:])
    hu: NDArray[Any] = sitk.GetArrayViewFromImage(task.portal)[z][box]
    dice = {name: overlap(mask, truth) for name, mask in masks.items()}
    return {
        "hu": np.array(hu),
        "aspect": task.spacing_mm[1] / task.spacing_mm[2],
        "masks": {"truth": truth[z][box], **{name: mask[z][box] for name, mask in masks.items()}},
        "dice": dice,
    }


def draw(shown: Sequence[tuple[float, Picture]], path: Path) -> None:
    """Draw lesions after one click, from the largest to the smallest, with the outlines of the truth and the tools."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ordered = sorted(shown, key=lambda each: -each[0])
    every = np.linspace(0, len(ordered) - 1, min(PICTURES, len(ordered))).round().astype(int)
    chosen = [ordered[number] for number in every]
    rows = -(-len(chosen) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(2.2 * COLUMNS, 2.5 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (diameter, picture) in zip(axes.flat, chosen, strict=False):
        axis.imshow(picture["hu"], cmap="gray", vmin=-20, vmax=220, aspect=picture["aspect"])
        for name, mask in picture["masks"].items():
            if mask.any() and not mask.all():
                axis.contour(mask, [0.5], colors=COLORS[name], linewidths=1)
        scores = ", ".join(f"{value:.2f}" for value in picture["dice"].values())
        axis.set_title(f"{diameter:.0f} mm: {scores}", fontsize=8)
    names = [name for name in COLORS if name == "truth" or name in chosen[0][1]["dice"]]
    handles = [plt.Line2D([], [], color=COLORS[name], label=name) for name in names]
    figure.legend(handles=handles, loc="lower center", ncols=len(names), fontsize=8)
    figure.suptitle("One click in the middle of each lesion; Dice in 3D. Not for clinical use.", fontsize=9)
    figure.tight_layout(rect=(0, 0.04, 1, 0.98))
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    plt.close(figure)


if __name__ == "__main__":
    main()
