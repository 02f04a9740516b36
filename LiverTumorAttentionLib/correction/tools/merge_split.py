"""Merge lesions into one, or split one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.edits import Edit, Patch, new_number
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed, point_text
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.labels import LIVER


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Merge lesions, named by their numbers or by points in them (LPS mm), under the lowest number."""

    tool: ClassVar[str] = "merge"
    lesions: tuple[int, ...] = ()
    points: tuple[Point, ...] = ()

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        numbers = {lesions.target(n, None) for n in self.lesions}
        numbers |= {lesions.target(None, point) for point in self.points}
        if len(numbers) < 2:
            raise InputError(
                f"two lesions or more are needed to merge, got {len(numbers)}: click on each of them"
            )
        parts = [lesions.editable(number) for number in sorted(numbers)]
        first, others = parts[0], parts[1:]
        patches = []
        for part in others:
            mask = lesions.mask(part.number, part.box)
            patches.append(Patch(part.box, mask, np.full(mask.shape, first.number + LIVER, np.uint16)))
        record = replace(
            first,
            include=tuple(seed for part in parts for seed in part.include),
            exclude=tuple(seed for part in parts for seed in part.exclude),
        )
        return Edit(patches=tuple(patches), records={first.number: record}, subject=first.number)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Split a lesion at its necks into one part a point (LPS mm, in the lesion), by a watershed of its depth.

    The part of the first point keeps the number, the others get the next free ones.
    """

    tool: ClassVar[str] = "split"
    points: tuple[Point, ...]

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        if len(self.points) < 2:
            raise InputError(
                f"two points or more are needed to split a lesion, one in each part, got {len(self.points)}"
                ": click on each part"
            )
        numbers = {lesions.target(None, point) for point in self.points}
        if len(numbers) > 1:
            listed = " and ".join(str(number) for number in sorted(numbers))
            raise InputError(f"the points lie in lesions {listed}: click on parts of one lesion")
        lesion = lesions.editable(numbers.pop())
        mask = lesions.mask(lesion.number, lesion.box)
        parts = _watershed(mask, self._markers(lesions, lesion, mask), lesions.case.spacing_mm)
        names = [lesion.number, *(new_number(lesions, after=k) for k in range(len(self.points) - 1))]
        labels = (np.array([0, *names]) + LIVER)[parts].astype(np.uint16)
        records = {
            name: replace(
                lesion if name == lesion.number else Lesion(number=name, box=lesion.box),
                include=_inside(lesion.include, lesion, parts == part),
                exclude=lesion.exclude,
            )
            for part, name in enumerate(names, start=1)
        }
        return Edit(patches=(Patch(lesion.box, mask, labels),), records=records, subject=lesion.number)

    def _markers(self, lesions: LesionMap, lesion: Lesion, mask: NDArray[np.bool_]) -> NDArray[np.uint16]:
        """Return 1, 2, … at the voxels of the lesion nearest to the points."""
        markers = np.zeros(mask.shape, dtype=np.uint16)
        places = np.argwhere(mask)
        for part, point in enumerate(self.points, start=1):
            steps = (places + box_start(lesion.box) - lesions.case.voxel_at(point)) * lesions.case.spacing_mm
            place = tuple(places[int(np.argmin((steps**2).sum(axis=1)))])
            if markers[place]:
                raise InputError(
                    f"two points lie in the same voxel at {point_text(point)}: click farther apart"
                )
            markers[place] = part
        return markers


def _watershed(
    mask: NDArray[np.bool_], markers: NDArray[np.uint16], spacing_mm: tuple[float, float, float]
) -> NDArray[np.int64]:
    """Return the marker of each voxel's basin, 0 outside of the mask."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    relief = sitk.GetImageFromArray((depth.max() - depth).astype(np.float32))
    flooded = sitk.MorphologicalWatershedFromMarkers(
        sitk.Mask(relief, sitk.GetImageFromArray(mask.astype(np.uint8)), float(depth.max()) + 1.0),
        sitk.GetImageFromArray(markers),
        markWatershedLine=False,
        fullyConnected=False,
    )
    parts = sitk.GetArrayFromImage(flooded).astype(np.int64)
    parts[~mask] = 0
    return parts


def _inside(seeds: tuple[Seed, ...], lesion: Lesion, part: NDArray[np.bool_]) -> tuple[Seed, ...]:
    """Return the seeds in a part."""
    corner = box_start(lesion.box)
    inside = []
    for seed in seeds:
        place = tuple(np.asarray(seed.voxel) - corner)
        if all(0 <= i < n for i, n in zip(place, part.shape, strict=True)) and part[place]:
            inside.append(seed)
    return tuple(inside)
