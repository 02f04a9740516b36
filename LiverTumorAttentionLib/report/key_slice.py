"""Key slice: the axial slice of a tumor's longest diameter, as gray levels and with lines in mm.

The patient's right is on the left and the front at the top, in whatever order and direction the image's axes run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.planning import CutPlane, CutSurface
from LiverTumorAttentionLib.analysis.tumors import TumorMeasurement
from LiverTumorAttentionLib.pictures.contours import contours, level_lines
from LiverTumorAttentionLib.pictures.panel import gray_levels
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

Points = NDArray[np.float64]

AROUND_MM = 35.0
"""Margin around the longest diameter,"""
NARROWEST_MM = 90.0
"""and the smallest width and height in all."""
BEYOND = 2
"""Pixels by which the outlined region exceeds the shown one on all sides."""
TRACE_MM = 1.5
"""Steps in which the line of a curved surface is followed."""
PIXELS = 440
"""Width of the picture; its height follows from the slice's proportions."""


@dataclass(frozen=True)
class KeySlice:
    """A piece of a slice on the page.

    axes: of the image. across, down, right: the array axes across the slice, downwards and to the right.
    index: of the slice. start, stop: the pixels (down, right) that are shown, in the image's order; they may
    reach beyond it. turned: whether (down, right) runs against the image's order.
    """

    axes: ImageAxes
    across: int
    down: int
    right: int
    index: int
    start: tuple[int, int]
    stop: tuple[int, int]
    turned: tuple[bool, bool]

    @classmethod
    def of(cls, tumor: TumorMeasurement, axes: ImageAxes) -> KeySlice:
        """Choose the slice and the piece of it around the diameter."""
        across = axes.slice_axis
        first, second = (axis for axis in range(3) if axis != across)
        leftward = np.abs(axes.steps_mm[:, 0]) / np.linalg.norm(axes.steps_mm, axis=1)
        right, down = (first, second) if leftward[first] > leftward[second] else (second, first)
        ends = np.array(tumor.longest_axial_diameter_lps_mm)
        middle = axes.index_zyx(ends.mean(axis=0))
        half_mm = max(tumor.longest_axial_diameter_mm / 2 + AROUND_MM, NARROWEST_MM / 2)
        steps = axes.spacing_zyx_mm
        low = [round(middle[axis] - half_mm / steps[axis]) for axis in (down, right)]
        high = [round(middle[axis] + half_mm / steps[axis]) + 1 for axis in (down, right)]
        return cls(
            axes,
            across,
            down,
            right,
            tumor.slice_index,
            (low[0], low[1]),
            (high[0], high[1]),
            (bool(axes.steps_mm[down, 1] < 0), bool(axes.steps_mm[right, 0] < 0)),
        )

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        height, width = (
            (stop - start) * self.axes.spacing_zyx_mm[axis]
            for start, stop, axis in zip(self.start, self.stop, (self.down, self.right), strict=True)
        )
        return width, height

    def piece(self, array: NDArray[Any], outside: float, more: int = 0) -> NDArray[Any]:
        """Return the piece of an image's array (z, y, x) as it lies on the page; `outside` where it has none.

        more: so many pixels beyond what is shown, on all sides.
        """
        flat = np.take(array, self.index, axis=self.across)
        if flat.dtype.kind == "u":
            flat = flat.astype(np.int64)  # `outside` may be negative
        if self.down > self.right:
            flat = flat.T
        bounds = [
            (low - more, high + more, length)
            for low, high, length in zip(self.start, self.stop, flat.shape, strict=True)
        ]
        room = [(max(0, -low), max(0, high - length)) for low, high, length in bounds]
        inside = tuple(slice(max(0, low), max(0, high)) for low, high, _ in bounds)
        whole = np.pad(flat[inside], room, constant_values=outside)
        return whole[:: -1 if self.turned[0] else 1, :: -1 if self.turned[1] else 1]

    def gray(self, hu: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the region of a CT as gray levels (rows, columns)."""
        width, height = self.size_mm
        shape = (max(1, round(PIXELS * height / width)), PIXELS)
        return gray_levels(self.piece(hu, OUTSIDE_HU), shape)

    def outline(self, mask: NDArray[np.bool_]) -> list[Points]:
        """Return the closed lines around a mask as (x, y) in mm on the page.

        mask: as `piece` gives it with `BEYOND` pixels more, so that a line runs on where the page ends.
        """
        steps = np.array([self.axes.spacing_zyx_mm[self.down], self.axes.spacing_zyx_mm[self.right]])
        return [((line + 0.5 - BEYOND) * steps)[:, ::-1] for line in contours(mask)]

    def place(self, position_lps_mm: Sequence[float]) -> tuple[float, float]:
        """Return where a position of the patient lies on the page, (x, y) in mm."""
        index = self.axes.index_zyx(np.asarray(position_lps_mm, float))
        along = []
        for axis, low, high, turned in zip(
            (self.down, self.right), self.start, self.stop, self.turned, strict=True
        ):
            from_edge = high - 0.5 - index[axis] if turned else index[axis] - low + 0.5
            along.append(float(from_edge) * self.axes.spacing_zyx_mm[axis])
        return along[1], along[0]

    def crossing(self, plane: CutPlane) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Return the ends of the line in which a plane cuts the piece, (x, y) in mm; None where it does not."""
        width, height = self.size_mm
        corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
        distance = [float(plane.height_mm(self._position(corner))) for corner in corners]
        ends = []
        for side in range(4):
            here, there = distance[side], distance[(side + 1) % 4]
            if (here < 0) != (there < 0):
                share = here / (here - there)
                (x, y), (to_x, to_y) = corners[side], corners[(side + 1) % 4]
                ends.append((x + share * (to_x - x), y + share * (to_y - y)))
        return (ends[0], ends[1]) if len(ends) == 2 else None

    def trace(self, surface: CutSurface) -> list[Points]:
        """Return the lines in which a curved surface cuts the piece, (x, y) in mm."""
        width, height = self.size_mm
        x, y = (np.linspace(0.0, length, 1 + round(length / TRACE_MM)) for length in (width, height))
        places = np.stack(np.meshgrid(x, y), axis=-1)
        lines = level_lines(surface.height_mm(self._position(places)))
        step = np.array([width / (len(x) - 1), height / (len(y) - 1)])
        return [line[:, ::-1] * step for line in lines]

    def _position(self, place: tuple[float, float] | Points) -> Points:
        """Return the positions of the patient at places (..., 2) of the page: the inverse of `place`."""
        laid = np.asarray(place, float)
        index = np.zeros((*laid.shape[:-1], 3))
        index[..., self.across] = self.index
        for axis, along, low, high, turned in zip(
            (self.down, self.right), (1, 0), self.start, self.stop, self.turned, strict=True
        ):
            pixels = laid[..., along] / self.axes.spacing_zyx_mm[axis]
            index[..., axis] = high - 0.5 - pixels if turned else low - 0.5 + pixels
        return self.axes.position_mm(index)
