"""Rendered views of the translucent liver with tumors, vessels and cutting planes, from three sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.analysis.planning import Combination, CutPlane, CutSurface, Sheet, lies_beyond
from LiverTumorAttentionLib.io import liver_segment, tumor_segment
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.projection import (
    VIEW_DIRECTIONS,
    Color,
    Layer,
    ViewDirection,
    VisibleSurface,
    composite,
    shaded,
    visible_sheet,
    visible_surface,
)
from LiverTumorAttentionLib.report.solids import LEVEL, IsotropicGrid, Solid, height_field, smoothed_solid
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, label_boxes
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR

VESSEL_COLORS: tuple[Color, ...] = (
    (0.36, 0.52, 0.95),
    (0.60, 0.40, 0.88),
    (0.92, 0.30, 0.28),
    (0.20, 0.72, 0.80),
)
RESECTED_COLOR: Color = (0.32, 0.50, 0.86)
CUT_COLOR: Color = (0.55, 0.70, 1.0)
CLEAR, RIM = 0.28, 0.60
"""Opacity of the liver at normal incidence, and what is added towards its silhouette."""
CUT_OPACITY = 0.35
LIVER_SMOOTHING, TUMOR_SMOOTHING, VESSEL_SMOOTHING = 1.0, 0.6, (0.5, 0.3)
"""In voxels; for vessels also the level, so that thin branches do not break up."""


@dataclass(frozen=True, kw_only=True)
class View:
    """An RGBA picture (rows, columns, 4), the name of its direction of view, and the letters at its edges."""

    name: str
    letters: tuple[str, str, str, str]
    picture: NDArray[np.uint8]


def vessel_color(place: int) -> Color:
    """Return the color of the vessel at a place in the list of vessels."""
    return VESSEL_COLORS[place % len(VESSEL_COLORS)]


class Scene:
    """The solids of a case, prepared once, to be rendered with or without cutting planes.

    instances: 0 background, 1 liver, 2, 3, … one value a tumor; a liver is there. vessels: on the same grid.
    Raises `Cancelled`.
    """

    def __init__(self, instances: sitk.Image, vessels: Vessels | None, progress: Progress) -> None:
        progress.update(0.0)
        labels = sitk.GetArrayViewFromImage(instances)
        whole = bounding_box(labels)
        if whole is None:
            raise ValueError("a scene needs a liver")
        self._cubes = IsotropicGrid.around(whole, ImageAxes.of(instances))
        liver = smoothed_solid(
            labels[whole] > 0, whole, instances, self._cubes, smoothing_voxels=LIVER_SMOOTHING
        )
        if liver is None:
            raise ValueError("a scene needs a liver")
        self._liver = liver
        progress.update(0.4)
        self._bodies: list[tuple[Solid, Color]] = []
        boxes = label_boxes(labels)
        for value, box in boxes.items():
            if value >= FIRST_TUMOR:
                progress.update(0.4 + 0.4 * value / max(boxes))
                self._add(labels[box] == value, box, instances, tumor_segment(value).color, TUMOR_SMOOTHING)
        if vessels is not None:
            for place, value in enumerate(vessels.names):
                progress.check()
                box, color = vessels.boxes[value], vessel_color(place)
                self._add(vessels.array[box] == value, box, instances, color, *VESSEL_SMOOTHING)
        self._glass: dict[str, VisibleSurface] = {}
        self._inside: dict[str, Layer] = {}
        self._field: tuple[CutSurface, Solid] | None = None
        for done, direction in enumerate(VIEW_DIRECTIONS):
            progress.update(0.8 + 0.2 * done / len(VIEW_DIRECTIONS))
            self._glass[direction.name] = visible_surface(self._liver, direction, self._cubes)
            self._inside[direction.name] = self._bodies_from(direction)
        progress.update(1.0)

    def views(
        self,
        planes: Sequence[CutPlane] = (),
        combine: Combination = "all",
        surface: CutSurface | None = None,
    ) -> list[View]:
        """Return the scene from every side; what planes and a curved surface resect is in another color."""
        return [
            View(
                name=direction.name,
                letters=direction.letters,
                picture=self._view(direction, planes, combine, surface),
            )
            for direction in VIEW_DIRECTIONS
        ]

    def _add(
        self,
        mask: NDArray[np.bool_],
        box: Box,
        image: sitk.Image,
        color: Color,
        smoothing: float,
        level: float = LEVEL,
    ) -> None:
        solid = smoothed_solid(mask, box, image, self._cubes, smoothing_voxels=smoothing, level=level)
        if solid is not None:
            self._bodies.append((solid, color))

    def _bodies_from(self, direction: ViewDirection) -> Layer:
        """Return all that is not glass as one sheet: the nearest at every pixel."""
        size = direction.size(self._cubes)
        depth = np.full(size, np.inf, np.float32)
        color = np.zeros((*size, 3), np.float32)
        for solid, body_color in self._bodies:
            front = visible_surface(solid, direction, self._cubes)
            nearer = front.depth < depth
            depth[nearer] = front.depth[nearer]
            color[nearer] = shaded(front.normal[nearer], body_color)
        return Layer(depth, color, np.ones(size, np.float32))

    def _view(
        self,
        direction: ViewDirection,
        planes: Sequence[CutPlane],
        combine: Combination,
        surface: CutSurface | None,
    ) -> NDArray[np.uint8]:
        glass = self._glass[direction.name]
        liver_color: Any = np.asarray(liver_segment().color, np.float32)
        sheets: list[Sheet] = [*planes, *([] if surface is None else [surface])]
        if sheets:
            places = self._positions(direction, np.where(np.isfinite(glass.depth), glass.depth, 0.0))
            gone = lies_beyond(sheets, combine, places)
            liver_color = np.where(gone[..., None], np.asarray(RESECTED_COLOR, np.float32), liver_color)
        clear = CLEAR + RIM * (1.0 - np.abs(glass.normal[..., 0])) ** 2
        layers = [
            self._inside[direction.name],
            Layer(glass.depth, shaded(glass.normal, liver_color), clear.astype(np.float32)),
        ]
        for plane in planes:
            others = [sheet for sheet in sheets if sheet is not plane]
            layers.append(self._cut(direction, plane, others, combine))
        if surface is not None:
            layers.append(self._curved_cut(direction, surface, planes, combine))
        return composite(layers)

    def _curved_cut(
        self, direction: ViewDirection, surface: CutSurface, others: Sequence[Sheet], combine: Combination
    ) -> Layer:
        """Return the piece of a curved surface that cuts the liver. others: what cuts with it."""
        if self._field is None or self._field[0] is not surface:
            self._field = (surface, height_field(surface, self._liver, self._cubes))
        sheet = visible_sheet(self._field[1], self._liver, direction, self._cubes)
        places = self._positions(direction, np.where(np.isfinite(sheet.depth), sheet.depth, 0.0))
        shown = np.where(_cuts_there(others, combine, places), sheet.depth, np.inf).astype(np.float32)
        opacity = np.full(shown.shape, CUT_OPACITY, np.float32)
        return Layer(shown, shaded(sheet.normal, CUT_COLOR), opacity)

    def _cut(
        self, direction: ViewDirection, plane: CutPlane, others: Sequence[Sheet], combine: Combination
    ) -> Layer:
        """Return the piece of a plane that cuts the liver. others: what cuts with it."""
        rows, columns = direction.size(self._cubes)
        zero = np.zeros((rows, columns), np.float32)
        first = plane.height_mm(self._positions(direction, zero))
        slope = first[0, 0] - plane.height_mm(self._positions(direction, zero[:1, :1] + 1.0))[0, 0]
        depth = first / slope if abs(slope) > 1e-6 else np.full_like(first, np.inf)
        deepest = self._cubes.shape[direction.order[0]] - 1
        hit = np.nonzero((depth >= 0) & (depth <= deepest))
        places = self._positions(direction, np.where(np.isfinite(depth), depth, 0.0))[hit]
        inside = self._in_liver(places) & _cuts_there(others, combine, places)
        shown = np.full((rows, columns), np.inf, np.float32)
        shown[hit] = np.where(inside, depth[hit], np.inf)
        normal = direction.vector(plane.unit_normal)
        normal = normal if normal[0] < 0 else -normal
        color = shaded(np.broadcast_to(normal.astype(np.float32), (rows, columns, 3)), CUT_COLOR)
        return Layer(shown, color, np.full((rows, columns), CUT_OPACITY, np.float32))

    def _positions(self, direction: ViewDirection, depth: NDArray[Any]) -> NDArray[np.float64]:
        """Return the LPS positions (rows, columns, 3) of pixels at a depth in cubes."""
        pixels: NDArray[Any] = np.indices(depth.shape)
        index = np.empty((*depth.shape, 3))
        laid = (depth, pixels[0], pixels[1])
        for axis, turned, along in zip(direction.order, direction.turned, laid, strict=True):
            index[..., axis] = self._cubes.shape[axis] - 1 - along if turned else along
        return self._cubes.origin_mm + self._cubes.step_mm * index[..., ::-1]

    def _in_liver(self, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
        cubes = np.rint((positions - self._cubes.origin_mm) / self._cubes.step_mm).astype(int)[..., ::-1]
        cubes -= np.array(self._liver.start)
        shape = np.array(self._liver.values.shape)
        inside = np.asarray(np.all((cubes >= 0) & (cubes < shape), axis=-1))
        inside[inside] = self._liver.values[tuple(cubes[inside].T)] >= self._liver.level
        return inside


def _cuts_there(
    others: Sequence[Sheet], combine: Combination, positions: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return where a sheet bounds what is taken out: beyond all others, or beyond none of them."""
    if not others:
        return np.ones(positions.shape[:-1], bool)
    beyond = lies_beyond(others, combine, positions)
    return beyond if combine == "all" else ~beyond
