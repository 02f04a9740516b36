"""Longest diameter of a lesion in one slice, and the longest chord perpendicular to it.

A pixel is taken for the diamond whose corners are the midpoints of its sides, where the contour at half
height (marching squares) would cross the grid lines. A row of n pixels is then n pixels long and a single
pixel one pixel wide. Measured on discs rasterized at random places (a pixel belongs to the disc when its
center does), the diameter comes out 0.2 to 0.9 pixels too long and never a whole pixel wrong; between centers
it would be up to 1.6 pixels too short, between the pixels' outer corners up to 1.4 too long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Points = NDArray[np.float64]

MIDPOINTS = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])


@dataclass(frozen=True, kw_only=True)
class Chord:
    """A straight line between two points of a plane, (2,) in mm each."""

    start: Points
    end: Points

    @property
    def length_mm(self) -> float:
        """Its length."""
        return float(np.linalg.norm(self.end - self.start))


def hull_outline(mask: NDArray[Any], steps_mm: Points) -> Points:
    """Return the corners of the convex hull of a slice's pixels, in order, shape (N, 2) in mm.

    mask: (rows, columns) with at least one pixel. steps_mm: (2, 2); its rows are the steps in the plane from
    one row to the next and from one column to the next, at any angle to each other.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    solid = np.asarray(mask, bool)[rows]
    first = solid.argmax(axis=1)
    last = mask.shape[1] - 1 - solid[:, ::-1].argmax(axis=1)
    ends = np.stack([np.concatenate([rows, rows]), np.concatenate([first, last])], axis=1)
    points: Points = ((ends[:, None, :] + MIDPOINTS).reshape(-1, 2)) @ steps_mm
    return points[ConvexHull(points).vertices]


def longest_chord(outline: Points) -> Chord:
    """Return the longest line between two corners of a convex outline (N, 2)."""
    squared = ((outline[:, None, :] - outline[None, :, :]) ** 2).sum(axis=2)
    start, end = np.unravel_index(int(squared.argmax()), squared.shape)
    return Chord(start=outline[start], end=outline[end])


def perpendicular_chord(outline: Points, chord: Chord) -> Chord:
    """Return the longest line perpendicular to `chord` inside a convex outline (N, 2) in order.

    The length of the section through a convex outline is concave along the chord and changes its slope only
    at corners: the longest section goes through a corner. Sides perpendicular to the chord need no test of their
    own, since their ends belong to the adjacent sides.
    """
    along = (chord.end - chord.start) / chord.length_mm
    across = np.array([-along[1], along[0]])
    place, height = outline @ along, outline @ across
    next_place, next_height = np.roll(place, -1), np.roll(height, -1)
    span = next_place - place
    tolerance_mm = 1e-9
    sloped = np.abs(span) > tolerance_mm
    share = (place[:, None] - place) / np.where(sloped, span, 1.0)
    slack = tolerance_mm / np.where(sloped, np.abs(span), 1.0)
    crosses = sloped & (share >= -slack) & (share <= 1.0 + slack)
    crossing = height + share * (next_height - height)
    upper = np.where(crosses, crossing, -np.inf).max(axis=1)
    lower = np.where(crosses, crossing, np.inf).min(axis=1)
    best = int((upper - lower).argmax())
    foot = place[best] * along
    return Chord(start=foot + lower[best] * across, end=foot + upper[best] * across)
