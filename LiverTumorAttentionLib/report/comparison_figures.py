"""Figures of a comparison: each pair side by side on one slice of the baseline, the follow-up registered onto it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis import TumorMeasurement, measure_tumors
from LiverTumorAttentionLib.followup.matching import Match
from LiverTumorAttentionLib.pictures.png import png_data_uri
from LiverTumorAttentionLib.pipeline.compare import ComparedCases
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import resample_onto
from LiverTumorAttentionLib.report.figures import LIVER, MOST_TUMORS, Stroke, svg_path, tumor_color
from LiverTumorAttentionLib.report.key_slice import BEYOND, KeySlice
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_number, tumor_value


@dataclass(frozen=True, kw_only=True)
class Side:
    """One picture of a pair: its title, the CT as data URI, and the lines on it."""

    title: str
    uri: str
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True, kw_only=True)
class PairFigure:
    """A match on one slice at both times, in mm."""

    match: Match
    width_mm: float
    height_mm: float
    sides: tuple[Side, ...]


@dataclass(frozen=True, kw_only=True)
class ComparisonFigures:
    """Pictures of the first matches, and the color of every lesion by number, at both times."""

    pairs: tuple[PairFigure, ...]
    baseline_colors: Mapping[int, str]
    followup_colors: Mapping[int, str]


def draw_pairs(cases: ComparedCases, progress: Progress) -> ComparisonFigures:
    """Draw the matches. Raises `Cancelled`."""
    progress.update(0.0)
    matches = cases.comparison.matches
    colors = _colors(matches)
    drawer = _Drawer(cases, colors)
    progress.update(0.5)
    figures = []
    shown = matches[:MOST_TUMORS]
    for done, match in enumerate(shown):
        progress.update(0.5 + 0.5 * done / len(shown))
        figure = drawer.figure(match)
        if figure is not None:
            figures.append(figure)
    progress.update(1.0)
    return ComparisonFigures(pairs=tuple(figures), baseline_colors=colors[0], followup_colors=colors[1])


def _colors(matches: tuple[Match, ...]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the colors of the lesions of both times by number; those of one match have one color."""
    before: dict[int, str] = {}
    after: dict[int, str] = {}
    for place, match in enumerate(matches, start=1):
        before |= dict.fromkeys(match.baseline, tumor_color(place))
        after |= dict.fromkeys(match.followup, tumor_color(place))
    return before, after


class _Drawer:
    """What all figures share: both times on the baseline's grid."""

    def __init__(self, cases: ComparedCases, colors: tuple[dict[int, str], dict[int, str]]) -> None:
        self._cases, self._colors = cases, colors  # the arrays below are views
        grid, transform = cases.baseline.portal, cases.registration.transform
        self._there = resample_onto(cases.followup.instances, grid, transform, 0, sitk.sitkNearestNeighbor)
        self._axes = ImageAxes.of(grid)
        self._labels = [sitk.GetArrayViewFromImage(i) for i in (cases.baseline.instances, self._there)]
        rows = [
            ("baseline", cases.baseline.portal, 0),
            ("follow-up, registered", cases.registration.registered, 1),
        ]
        if cases.baseline.arterial is not None:
            rows.append(("baseline, arterial", cases.baseline.arterial, 0))
        if cases.followup.arterial is not None:
            moved = resample_onto(cases.followup.arterial, grid, transform)
            rows.append(("follow-up, arterial, registered", moved, 1))
        self._images = [image for _, image, _ in rows]
        self._sides = [(title, sitk.GetArrayViewFromImage(image), which) for title, image, which in rows]
        moved_tumors = measure_tumors(self._there, cases.registration.registered)
        self._moved = {tumor.number: tumor for tumor in moved_tumors}

    def figure(self, match: Match) -> PairFigure | None:
        """Return the figure of a match; None for a new lesion that comes to lie outside of the baseline."""
        tumor = self._largest(match)
        if tumor is None:
            return None
        view = KeySlice.of(tumor, self._axes)
        width, height = view.size_mm
        sides = tuple(
            Side(title=title, uri=png_data_uri(view.gray(hu)), strokes=self._strokes(view, which, match))
            for title, hu, which in self._sides
        )
        return PairFigure(match=match, width_mm=width, height_mm=height, sides=sides)

    def _largest(self, match: Match) -> TumorMeasurement | None:
        before = self._cases.baseline.point.tumors
        found = [before[n] for n in match.baseline] or [
            self._moved[n] for n in match.followup if n in self._moved
        ]
        return max(found, key=lambda tumor: tumor.volume_ml, default=None)

    def _strokes(self, view: KeySlice, which: int, match: Match) -> tuple[Stroke, ...]:
        labels: NDArray[np.integer] = view.piece(self._labels[which], 0, BEYOND)
        own = {tumor_value(n) for n in (match.followup if which else match.baseline)}
        strokes = [Stroke(path=svg_path(view.outline(labels > 0)), kind=LIVER)]
        for value in np.unique(labels[labels >= FIRST_TUMOR]).tolist():
            kind = "tumor" if value in own else "other"
            color = self._colors[which].get(tumor_number(value), "#999999")
            strokes.append(Stroke(path=svg_path(view.outline(labels == value)), kind=kind, color=color))
        return tuple(stroke for stroke in strokes if stroke.path)
