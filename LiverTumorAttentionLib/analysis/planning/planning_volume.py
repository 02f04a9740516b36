"""The liver and its tumors laid out for planning, once, so that a plane can be dragged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.longest_3d_diameter import hull_corners
from LiverTumorAttentionLib.analysis.planning.voxel_runs import Runs
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, box_start, label_boxes
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_number, tumor_value
from LiverTumorAttentionLib.voxels.surfaces import Surface


@dataclass(frozen=True)
class PlannedLiver:
    """A liver and its tumors. Labels here are 0 parenchyma, 1, 2, … the tumors in order of their number.

    grid: an image with the geometry of the segmentation. box: around the liver. values: the segmentation in
    the box (z, y, x), 0 background, 1 liver, 2, 3, … tumors. axes: of the box. tumor_numbers: by label less
    one. runs: everything of the liver.
    """

    grid: sitk.Image
    box: Box
    values: NDArray[Any]
    axes: ImageAxes
    tumor_numbers: tuple[int, ...]
    runs: Runs

    @classmethod
    def of(cls, instances: sitk.Image) -> PlannedLiver:
        """Lay out a segmentation. Raises `InputError` when there is no liver or the grid is sheared."""
        axes = ImageAxes.of(instances)
        axes.check_right_angles("the segmentation")
        values: NDArray[Any] = sitk.GetArrayViewFromImage(instances)
        box = bounding_box(values)
        if box is None:
            raise InputError(
                "the segmentation has no liver to plan on: choose another segmentation, or segment again"
            )
        inside = values[box].copy()  # not changed with the image, which belongs to others
        axes = axes.of_part(box_start(box))
        present = np.unique(inside[inside >= FIRST_TUMOR]).astype(int)
        label_of = np.zeros(int(inside.max()) + 1, dtype=np.intp)
        label_of[present] = np.arange(1, len(present) + 1)
        runs = Runs.of(inside, axes)
        runs = Runs(runs.start_zyx, runs.length, label_of[runs.label], axes)
        return cls(instances, box, inside, axes, tuple(tumor_number(int(value)) for value in present), runs)

    @cached_property
    def voxels(self) -> NDArray[np.float64]:
        """Number of voxels by label."""
        return self.runs.voxels(1 + len(self.tumor_numbers))

    @cached_property
    def corners_mm(self) -> NDArray[np.float64]:
        """Corners of the voxels that bound the liver, LPS mm: a plane misses it when it misses them."""
        start, length = self.runs.start_zyx, self.runs.length
        ends = np.concatenate([start, start + np.outer(length - 1, [0, 0, 1])])
        ends = ends[hull_corners(ends)]
        corners = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], indexing="ij"), axis=-1)
        return self.axes.position_mm((ends[:, None, :] + corners.reshape(-1, 3)).reshape(-1, 3))

    @cached_property
    def surfaces(self) -> tuple[Surface, ...]:
        """The surface of each tumor, by label less one."""
        boxes = label_boxes(self.values)
        found = []
        for number in self.tumor_numbers:
            value = tumor_value(number)
            box = boxes[value]
            found.append(Surface.of(self.values[box] == value, box, self.axes))
        return tuple(found)

    @cached_property
    def surface_points_mm(self) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """The centers of all tumors' surface voxels (N, 3), and where each tumor begins among them."""
        counts = [len(surface.voxels) for surface in self.surfaces]
        points = [surface.points_mm for surface in self.surfaces] or [np.zeros((0, 3))]
        return np.concatenate(points), np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)

    def on_grid(self, mask: NDArray[np.bool_], box: Box) -> sitk.Image:
        """Return a mask of a part of the liver's box as uint8 on the segmentation's grid."""
        whole = np.zeros(self.grid.GetSize()[::-1], dtype=np.uint8)
        whole[self.box][box] = mask
        image = sitk.GetImageFromArray(whole)
        image.CopyInformation(self.grid)
        return image

    def is_liver(self, position_mm: NDArray[np.float64]) -> bool:
        """Tell whether the voxel at an LPS position (3,) belongs to the liver, tumors included."""
        return bool(self.are_liver(position_mm))

    def are_liver(self, position_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell the same of positions (..., 3)."""
        index = np.rint(self.axes.index_zyx(position_mm)).astype(int)
        inside = np.asarray(np.all((index >= 0) & (index < self.values.shape), axis=-1))
        inside[inside] = self.values[tuple(index[inside].T)] > 0
        return inside
