"""Figures of a report: CT as gray PNG, outlines and diameters as SVG paths in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import CaseReview, TumorReview
from LiverTumorAttentionLib.analysis.enhancement import PHASES
from LiverTumorAttentionLib.io import liver_segment, tumor_segment
from LiverTumorAttentionLib.pictures.png import png_data_uri
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.key_slice import BEYOND, KeySlice, Points
from LiverTumorAttentionLib.report.liver_views import RESECTED_COLOR, Scene, View, vessel_color
from LiverTumorAttentionLib.report.plan import CasePlan
from LiverTumorAttentionLib.report.report_inputs import ReportCase
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, Line
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_number, tumor_value

MOST_TUMORS = 20
"""Number of tumors that have pictures, the first in order; the tables list all."""
LIVER, MARGIN, PLANE = "liver", "margin", "plane"


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A line on a slice. path: as SVG writes it, in mm; kind: how the page draws it; color: of its own, or empty."""

    path: str
    kind: str
    color: str = ""


@dataclass(frozen=True, kw_only=True)
class Ruler:
    """A diameter on a slice: its ends and where its length is written, (x, y) in mm."""

    start: tuple[float, float]
    end: tuple[float, float]
    label: tuple[float, float]
    length_mm: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class TumorFigure:
    """The key slice of one tumor. phases: (name, PNG as data URI) one beside the other."""

    number: int
    width_mm: float
    height_mm: float
    phases: tuple[tuple[str, str], ...]
    strokes: tuple[Stroke, ...]
    rulers: tuple[Ruler, ...]


@dataclass(frozen=True, kw_only=True)
class SideView:
    """A view of the whole liver: PNG as data URI with its size in pixels, and the letters at its edges."""

    name: str
    letters: tuple[str, str, str, str]
    width: int
    height: int
    uri: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All pictures of a report.

    views: of the liver; cuts: of each resection, likewise. tumors: by number. tumor_colors: by number, of all.
    vessel_colors: (name, color) in the order of the vessels. liver_color, resected_color: of the liver, and of
    what is taken out of it.
    """

    views: tuple[SideView, ...]
    cuts: tuple[tuple[SideView, ...], ...]
    tumors: dict[int, TumorFigure]
    tumor_colors: dict[int, str]
    vessel_colors: tuple[tuple[str, str], ...]
    liver_color: str
    resected_color: str


def draw(case: ReportCase, review: CaseReview, plan: CasePlan | None, progress: Progress) -> Figures:
    """Draw all pictures. Raises `Cancelled`."""
    scene = Scene(case.instances, case.vessels, progress.part(0.0, 0.6))
    views = _side_views(scene.views())
    cuts = []
    for resection in () if plan is None else plan.resections:
        progress.update(0.6)
        planned = resection.plan
        cuts.append(_side_views(scene.views(planned.planes, planned.combine, planned.surface)))
    drawer = _SliceDrawer(case, review, plan)
    figures = {}
    shown = review.tumors[:MOST_TUMORS]
    for done, tumor in enumerate(shown):
        progress.update(0.65 + 0.35 * done / len(shown))
        figures[tumor.number] = drawer.figure(tumor)
    progress.update(1.0)
    names = () if case.vessels is None else tuple(case.vessels.names.values())
    return Figures(
        views=views,
        cuts=tuple(cuts),
        tumors=figures,
        tumor_colors={tumor.number: tumor_color(tumor.number) for tumor in review.tumors},
        vessel_colors=tuple((name, _css(vessel_color(place))) for place, name in enumerate(names)),
        liver_color=_css(liver_segment().color),
        resected_color=_css(RESECTED_COLOR),
    )


def tumor_color(number: int) -> str:
    """Return the color of a tumor as CSS writes it; the one that its segment has in a viewer."""
    return _css(tumor_segment(tumor_value(number)).color)


class _SliceDrawer:
    """What the key slices of all tumors share: arrays, and the plan's lines."""

    def __init__(self, case: ReportCase, review: CaseReview, plan: CasePlan | None) -> None:
        self._case, self._review, self._plan = case, review, plan  # the arrays below are views
        self._axes = ImageAxes.of(case.instances)
        self._labels = sitk.GetArrayViewFromImage(case.instances)
        self._phases = [
            ("portal venous" if phase == "portal" else phase, sitk.GetArrayViewFromImage(case.phases[phase]))
            for phase in PHASES
            if phase in case.phases
        ]
        self._margins = [sitk.GetArrayViewFromImage(m.plan.mask) for m in plan.margins] if plan else []

    def figure(self, tumor: TumorReview) -> TumorFigure:
        """Return the figure of a tumor."""
        measured = tumor.measurement
        view = KeySlice.of(measured, self._axes)
        width, height = view.size_mm
        return TumorFigure(
            number=tumor.number,
            width_mm=width,
            height_mm=height,
            phases=tuple((name, png_data_uri(view.gray(hu))) for name, hu in self._phases),
            strokes=tuple(self._strokes(view, tumor.number)),
            rulers=(
                _ruler(
                    view,
                    measured.longest_axial_diameter_lps_mm,
                    measured.longest_axial_diameter_mm,
                    "longest",
                ),
                _ruler(
                    view,
                    measured.perpendicular_diameter_lps_mm,
                    measured.perpendicular_diameter_mm,
                    "perpendicular",
                ),
            ),
        )

    def _strokes(self, view: KeySlice, number: int) -> list[Stroke]:
        labels = view.piece(self._labels, 0, BEYOND)
        strokes = [Stroke(path=svg_path(view.outline(labels > 0)), kind=LIVER)]
        for mask in self._margins:
            strokes.append(Stroke(path=svg_path(view.outline(view.piece(mask, 0, BEYOND) > 0)), kind=MARGIN))
        for resection in self._plan.resections if self._plan else ():
            for plane in resection.plan.planes:
                ends = view.crossing(plane)
                if ends is not None:
                    strokes.append(Stroke(path=svg_path([np.array(ends)], closed=False), kind=PLANE))
            if resection.plan.surface is not None:
                lines = view.trace(resection.plan.surface)
                strokes.append(Stroke(path=svg_path(lines, closed=False), kind=PLANE))
        value = tumor_value(number)
        for other in np.unique(labels[labels >= FIRST_TUMOR]).tolist():
            kind = "tumor" if other == value else "other"
            color = tumor_color(tumor_number(other))
            strokes.append(Stroke(path=svg_path(view.outline(labels == other)), kind=kind, color=color))
        return [stroke for stroke in strokes if stroke.path]


def _ruler(view: KeySlice, line: Line, length_mm: float, kind: str) -> Ruler:
    """Return a diameter on the page, its length written beyond that end which leaves more room."""
    start, end = (np.array(view.place(point)) for point in line)
    way = end - start
    right = end if way[0] >= 0 else start
    outward = way if way[0] >= 0 else -way
    outward = outward / max(float(np.linalg.norm(outward)), 1e-9)
    label = right + 2.0 * outward
    return Ruler(
        start=(float(start[0]), float(start[1])),
        end=(float(end[0]), float(end[1])),
        label=(float(label[0]), float(label[1])),
        length_mm=length_mm,
        kind=kind,
    )


def svg_path(lines: Sequence[Points], *, closed: bool = True) -> str:
    """Return lines as an SVG path, to a hundredth of a millimeter."""
    parts = []
    for line in lines:
        places = "L".join(f"{x:.2f} {y:.2f}" for x, y in line)
        parts.append(f"M{places}{'Z' if closed else ''}")
    return "".join(parts)


def _side_views(views: Sequence[View]) -> tuple[SideView, ...]:
    return tuple(
        SideView(
            name=view.name,
            letters=view.letters,
            width=view.picture.shape[1],
            height=view.picture.shape[0],
            uri=png_data_uri(view.picture),
        )
        for view in views
    )


def _css(color: Sequence[float]) -> str:
    red, green, blue = (round(255 * part) for part in color)
    return f"#{red:02x}{green:02x}{blue:02x}"
