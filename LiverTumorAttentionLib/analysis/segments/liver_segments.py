"""The Couinaud segments of a liver, who says so, and the share of each tumor in each.

Segments on a grid of their own, or of a liver that was found otherwise, are brought onto the liver at hand: each of its
voxels takes the segment of the nearest voxel that has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, label_boxes
from LiverTumorAttentionLib.voxels.couinaud import COUNT, roman
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, check_same_grid
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_number

LEAST_SHARE_TOLD = 0.01
"""A smaller share of a tumor is not named where people read; files hold it."""
FARTHEST_MM = 20.0
"""Liver that lies farther than this from all segments belongs to another case."""
MOST_OUTSIDE = 0.1
"""So much of the liver may lie off the segments before the reader is told."""


@dataclass(frozen=True, kw_only=True)
class SegmentShare:
    """The share of a tumor, 0 to 1, that lies in a segment. number: 1 to 8; name: as a Roman numeral."""

    number: int
    name: str
    share: float


@dataclass(frozen=True, kw_only=True)
class LiverSegments:
    """Couinaud segments on the grid of the liver's segmentation.

    labels: uint8, 0 outside of the liver, 1 to 8 in every voxel of it, tumors included. source: who says so, such as
    "proposed by the model couinaud 1 from the liver's shape"; shown wherever a segment is named. notes: what the reader
    should know, a sentence each.
    """

    labels: sitk.Image
    source: str
    notes: tuple[str, ...] = ()

    @classmethod
    def on_liver(cls, labels: sitk.Image, instances: sitk.Image, source: str) -> LiverSegments:
        """Return segments for every voxel of a liver.

        labels: 0, 1 to 8, on the grid of `instances` (0 background, 1 liver, 2, 3, … tumors).
        Raises `InputError` when the grids differ, there is no liver, or segments lie far from it.
        """
        check_same_grid(instances, labels, "the segmentation", "the Couinaud segments")
        given, liver = sitk.GetArrayViewFromImage(labels), sitk.GetArrayViewFromImage(instances)
        box = bounding_box(liver)
        if box is None:
            raise InputError("the segmentation has no liver whose segments could be told: choose another one")
        known, organ = given[box].astype(np.uint8), liver[box] > 0
        if not known.any():
            raise InputError("the Couinaud segments do not meet the liver: choose those of this case")
        off = organ & (known == 0)
        notes: tuple[str, ...] = ()
        if off.any():
            distance, nearest = ndimage.distance_transform_edt(
                known == 0, sampling=ImageAxes.of(instances).spacing_zyx_mm, return_indices=True
            )
            farthest = float(distance[off].max())
            if farthest > FARTHEST_MM:
                raise InputError(
                    f"liver lies {farthest:.0f} mm from the nearest Couinaud segment: choose those of this case, "
                    "or have them proposed"
                )
            known = known[tuple(nearest)]
            share = float(np.count_nonzero(off) / np.count_nonzero(organ))
            if share > MOST_OUTSIDE:
                notes = (
                    f"{100 * share:.0f} % of the liver lies outside of the Couinaud segments that were given, and "
                    "takes the nearest one",
                )
        whole = np.zeros(liver.shape, np.uint8)
        whole[box] = np.where(organ, known, 0)
        image = sitk.GetImageFromArray(whole)
        image.CopyInformation(instances)
        return cls(labels=image, source=source, notes=notes)

    @property
    def array(self) -> NDArray[Any]:
        """The labels (z, y, x)."""
        view: NDArray[Any] = sitk.GetArrayViewFromImage(self.labels)
        return view

    @cached_property
    def volumes_ml(self) -> Mapping[int, float]:
        """Volume of each of the eight, tumors included; 0 where one is not there."""
        box = bounding_box(self.array)
        told = np.zeros(0, np.uint8) if box is None else self.array[box].reshape(-1)
        counts = np.bincount(told, minlength=COUNT + 1)
        voxel_ml = ImageAxes.of(self.labels).voxel_ml
        return MappingProxyType({n: float(counts[n]) * voxel_ml for n in range(1, COUNT + 1)})

    def shares(self, instances: sitk.Image) -> dict[int, tuple[SegmentShare, ...]]:
        """Return in which segments each tumor lies, by its number; the largest share first."""
        values = sitk.GetArrayViewFromImage(instances)
        found = {}
        for value, box in label_boxes(values).items():
            if value >= FIRST_TUMOR:
                inside = self.array[box][values[box] == value]
                counts = np.bincount(inside, minlength=COUNT + 1)[1 : COUNT + 1]
                total = max(int(counts.sum()), 1)
                order = sorted(range(1, COUNT + 1), key=lambda n: (-int(counts[n - 1]), n))
                found[tumor_number(value)] = tuple(
                    SegmentShare(number=n, name=roman(n), share=float(counts[n - 1]) / total)
                    for n in order
                    if counts[n - 1]
                )
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return source and volumes as JSON values."""
        return {
            "source": self.source,
            "notes": list(self.notes),
            "volumes_ml": {roman(number): volume for number, volume in self.volumes_ml.items()},
        }


def share_text(shares: tuple[SegmentShare, ...]) -> str | None:
    """Return shares as people read them: "VIII 83 %, VII 17 %", or "VIII" alone; None for none."""
    told = [share for share in shares if share.share >= LEAST_SHARE_TOLD] or list(shares[:1])
    if len(told) == 1:
        return told[0].name
    return ", ".join(f"{share.name} {100 * share.share:.0f} %" for share in told) or None
