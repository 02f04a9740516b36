"""How well the network tells segments, on real livers that it never saw, by the library's own inference.

Dice of each segment on the liver's own grid; and, for balls of 10 to 30 mm at random places in each liver, how often
the segment that holds most of the ball is the true one.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.segments.fitted_landmarks import landmarks_of
from LiverTumorAttentionLib.analysis.segments.landmarks import segments_by_landmarks
from LiverTumorAttentionLib.analysis.segments.liver_segments import LEAST_SHARE_TOLD
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference.couinaud_stage import CouinaudStage
from LiverTumorAttentionLib.inference.device import choose_device
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.models.couinaud_model import CouinaudModel
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.couinaud import COUNT, ROMAN
from training.couinaud.livers import SegmentMap
from training.couinaud.task import segment_dice

BALLS = 20
DIAMETER_MM = (10.0, 30.0)
SHAPE, VESSELS = "shape", "shape and vessels"
PLANES = "planes through landmarks fitted to the truth"
GIVEN = (SHAPE, VESSELS, PLANES)


@dataclass(frozen=True, kw_only=True)
class ScoredLiver:
    """Scores of one liver. given: SHAPE or VESSELS; dice: of the eight; right: of `balls`, those told rightly;
    named: those whose true segment is among the named ones."""

    name: str
    given: str
    dice: tuple[float, ...]
    right: int
    named: int
    balls: int

    @property
    def mean(self) -> float:
        """Mean Dice of the segments."""
        return float(np.nanmean(self.dice))


def assess(
    model: Path | None, maps: Sequence[SegmentMap], output: Path, progress: Progress
) -> dict[str, Any]:
    """Measure a model on the maps that test, write rows.csv, summary.md and livers.png, and return the summary.

    model: its folder; None for the one that ships. Raises `InputError` where no map tests.
    """
    stage = CouinaudStage(CouinaudModel(model), choose_device("cpu"))
    tests = [each for each in maps if each.tests]
    if not tests:
        raise InputError("no liver is held out: give folders with livers that test")
    rows: list[ScoredLiver] = []
    pictures: list[NDArray[np.uint8]] = []
    for number, each in enumerate(tests):
        progress.update(number / len(tests), each.name)
        try:
            truth, vessels = each.read()
        except InputError:
            continue  # a map without all of the eight tells nothing of the others
        balls = random_balls(truth, each.name)
        for given, tree in ((SHAPE, None), (VESSELS, vessels)):
            if given == VESSELS and tree is None:
                continue
            found = stage.labels(truth, tree)
            rows.append(_scored(each.name, given, truth, found, balls))
            if given == SHAPE:
                planes = _by_planes(truth)
                if planes is not None:
                    rows.append(_scored(each.name, PLANES, truth, planes, balls))
            if len(pictures) < 6 and given == SHAPE:
                pictures.append(_picture(truth, found))
    summary = summarized(rows)
    output.mkdir(parents=True, exist_ok=True)
    with (
        replacing(output / "rows.csv", name="rows") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, list(_cells(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_cells(row) for row in rows)
    with replacing(output / "summary.md", name="summary") as temporary:
        temporary.write_text(summary_text(stage.description.words, rows, summary), encoding="utf-8")
    with replacing(output / "livers.png", name="pictures") as temporary:
        from PIL import Image

        Image.fromarray(np.concatenate(pictures)).save(temporary, format="PNG")
    return summary


def random_balls(truth: sitk.Image, name: str) -> list[NDArray[np.intp]]:
    """Return the voxels (n, 3) of balls at random places of a liver, cut off by its border; the same for a name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    liver = sitk.GetArrayViewFromImage(truth) > 0
    places = np.argwhere(liver)
    spacing = np.array(truth.GetSpacing()[::-1])
    balls = []
    for center in places[rng.integers(len(places), size=BALLS)]:
        radius = rng.uniform(*DIAMETER_MM) / 2
        reach = np.ceil(radius / spacing).astype(int)
        grid = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), -1).reshape(-1, 3)
        around = grid[(np.square(grid * spacing).sum(axis=1) <= radius**2)] + center
        around = around[((around >= 0) & (around < liver.shape)).all(axis=1)]
        balls.append(around[liver[tuple(around.T)]])
    return balls


def _by_planes(labels: sitk.Image) -> sitk.Image | None:
    """Return the segments of the planes through the landmarks that a map suggests; None where it suggests none."""
    try:
        return segments_by_landmarks(labels, landmarks_of(labels))
    except InputError:
        return None


def _scored(
    name: str, given: str, truth: sitk.Image, found: sitk.Image, balls: Sequence[NDArray[np.intp]]
) -> ScoredLiver:
    wanted, got = sitk.GetArrayViewFromImage(truth), sitk.GetArrayViewFromImage(found)

    def segment(values: NDArray[Any], ball: NDArray[np.intp]) -> int:
        return 1 + int(np.bincount(values[tuple(ball.T)], minlength=COUNT + 1)[1:].argmax())

    def named(ball: NDArray[np.intp]) -> NDArray[np.bool_]:
        counts = np.bincount(got[tuple(ball.T)], minlength=COUNT + 1)
        return np.asarray(counts >= LEAST_SHARE_TOLD * len(ball))

    true = [segment(wanted, ball) for ball in balls]
    right = sum(number == segment(got, ball) for number, ball in zip(true, balls, strict=True))
    among = sum(bool(named(ball)[number]) for number, ball in zip(true, balls, strict=True))
    dice = tuple(segment_dice(got, wanted))
    return ScoredLiver(name=name, given=given, dice=dice, right=right, named=among, balls=len(balls))


def summarized(rows: Sequence[ScoredLiver]) -> dict[str, Any]:
    """Return livers, mean Dice with its interval, Dice of each segment and share of balls, by what is given."""
    summary: dict[str, Any] = {}
    for given in GIVEN:
        chosen = [row for row in rows if row.given == given]
        if not chosen:
            continue
        means = np.array([row.mean for row in chosen])
        rng = np.random.default_rng(0)
        drawn = means[rng.integers(len(means), size=(2000, len(means)))].mean(axis=1)
        summary[given] = {
            "livers": len(chosen),
            "mean_dice": round(float(means.mean()), 4),
            "mean_dice_interval": [round(float(x), 4) for x in np.percentile(drawn, (2.5, 97.5))],
            "lowest": round(float(means.min()), 4),
            "dice": {
                roman: round(float(np.nanmean([row.dice[i] for row in chosen])), 4)
                for i, roman in enumerate(ROMAN)
            },
            "balls_named": round(sum(r.named for r in chosen) / sum(r.balls for r in chosen), 4),
            "balls_right": round(sum(r.right for r in chosen) / sum(r.balls for r in chosen), 4),
        }
    both = {row.name for row in rows if row.given == VESSELS}
    alone = [row.mean for row in rows if row.given == SHAPE and row.name in both]
    if alone:
        summary["shape, of the livers whose vessels are known"] = {
            "mean_dice": round(float(np.mean(alone)), 4)
        }
    return summary


def summary_text(model: str, rows: Sequence[ScoredLiver], summary: Mapping[str, Any]) -> str:
    """Return the summary as Markdown."""
    lines = [
        f"# Couinaud segments: {model} on livers that it never saw",
        "",
        "`python -m training segments --data DATA --assess training/results/segments` writes this. Mean Dice",
        "over the eight segments, on the label map's own grid, with 95 % intervals resampled over livers. Livers",
        "held out: the LiTS cases that validate every model here, ten more whose vessels are known, and fifteen of",
        "Task08_HepaticVessel (`training/data/held_out.py`). Balls: 20 a liver, 10 to 30 mm, at random places; right",
        "where the segment that holds most of the ball is the true one, named where the true one is among those that",
        "the table of tumors names. Planes: the geometric method, its landmarks fitted to the truth, which is about",
        "the best that planes can do; where segments that should touch do not, there are none.",
        "",
        "| given | livers | mean Dice | interval | lowest | "
        + " | ".join(ROMAN)
        + " | balls right | named |",
        "| --- | ---: | ---: | --- | ---: | " + " | ".join("---:" for _ in ROMAN) + " | ---: | ---: |",
    ]
    for given in GIVEN:
        if given in summary:
            values = summary[given]
            low, high = values["mean_dice_interval"]
            dice = " | ".join(f"{values['dice'][roman]:.3f}" for roman in ROMAN)
            lines.append(
                f"| {given} | {values['livers']} | {values['mean_dice']:.3f} | {low:.3f} to {high:.3f} | "
                f"{values['lowest']:.3f} | {dice} | {100 * values['balls_right']:.1f} % | "
                f"{100 * values['balls_named']:.1f} % |"
            )
    alone = summary.get("shape, of the livers whose vessels are known")
    if alone:
        lines += [
            "",
            f"Of the livers whose vessels are known, the shape alone gives {alone['mean_dice']:.3f}.",
        ]
    lines += ["", "| liver | given | mean Dice | balls right |", "| --- | --- | ---: | ---: |"]
    lines += [
        f"| {row.name} | {row.given} | {row.mean:.3f} | {row.right} of {row.balls} |"
        for row in rows
        if row.given in (SHAPE, VESSELS)
    ]
    lines += [
        "",
        "`livers.png`: the first six, truth on the left, proposed from the shape alone on the right.",
    ]
    return "\n".join(lines) + "\n"


def _cells(row: ScoredLiver) -> dict[str, str]:
    dice = {f"dice_{roman}": f"{row.dice[i]:.4f}" for i, roman in enumerate(ROMAN)}
    return {
        "liver": row.name,
        "given": row.given,
        "mean_dice": f"{row.mean:.4f}",
        **dice,
        "balls_right": str(row.right),
        "balls_named": str(row.named),
        "balls": str(row.balls),
    }


def _picture(truth: sitk.Image, found: sitk.Image, size: int = 128) -> NDArray[np.uint8]:
    """Return truth and proposal side by side: an axial slice high and one low, and a coronal one, RGB."""
    from LiverTumorAttentionLib.io.couinaud_segments import couinaud_segment

    colors = np.zeros((COUNT + 1, 3), np.uint8)
    for number in range(1, COUNT + 1):
        colors[number] = [round(255 * part) for part in couinaud_segment(number).color]
    views = []
    for labels in (truth, found):
        values, spacing = sitk.GetArrayViewFromImage(labels), labels.GetSpacing()
        rows = np.flatnonzero((sitk.GetArrayViewFromImage(truth) > 0).any(axis=(1, 2)))
        high, low = (rows[int(share * (len(rows) - 1))] for share in (0.7, 0.4))
        planes = [
            (values[high], spacing[1], spacing[0]),
            (values[low], spacing[1], spacing[0]),
            (values[::-1, values.shape[1] // 2], spacing[2], spacing[0]),
        ]
        views += [_fitted(plane, down, along, size) for plane, down, along in planes]
    return colors[np.concatenate(views, axis=1)]


def _fitted(plane: NDArray[Any], down_mm: float, along_mm: float, size: int) -> NDArray[Any]:
    """Return a slice in a square of `size` pixels of 2.4 mm, its middle in the middle."""
    step = 2.4
    index = [
        np.rint((np.arange(size) - size / 2) * step / mm + length / 2).astype(int)
        for mm, length in zip((down_mm, along_mm), plane.shape, strict=True)
    ]
    inside = [(i >= 0) & (i < length) for i, length in zip(index, plane.shape, strict=True)]
    clipped = [np.clip(i, 0, length - 1) for i, length in zip(index, plane.shape, strict=True)]
    return plane[np.ix_(*clipped)] * np.outer(*inside)
