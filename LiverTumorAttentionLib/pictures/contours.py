"""The outline of a mask in a slice, as closed lines.

The line runs through the midpoints between a pixel of the mask and a neighbor that is none: marching squares
at half height. It is the outline that `analysis.axial_diameter` measures, so that a diameter ends on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Sides of a cell of four pixel centers: top, right, bottom, left, as (row, column) from its first center on.
_MIDDLES = ((0, 1), (1, 2), (2, 1), (1, 0))
"""In half pixels, so that they are whole numbers."""
_CROSSINGS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),),
    2: ((0, 1),),
    3: ((3, 1),),
    4: ((1, 2),),
    5: ((3, 0), (1, 2)),
    6: ((0, 2),),
    7: ((3, 2),),
    8: ((2, 3),),
    9: ((2, 0),),
    10: ((0, 1), (2, 3)),
    11: ((2, 1),),
    12: ((1, 3),),
    13: ((1, 0),),
    14: ((0, 3),),
}
"""From which side to which the line runs, by the cell's pixels: 1 first, 2 right of it, 4 across, 8 below it.
Pixels that touch at a corner alone are kept apart."""


def contours(mask: NDArray[np.bool_]) -> list[Points]:
    """Return the closed lines around a mask (rows, columns), holes included.

    Each is (N, 2): row and column in pixels from the center of the first pixel on; the last point is followed by
    the first. Points on a straight stretch are left out.
    """
    padded = np.pad(np.asarray(mask, bool), 1)
    kind = padded[:-1, :-1] + 2 * padded[:-1, 1:] + 4 * padded[1:, 1:] + 8 * padded[1:, :-1]
    following: dict[tuple[int, int], tuple[int, int]] = {}
    for row, column in np.argwhere((kind > 0) & (kind < 15)):
        for start, end in _CROSSINGS[int(kind[row, column])]:
            following[_place(row, column, start)] = _place(row, column, end)
    lines = []
    while following:
        first, place = next(iter(following.items()))
        line = [first]
        del following[first]
        while place != first:
            line.append(place)
            place = following.pop(place)
        lines.append(_without_straight(np.array(line, float) / 2 - 1))
    return lines


def level_lines(values: NDArray[np.float64]) -> list[Points]:
    """Return the lines in which values (rows, columns) pass 0, interpolated; each is (N, 2): row and column.

    A line begins and ends at the edge; one that does neither is closed, and its first point is its last. Values of
    exactly 0 count as above.
    """
    above = np.asarray(values) >= 0
    kind = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    following: dict[tuple[int, int], tuple[int, int]] = {}
    for row, column in np.argwhere((kind > 0) & (kind < 15)):
        for start, end in _CROSSINGS[int(kind[row, column])]:
            following[_place(row, column, start)] = _place(row, column, end)
    lines = []
    begins = sorted(set(following) - set(following.values()))
    while following:
        place = begins.pop() if begins else next(iter(following))
        line = [place]
        while place in following:
            place = following.pop(place)
            line.append(place)
        lines.append(np.array([_passes(values, *each) for each in line]))
    return lines


def _passes(values: NDArray[np.float64], row: int, column: int) -> tuple[float, float]:
    """Return where values pass 0 on the side of a cell whose middle is given in half steps."""
    low, high = (row // 2, column // 2), (-(-row // 2), -(-column // 2))
    before, after = float(values[low]), float(values[high])
    share = before / (before - after) if before != after else 0.5
    return low[0] + share * (high[0] - low[0]), low[1] + share * (high[1] - low[1])


def _place(row: int, column: int, side: int) -> tuple[int, int]:
    return 2 * int(row) + _MIDDLES[side][0], 2 * int(column) + _MIDDLES[side][1]


def _without_straight(line: Points) -> Points:
    before, after = line - np.roll(line, 1, axis=0), np.roll(line, -1, axis=0) - line
    bends = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9
    return line[bends]
