"""Landmarks that a map of segments suggests, for a reader to move: those whose planes agree with it best, nearly.

They begin where they lie in most livers, and at ends and middles of the borders between segments, and are then moved
one by one, along one axis at a time, by steps that shrink, as long as the planes agree better with the map: mean Dice
over its segments, on a sample of its voxels. No vessel is looked at, and the map may be a proposal itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.segments.landmarks import Landmarks, segments_at
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, box_start
from LiverTumorAttentionLib.voxels.couinaud import roman
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, as_point

END_SHARE = 0.05
"""How much of a border counts as its end."""
STEPS_MM = (16.0, 8.0, 4.0, 2.0)
"""By how much a landmark is moved at a time, one after the other."""
ROUNDS = 6
"""How often all landmarks are moved by a step, at most."""
SAMPLE = 4000
"""How many voxels of the map are looked at."""

LEAST_SEGMENTS = 6
TYPICAL = {
    "cava": np.array([0.45, 0.70, 0.85]),
    "right_hepatic_vein": np.array([0.10, 0.45, 0.70]),
    "middle_hepatic_vein": np.array([0.42, 0.15, 0.75]),
    "left_hepatic_vein": np.array([0.95, 0.25, 0.70]),
    "portal_bifurcation": np.array([0.40, 0.50, 0.45]),
    "gallbladder": np.array([0.38, 0.15, 0.15]),
    "umbilical_fissure": np.array([0.58, 0.25, 0.50]),
}
"""Places in the liver's box, 0 to 1 from right to left, from front to back, from below to above."""

Places = NDArray[np.float64]
"""Positions (n, 3), LPS mm."""


def landmarks_of(labels: sitk.Image) -> Landmarks:
    """Return the landmarks that a map of segments, 1 to 8, suggests; the same map gives the same ones.

    Raises `InputError` for a map with fewer than six of the segments.
    """
    values = sitk.GetArrayViewFromImage(labels)
    box = bounding_box(values)
    if box is None:
        raise InputError("the map of segments is empty: give one with segments in it")
    inside, axes = values[box], ImageAxes.of(labels).of_part(box_start(box))
    index = np.argwhere(inside > 0)
    index = index[:: max(1, len(index) // SAMPLE)]
    place, truth = axes.position_mm(index), inside[tuple(index.T)].astype(np.uint8)
    present = np.unique(truth).tolist()
    if len(present) < LEAST_SEGMENTS:
        raise InputError(
            f"the map shows the segments {', '.join(map(roman, present))} alone, too few to place landmarks by: give "
            "one of a whole liver, or set the landmarks by hand"
        )
    starts = [_typical(place)]
    with contextlib.suppress(
        InputError
    ):  # segments do not touch that should, or their borders span no planes
        starts.append(_at_borders(_Borders(inside, axes)))
    moved = [_moved(start, place, truth) for start in starts]
    return max(moved, key=lambda found: _agreement(found, place, truth))


def _typical(place: Places) -> Landmarks:
    """Return landmarks where they lie in the box of most livers. place: of the liver's voxels."""
    low, high = place.min(axis=0), place.max(axis=0)
    return Landmarks(**{name: as_point(low + share * (high - low)) for name, share in TYPICAL.items()})


def _at_borders(borders: _Borders) -> Landmarks:
    """Return landmarks at ends and middles of the borders between segments. Raises `InputError`."""
    dome, medial = borders.between([4], [8]), borders.between([2], [3])
    cava = _end(borders.between([1], [2, 4, 7, 8]), lambda p: p[:, 2])
    bifurcation = _end(borders.between([1], [4, 5, 8]), lambda p: -p[:, 0] - p[:, 1])
    bifurcation[2] = borders.between([5, 6], [7, 8])[:, 2].mean()
    umbilical = borders.between([2, 3], [4]).mean(axis=0)
    umbilical[2] = medial[:, 2].mean()
    far = borders.between([7], [8])
    return Landmarks(
        cava=as_point(cava),
        middle_hepatic_vein=as_point(_end(dome, lambda p: p[:, 2] - p[:, 1])),
        gallbladder=as_point(_end(borders.between([4], [5]), lambda p: -p[:, 1] - p[:, 2])),
        right_hepatic_vein=as_point(_end(far, lambda p: np.linalg.norm(p - cava, axis=1))),
        portal_bifurcation=as_point(bifurcation),
        umbilical_fissure=as_point(umbilical),
        left_hepatic_vein=as_point(_end(medial, lambda p: p[:, 0])),
    )


def _moved(landmarks: Landmarks, place: Places, truth: NDArray[np.uint8]) -> Landmarks:
    """Return landmarks moved so that their planes agree better with segments at positions (n, 3)."""
    best = _agreement(landmarks, place, truth)
    names = [name for name, value in landmarks.as_dict().items() if value is not None]
    for step in STEPS_MM:
        for _ in range(ROUNDS):
            before = best
            for name, axis, way in product(names, range(3), (step, -step)):
                point = list(getattr(landmarks, name))
                point[axis] += way
                try:
                    tried = replace(landmarks, **{name: tuple(point)})
                except InputError:
                    continue  # on one line with others
                score = _agreement(tried, place, truth)
                if score > best:
                    landmarks, best = tried, score
            if best == before:
                break
    return landmarks


def _agreement(landmarks: Landmarks, place: Places, truth: NDArray[np.uint8]) -> float:
    """Return the mean Dice over the segments that the truth shows."""
    both = 9 * truth.astype(np.intp) + segments_at(place, landmarks)
    table = np.bincount(both, minlength=81).reshape(9, 9)
    wanted, found = table.sum(axis=1), table.sum(axis=0)
    shown = wanted > 0
    return float((2 * table.diagonal()[shown] / (wanted + found)[shown]).mean())


class _Borders:
    """Where segments of a map touch. values: the map (z, y, x); axes: its geometry."""

    def __init__(self, values: NDArray[np.integer], axes: ImageAxes) -> None:
        self._values, self._axes = values, axes

    def between(self, first: Sequence[int], second: Sequence[int]) -> Places:
        """Return the middles of the faces between two groups of segments. Raises `InputError` where there is none."""
        index = self._middles(first, second)
        if not len(index):
            names = [", ".join(roman(number) for number in group) for group in (first, second)]
            raise InputError(
                f"the segments {names[0]} touch nowhere {names[1]}, so that no landmark can be told: correct the map, "
                "or set the landmarks by hand"
            )
        return self._axes.position_mm(index)

    def _middles(self, first: Sequence[int], second: Sequence[int]) -> NDArray[np.float64]:
        one, other = np.isin(self._values, first), np.isin(self._values, second)
        found = []
        for axis in range(3):
            before = tuple(slice(0, -1) if a == axis else slice(None) for a in range(3))
            behind = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
            faces = (one[before] & other[behind]) | (other[before] & one[behind])
            middle = np.argwhere(faces).astype(float)
            middle[:, axis] += 0.5
            found.append(middle)
        return np.concatenate(found)


def _end(places: Places, along: Callable[[Places], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of those places that lie farthest along."""
    order = np.argsort(-along(places), kind="stable")
    return np.asarray(places[order[: max(1, int(END_SHARE * len(places)))]].mean(axis=0))
