"""The lesions of a correction: numbers that stay, where they are, and what was decided about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.algorithm.parenchyma import Parenchyma, of_case
from LiverTumorAttentionLib.correction.case import CorrectionCase, Point, Voxel
from LiverTumorAttentionLib.correction.packed_mask import PackedMask
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import (
    Box,
    bounding_box,
    box_start,
    expanded_box,
    label_boxes,
    margin_voxels,
)
from LiverTumorAttentionLib.voxels.labels import LIVER

Status = Literal["draft", "accepted", "rejected"]
STATUSES: tuple[str, ...] = get_args(Status)
MOST_LESIONS = 65534


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A voxel that a user said belongs to a lesion, or does not.

    reach_mm: how far it lay from the outline when it was placed: how much it is about.
    """

    voxel: Voxel
    reach_mm: float


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """What is known of a lesion beside its voxels.

    number: 1, 2, …, as in "Tumor 1"; kept while the lesion lives; its value in the instances is one more.
    status: a draft can be changed; what is accepted or rejected is left alone until it is a draft again.
    edited: whether a person has changed its voxels.
    box: the smallest box (z, y, x) that holds it. region: what a rejected lesion covered, None for others.
    include, exclude: what was said about its voxels so far.
    """

    number: int
    box: Box
    status: Status = "draft"
    edited: bool = False
    include: tuple[Seed, ...] = ()
    exclude: tuple[Seed, ...] = ()
    region: PackedMask | None = None


class LesionMap:
    """The labels and the lesions of a session as tools see them: to be read.

    labels: uint16 (z, y, x) of the portal grid: 0 background, 1 liver, n + 1 lesion n. A rejected lesion has no
    voxels here.
    """

    def __init__(self, case: CorrectionCase) -> None:
        self.case = case
        self.labels: NDArray[np.uint16] = case.start.astype(np.uint16)
        self.lesions: dict[int, Lesion] = {
            value - LIVER: Lesion(number=value - LIVER, box=box)
            for value, box in label_boxes(self.labels).items()
            if value > LIVER
        }
        self.next_number = max(self.lesions, default=0) + 1

    def see(self, case: CorrectionCase) -> None:
        """Look at other volumes from now on; the portal volume and the start are the same."""
        self.case = case
        self.__dict__.pop("parenchyma", None)

    @cached_property
    def parenchyma(self) -> Parenchyma:
        """What most of the liver looks like, found when it is first asked for."""
        return of_case(self.case)

    def lesion(self, number: int) -> Lesion:
        """Return a lesion. Raises `InputError` for a number that none has."""
        if number not in self.lesions:
            raise InputError(f"there is no lesion {number}: {self._known()}")
        return self.lesions[number]

    def editable(self, number: int) -> Lesion:
        """Return a lesion that may be changed. Raises `InputError` for an accepted or rejected one."""
        lesion = self.lesion(number)
        if lesion.status != "draft":
            raise InputError(f"lesion {number} is {lesion.status}: make it a draft again to change it")
        return lesion

    def target(self, lesion: int | None, point: Point | None, *, within_mm: float = 3.0) -> int:
        """Return the number of the lesion that is named, or that lies at a point or so near to it.

        Raises `InputError` when neither or both are given, or when nothing is there.
        """
        if (lesion is None) == (point is None):
            raise InputError("say which lesion is meant, by its number or by a point in it, not both")
        if lesion is not None:
            return self.lesion(lesion).number
        if point is None:
            raise ValueError("unreachable")
        found = self.near(self.case.voxel_at(point), within_mm)
        if found is None:
            raise InputError(
                f"there is no lesion within {within_mm:g} mm of the point {words(point)}: click on a lesion"
            )
        return found

    def near(self, voxel: Voxel, within_mm: float) -> int | None:
        """Return the lesion nearest to a voxel, of equally near ones the lowest number; None when all are farther."""
        if self.labels[voxel] > LIVER:
            return int(self.labels[voxel]) - LIVER
        box = self.around([voxel], within_mm)
        places = np.argwhere(self.labels[box] > LIVER)
        if not len(places):
            return None
        steps = (places + box_start(box) - voxel) * self.case.spacing_mm
        distance = np.sqrt((steps**2).sum(axis=1))
        values = self.labels[box][tuple(places.T)]
        best = np.lexsort((values, np.round(distance, 6)))[0]
        return int(values[best]) - LIVER if distance[best] <= within_mm else None

    def mask(self, number: int, box: Box) -> NDArray[np.bool_]:
        """Return the voxels of a lesion in a box."""
        return np.asarray(self.labels[box] == number + LIVER)

    def taken(self, number: int | None, box: Box) -> NDArray[np.bool_]:
        """Return the voxels of a box that belong to other lesions."""
        labels = self.labels[box]
        others = labels > LIVER
        return others if number is None else others & (labels != number + LIVER)

    def organ(self, box: Box) -> NDArray[np.bool_]:
        """Return the liver, lesions included, as it was when the correction began."""
        return np.asarray(self.case.start[box] >= LIVER)

    def around(self, voxels: Iterable[Voxel], margin_mm: float) -> Box:
        """Return the box around voxels with a margin, cut off where the volume ends."""
        places = np.asarray(list(voxels))
        low, high = places.min(axis=0), places.max(axis=0)
        box = tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
        return expanded_box(box, margin_voxels(margin_mm, self.case.spacing_mm), self.labels.shape)

    def widened(self, box: Box, margin_mm: float) -> Box:
        """Return a box grown by a margin, cut off where the volume ends."""
        return expanded_box(box, margin_voxels(margin_mm, self.case.spacing_mm), self.labels.shape)

    def tight(self, number: int, boxes: Iterable[Box]) -> Box | None:
        """Return the smallest box that holds a lesion, which lies within `boxes`; None when it has no voxel."""
        parts = list(zip(*boxes, strict=True))
        hull = tuple(slice(min(p.start for p in axis), max(p.stop for p in axis)) for axis in parts)
        inside = bounding_box(self.mask(number, hull))
        if inside is None:
            return None
        return tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(hull, inside, strict=True))

    def _known(self) -> str:
        numbers = sorted(self.lesions)
        if not numbers:
            return "there are none yet, add one by a click"
        shown = ", ".join(str(n) for n in numbers[:12]) + (", …" if len(numbers) > 12 else "")
        return f"the lesions are {shown}"


def words(point: Point) -> str:
    """Return a point as a user reads it."""
    return "(" + ", ".join(f"{value:.1f}" for value in point) + ") mm"
