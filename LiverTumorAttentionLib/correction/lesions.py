"""Lesions under correction: their numbers, voxels, seeds and status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.parenchyma import Parenchyma, parenchyma_of
from LiverTumorAttentionLib.correction.case import CorrectionCase, Voxel
from LiverTumorAttentionLib.correction.click_model import ClickModel
from LiverTumorAttentionLib.correction.log_codec import PackedMask
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import (
    Box,
    bounding_box,
    box_start,
    enclosing_box,
    expanded_box,
    label_boxes,
    margin_voxels,
)
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, MOST_TUMORS
from LiverTumorAttentionLib.voxels.morphology import CORNERS

Status = Literal["draft", "accepted", "rejected"]
STATUSES: tuple[str, ...] = get_args(Status)


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A voxel that a user marked as foreground or background of a lesion.

    reach_mm: its distance to the outline when it was placed: the scale of the change that was meant.
    """

    voxel: Voxel
    reach_mm: float


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """The properties of a lesion beside its voxels.

    number: 1, 2, …, as in "Tumor 1"; constant while the lesion exists; its value in the instances is one more.
    status: drafts can be changed; accepted and rejected lesions only once they are drafts again.
    edited: whether a person has changed its voxels.
    box: its bounding box (z, y, x). region: the former voxels of a rejected lesion, None for others.
    include, exclude: its foreground and background seeds.
    outlines: those drawn by hand (points in LPS mm), in whose slices clicks elsewhere change nothing.
    phase: "portal" or "arterial" where that phase alone answered its last prompt; None for both.
    """

    number: int
    box: Box
    status: Status = "draft"
    edited: bool = False
    include: tuple[Seed, ...] = ()
    exclude: tuple[Seed, ...] = ()
    region: PackedMask | None = None
    outlines: tuple[tuple[Point, ...], ...] = ()
    phase: str | None = None


class LesionMap:
    """The labels and the lesions of a session. Tools only read it.

    labels: uint16 (z, y, x) of the portal grid: 0 background, 1 liver, n + 1 lesion n. A rejected lesion has no
    voxels here. clicks: the network that answers clicks; None for the random walker.
    """

    def __init__(self, case: CorrectionCase, clicks: ClickModel | None = None) -> None:
        self.case, self.clicks = case, clicks
        self.labels: NDArray[np.uint16] = case.start.astype(np.uint16)
        self.lesions: dict[int, Lesion] = {
            value - LIVER: Lesion(number=value - LIVER, box=box)
            for value, box in label_boxes(self.labels).items()
            if value > LIVER
        }
        self.next_number = max(self.lesions, default=0) + 1

    def replace_volumes(self, case: CorrectionCase) -> None:
        """Use the arterial volume and the probability of another case with the same portal volume and start."""
        self.case = case
        self.__dict__.pop("parenchyma", None)

    @cached_property
    def parenchyma(self) -> Parenchyma:
        """Appearance of the parenchyma, estimated at first use."""
        return parenchyma_of(self.case)

    def lesion(self, number: int) -> Lesion:
        """Return a lesion. Raises `InputError` for a number that none has."""
        if number not in self.lesions:
            raise InputError(f"there is no lesion {number}: {self._listed()}")
        return self.lesions[number]

    def editable(self, number: int) -> Lesion:
        """Return a lesion that may be changed. Raises `InputError` for an accepted or rejected one."""
        lesion = self.lesion(number)
        if lesion.status != "draft":
            raise InputError(f"lesion {number} is {lesion.status}: make it a draft again to change it")
        return lesion

    def target(self, lesion: int | None, point: Point | None, *, within_mm: float = 3.0) -> int:
        """Return the number of the lesion that is named, or that lies at a point or within a distance of it.

        Raises `InputError` when neither or both are given, or when nothing is there.
        """
        if (lesion is None) == (point is None):
            raise InputError(
                "say which lesion is meant, by its number or by a point in it, not both: give one of the two"
            )
        if lesion is not None:
            return self.lesion(lesion).number
        if point is None:
            raise ValueError("unreachable")
        found = self.nearest(self.case.voxel_at(point), within_mm)
        if found is None:
            raise InputError(
                f"there is no lesion within {within_mm:g} mm of the point {point_text(point)}: click on a lesion"
            )
        return found

    def nearest(self, voxel: Voxel, within_mm: float) -> int | None:
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

    def bounding_box(self, number: int, boxes: Iterable[Box]) -> Box | None:
        """Return the bounding box of a lesion that lies within `boxes`; None when it has no voxel."""
        hull = enclosing_box(boxes)
        inside = bounding_box(self.mask(number, hull))
        if inside is None:
            return None
        return tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(hull, inside, strict=True))

    def _listed(self) -> str:
        numbers = sorted(self.lesions)
        if not numbers:
            return "there are none yet, add one by a click"
        shown = ", ".join(str(n) for n in numbers[:12]) + (", …" if len(numbers) > 12 else "")
        return f"the lesions are {shown}; choose one of them"


def point_text(point: Point) -> str:
    """Return a point as messages show it."""
    return "(" + ", ".join(f"{value:.1f}" for value in point) + ") mm"


def instances_from_labels(labels: sitk.Image) -> sitk.Image:
    """Return the instances of a label map (0 background, 1 liver, 2 tumor): 2, 3, … one value a component.

    Components are 26-connected, the largest comes first. An image with further values has instances already and is
    returned as it is. Raises `InputError` for more components than can be numbered.
    """
    voxels = sitk.GetArrayViewFromImage(labels)
    if int(voxels.max()) != FIRST_TUMOR:
        return labels
    parts, count = ndimage.label(voxels == FIRST_TUMOR, structure=CORNERS)
    if count > MOST_TUMORS:
        raise InputError(
            f"the segmentation holds {count} tumors that do not touch, at most {MOST_TUMORS} can be numbered: "
            "remove the noise from it first"
        )
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    values = np.zeros(count + 1, np.uint16)
    values[1 + np.argsort(-sizes, kind="stable")] = np.arange(FIRST_TUMOR, FIRST_TUMOR + count)
    instances = np.where(parts > 0, values[parts], (voxels == LIVER).astype(np.uint16))
    image = sitk.GetImageFromArray(instances)
    image.CopyInformation(labels)
    return image
