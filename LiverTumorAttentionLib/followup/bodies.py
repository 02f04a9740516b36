"""Lesions of two time points as bodies on one grid in the baseline's space, and how far one lies inside another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.special import ndtr

from LiverTumorAttentionLib.registration import resample_onto
from LiverTumorAttentionLib.voxels.boxes import Box, expanded_box, label_boxes, margin_voxels, mask_box
from LiverTumorAttentionLib.voxels.cubes import cubes_around
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, to_lps
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, tumor_number
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

FINEST_MM, COARSEST_MM = 1.0, 1.5
"""Bounds of the common grid's spacing: fine enough for a lesion of 5 mm, coarse enough for a whole liver."""
MARGIN_MM = 40.0
"""Margin of the common grid around the baseline's liver."""
REACH = 4.0
"""A body farther than so many standard deviations is told as out of reach."""
UNSEEN = int(np.iinfo(np.uint16).max)
"""Value of the common grid where a time point's volume does not reach."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A lesion on the common grid.

    number: as in "Tumor 1". box: (z, y, x) of the common grid. mask: in it. center_mm: LPS, in the baseline's space.
    volume_mm3: of the lesion on its own grid, not on the common one.
    """

    number: int
    box: Box
    mask: NDArray[np.bool_]
    center_mm: NDArray[np.float64]
    volume_mm3: float

    @property
    def radius_mm(self) -> float:
        """Radius of the ball of equal volume."""
        return float((3.0 * self.volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0))


@dataclass(frozen=True, kw_only=True)
class CommonGrid:
    """The segmentations of both time points on one grid of cubes in the baseline's space.

    labels: uint16, by time point: 0 background, 1 liver, 2, 3, … one value a lesion, `UNSEEN` outside the volume.
    grid: the grid itself. lost: lesions of the follow-up, by number, of which the grid holds less than half.
    """

    grid: sitk.Image
    baseline: NDArray[np.uint16]
    followup: NDArray[np.uint16]

    @classmethod
    def of(cls, baseline: sitk.Image, followup: sitk.Image, transform: sitk.Transform) -> CommonGrid:
        """Resample two instances images. transform: baseline points to follow-up points (LPS mm)."""
        fixed = to_lps(baseline)
        spacing = float(np.clip(min(fixed.GetSpacing()), FINEST_MM, COARSEST_MM))
        grid = _grid_around_liver(fixed, spacing)
        nearest, identity = sitk.sitkNearestNeighbor, sitk.Transform(3, sitk.sitkIdentity)
        here = sitk.Resample(sitk.Cast(fixed, sitk.sitkUInt16), grid, identity, nearest, UNSEEN)
        there = resample_onto(sitk.Cast(to_lps(followup), sitk.sitkUInt16), grid, transform, UNSEEN, nearest)
        return cls(grid=grid, baseline=sitk.GetArrayFromImage(here), followup=sitk.GetArrayFromImage(there))

    @property
    def spacing_mm(self) -> float:
        """Edge of a voxel."""
        return float(self.grid.GetSpacing()[0])

    def bodies(self, labels: NDArray[np.uint16], volumes_mm3: Mapping[int, float]) -> dict[int, Body]:
        """Return the lesions of one of the two label maps by number. volumes_mm3: by number, on their own grid.

        A lesion that lies outside the grid, or between its voxels, is left out.
        """
        seen = np.where(labels == UNSEEN, np.uint16(0), labels)
        origin, step = np.array(self.grid.GetOrigin()), self.spacing_mm
        found = {}
        for value, box in label_boxes(seen).items():
            if value < FIRST_TUMOR:
                continue
            mask = seen[box] == value
            middle = np.argwhere(mask).mean(axis=0) + [side.start for side in box]
            number = tumor_number(value)
            found[number] = Body(
                number=number,
                box=box,
                mask=mask,
                center_mm=origin + step * middle[::-1],
                volume_mm3=volumes_mm3[number],
            )
        return found

    @cached_property
    def _shape(self) -> tuple[int, ...]:
        return self.baseline.shape

    def share_inside(self, inner: Body, outer: Body, sd_mm: float) -> float:
        """Return the mean probability of the voxels of `inner` to lie inside `outer`, 0 to 1.

        The boundary of `outer` is uncertain by a normal distribution: Phi(signed distance / sd). sd_mm: its standard
        deviation.
        """
        margin = margin_voxels(REACH * sd_mm, (self.spacing_mm,) * 3)
        around = expanded_box(outer.box, margin, self._shape)
        overlap = tuple(
            slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(around, inner.box, strict=True)
        )
        if any(side.start >= side.stop for side in overlap):
            return 0.0
        whole = np.zeros([side.stop - side.start for side in around], bool)
        whole[_inside(outer.box, around)] = outer.mask
        spacing = (self.spacing_mm,) * 3
        signed = distance_map_mm(~whole, spacing) - distance_map_mm(whole, spacing)
        # Between a voxel's center and its face lies half a step.
        depth = signed - np.sign(signed) * 0.5 * self.spacing_mm
        there = inner.mask[_inside(overlap, inner.box)]
        inside = ndtr(depth[_inside(overlap, around)][there] / sd_mm)
        return float(inside.sum() / np.count_nonzero(inner.mask))

    def share_seen(self, body: Body, labels: NDArray[np.uint16]) -> float:
        """Return the share of a body that lies within the volume of the other time point, whose labels are given."""
        return float((labels[body.box][body.mask] != UNSEEN).mean())

    def share_in_liver(self, body: Body, labels: NDArray[np.uint16], tolerance_mm: float) -> float:
        """Return the share of a body that lies in the liver of the other time point, or within a distance of it."""
        margin = margin_voxels(tolerance_mm, (self.spacing_mm,) * 3)
        box = expanded_box(body.box, margin, self._shape)
        liver = (labels[box] >= LIVER) & (labels[box] != UNSEEN)
        near = distance_map_mm(liver, (self.spacing_mm,) * 3) <= tolerance_mm
        return float(near[_inside(body.box, box)][body.mask].mean())

    def liver_mm3(self) -> float:
        """Return the volume of the baseline's liver, lesions included."""
        inside = (self.baseline >= LIVER) & (self.baseline != UNSEEN)
        return float(np.count_nonzero(inside)) * self.spacing_mm**3


def _inside(box: Box, outer: Box) -> Box:
    return tuple(
        slice(side.start - around.start, side.stop - around.start)
        for side, around in zip(box, outer, strict=True)
    )


def _grid_around_liver(labels: sitk.Image, spacing_mm: float) -> sitk.Image:
    box = mask_box(labels)
    if box is None:
        raise ValueError("a segmentation without a voxel has no liver")
    return cubes_around(ImageAxes.of(labels), box, spacing_mm, MARGIN_MM)
