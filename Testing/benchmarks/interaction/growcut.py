"""Slicer's "Grow from seeds": its own filter, vtkImageGrowCutSegment, with the clicks as seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import Box, expanded_box, margin_voxels
from Testing.benchmarks.interaction.task import Click, Mask, Task, ball_of

BRUSH_MM = 3.0
"""Radius of the ball that a click paints when nothing was there at the start; less where what is wrong is thinner.

To correct a mask, the ball is as large as the part that is wrong, by which GrowCut gets on better.
"""
ROOM_MM = 40.0
"""GrowCut looks at a box so far around the foreground's seeds."""
CORE_SHARE, SHELL_MM = 0.5, 5.0
"""From a mask, what lies deeper in it than this share of its depth is foreground, so far outside of it background."""
FOREGROUND, BACKGROUND = 1, 2


class GrowCut:
    """Sees the phase in which the lesion stands out more.

    It needs seeds of the background too, and is given them without a click: what lies outside of the liver or in
    other findings, and the faces of its box.
    """

    def __init__(self, task: Task) -> None:
        self._hu, self._spacing = task.hu, task.spacing_mm
        self._free = task.free
        self._seeds = np.zeros(task.labels.shape, np.uint8)
        self._filter: SeededFilter | None = None
        self._box: Box | None = None
        self.mask = task.mask
        self._corrects = task.start is not None
        if task.start is not None:
            self._seed_from(task.mask)

    def click(self, click: Click) -> bool:
        radius = click.depth_mm if self._corrects else min(BRUSH_MM, click.depth_mm)
        box, ball = ball_of(click.voxel, radius, self._seeds.shape, self._spacing)
        self._seeds[box][ball] = FOREGROUND if click.include else BACKGROUND
        self._grow()
        return True

    def prepare(self) -> None:
        """Grow from the seeds that are there before the first click, as Slicer does when the effect is opened."""
        if (self._seeds == FOREGROUND).any():
            self._grow()

    def _seed_from(self, mask: Mask) -> None:
        """Take the inside of a mask for foreground, and what lies well outside for background."""
        padded = np.pad(mask, 1)
        depth = ndimage.distance_transform_edt(padded, sampling=self._spacing)[1:-1, 1:-1, 1:-1]
        away = ndimage.distance_transform_edt(~mask, sampling=self._spacing)
        self._seeds[away > SHELL_MM] = BACKGROUND
        self._seeds[depth >= CORE_SHARE * depth.max()] = FOREGROUND

    def _grow(self) -> None:
        places = np.argwhere(self._seeds == FOREGROUND)
        if not len(places):
            self.mask = np.zeros_like(self.mask)
            return
        seeded = tuple(slice(int(a), int(b) + 1) for a, b in zip(places.min(0), places.max(0), strict=True))
        box = expanded_box(seeded, margin_voxels(ROOM_MM, self._spacing), self._seeds.shape)
        if self._filter is None or box != self._box:
            self._filter, self._box = SeededFilter(self._hu[box], self._spacing), box
        seeds = self._seeds[box].copy()
        seeds[~self._free[box]] = BACKGROUND
        for axis in range(3):
            ends = np.moveaxis(seeds, axis, 0)
            for end in (ends[0], ends[-1]):
                end[end == 0] = BACKGROUND
        self.mask = np.zeros_like(self.mask)
        self.mask[box] = (self._filter.grown(seeds) == FOREGROUND) & self._free[box]


class SeededFilter:
    """Slicer's filter on one box. As in Slicer it is kept between clicks, so that only what changes is grown anew."""

    def __init__(self, hu: NDArray[Any], spacing_mm: tuple[float, ...]) -> None:
        import slicer

        self._spacing = spacing_mm
        self._filter = slicer.vtkImageGrowCutSegment()
        self._filter.SetIntensityVolume(self._volume(hu.astype(np.int16)))

    def grown(self, seeds: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the label that each voxel gets."""
        from vtk.util.numpy_support import vtk_to_numpy

        self._filter.SetSeedLabelVolume(self._volume(seeds))
        self._filter.Update()
        scalars = self._filter.GetOutput().GetPointData().GetScalars()
        return np.asarray(vtk_to_numpy(scalars).reshape(seeds.shape)).copy()

    def _volume(self, voxels: NDArray[Any]) -> Any:
        from vtk.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonDataModel import vtkImageData

        image = vtkImageData()
        image.SetDimensions(voxels.shape[::-1])
        image.SetSpacing(self._spacing[::-1])
        image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels).ravel(), deep=True))
        return image
