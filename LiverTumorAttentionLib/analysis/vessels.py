"""Vessel segmentations, and distance and contact of a tumor to each vessel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.contact_area import contact_between
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import read_vessel_labels
from LiverTumorAttentionLib.io.meanings import NO_MEANINGS, Meanings
from LiverTumorAttentionLib.voxels.boxes import Box, box_start, label_boxes
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, Line, as_point
from LiverTumorAttentionLib.voxels.surfaces import Gap, Surface, gap_between

CONTACT_VOXELS = (5, 5, 5)
"""Margin around a tumor (z, y, x) within which contact is measured: as far as the smoothing reaches."""


@dataclass(frozen=True, kw_only=True)
class Vessels:
    """A vessel segmentation.

    labels: whole numbers, 0 nothing, one value a vessel; on the grid of the liver's segmentation.
    names: the vessels, by their value; other values are ignored.
    Raises `InputError` for other labels, and for names without a voxel or given twice.
    """

    labels: sitk.Image
    names: Mapping[int, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))
        values = sitk.GetArrayViewFromImage(self.labels)
        if values.dtype.kind not in "iu" or values.ndim != 3:
            raise InputError(
                f"the vessels must be a volume of whole numbers, got {values.ndim} dimensions of "
                f"{values.dtype}: give a label map"
            )
        if not self.names:
            raise InputError("no vessel was named: name at least one value of the vessels' label map")
        for value, name in self.names.items():
            if value not in self.boxes:
                known = ", ".join(str(value) for value in self.boxes) or "nothing"
                raise InputError(
                    f"the vessel {name!r} has the value {value}, which no voxel has: the vessels' label "
                    f"map holds {known}"
                    "; give one of these"
                )
        if len(set(self.names.values())) < len(self.names):
            raise InputError(
                f"two vessels have the same name, in {', '.join(self.names.values())}: name them apart"
            )

    @property
    def array(self) -> NDArray[Any]:
        """The labels (z, y, x)."""
        view: NDArray[Any] = sitk.GetArrayViewFromImage(self.labels)
        return view

    @cached_property
    def boxes(self) -> dict[int, Box]:
        """The box around each value that a voxel has, above 0."""
        return label_boxes(self.array)

    def surfaces(self) -> dict[int, Surface]:
        """Return the surface of each named vessel, by its value."""
        axes = ImageAxes.of(self.labels)
        return {
            value: Surface.of(self.array[self.boxes[value]] == value, self.boxes[value], axes)
            for value in self.names
        }

    def mask(self, box: Box) -> NDArray[np.bool_]:
        """Return the mask of all named vessels in a box."""
        return np.isin(self.array[box], list(self.names))


def read_vessels(
    path: str | os.PathLike[str],
    names: Mapping[int, str] | None = None,
    meanings: Meanings = NO_MEANINGS,
) -> Vessels:
    """Read vessels from a `.seg.nrrd`, a DICOM SEG or a label map.

    names: which values to look at and what to call them; None takes all, with the names of the file.
    meanings: what the user says segments are.
    Raises `InputError` for a file that is none, and for a value that no voxel has.
    """
    labels, stored = read_vessel_labels(path, meanings)
    return Vessels(labels=labels, names=stored if names is None else names)


@dataclass(frozen=True, kw_only=True)
class VesselRelation:
    """Distance and contact of a tumor to a vessel.

    name: of the vessel. distance_mm, line_lps_mm: smallest distance from surface to surface, 0 where they
    touch, and its end points. contact_area_mm2: area of the vessel's wall that the tumor lies on from
    outside or around; contact_length_mm: the greatest extent of that place (see `analysis.contact_area`).
    overlap_ml: volume that both segmentations contain.
    """

    name: str
    distance_mm: float
    line_lps_mm: Line
    contact_area_mm2: float
    contact_length_mm: float
    overlap_ml: float


def relation_between(
    name: str,
    vessel: Surface,
    vessel_mask: NDArray[np.bool_],
    tumor: Surface,
    mask: NDArray[np.bool_],
    box: Box,
) -> VesselRelation:
    """Return distance and contact of a tumor to a vessel.

    vessel_mask, mask: vessel and tumor (z, y, x) in `box`, which is the tumor's box grown by
    `CONTACT_VOXELS`.
    """
    axes = tumor.axes
    overlap = int(np.count_nonzero(vessel_mask & mask))
    place = contact_between(vessel_mask, mask, axes.steps_mm) if vessel_mask.any() else None
    if place is not None:
        point = as_point(axes.position_mm(np.array(place.middle_index) + box_start(box)))
        gap = Gap(distance_mm=0.0, line_lps_mm=(point, point))
    elif overlap:
        point = as_point(axes.position_mm(np.argwhere(vessel_mask & mask)[0] + box_start(box)))
        gap = Gap(distance_mm=0.0, line_lps_mm=(point, point))
    else:
        gap = gap_between(tumor, vessel)
    return VesselRelation(
        name=name,
        distance_mm=gap.distance_mm,
        line_lps_mm=gap.line_lps_mm,
        contact_area_mm2=0.0 if place is None else place.area_mm2,
        contact_length_mm=0.0 if place is None else place.length_mm,
        overlap_ml=overlap * axes.voxel_ml,
    )
