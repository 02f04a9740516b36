"""A plain threshold tool: a window of HU, taken from where the user clicks, and what is connected in it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from Testing.benchmarks.interaction.task import Click, Mask, Task, Voxel, ball_of

SAMPLE_MM = 3.0
"""Radius of the ball that a click measures; less where the part that is wrong is thinner."""
SMOOTH_MM = 1.0
DEVIATIONS = 2.5
LEAST_HU = 5.0
"""The least deviation that a ball is taken to have."""


class PlainThreshold:
    """Sees the phase in which the lesion stands out more, smoothed by 1 mm, in the liver and in no other finding.

    A click on what is missing sets the window to the mean of the ball around it, two and a half deviations to both
    sides, or widens it by that; what is connected in the window to such a click is taken. A click on what is too much
    narrows the window to the middle between what is wanted and what is not, where that is possible, and rubs out a
    ball as large as the part that is wrong; what then hangs on no click any more goes. What was there at the start
    stays until it is rubbed out.
    """

    def __init__(self, task: Task) -> None:
        deviation = [SMOOTH_MM / step for step in task.spacing_mm]
        self._hu = ndimage.gaussian_filter(task.hu.astype(np.float32), deviation)
        self._spacing, self._free = task.spacing_mm, task.free
        self._start = task.mask
        self._rubbed = np.zeros_like(self._start)
        self._wanted: list[tuple[Voxel, float, float]] = []
        self._unwanted: list[float] = []
        self.mask = task.mask

    def click(self, click: Click) -> bool:
        mean, deviation = self._measured(click)
        if click.include:
            self._wanted.append((click.voxel, mean, max(deviation, LEAST_HU)))
            self._rub(click, out=False)
        else:
            self._unwanted.append(mean)
            self._rub(click, out=True)
        self.mask = (self._start | self._connected()) & ~self._rubbed
        return True

    def window_hu(self) -> tuple[float, float]:
        """Return the window that the clicks so far ask for."""
        means = [mean for _, mean, _ in self._wanted]
        low = min(mean - DEVIATIONS * deviation for _, mean, deviation in self._wanted)
        high = max(mean + DEVIATIONS * deviation for _, mean, deviation in self._wanted)
        for other in self._unwanted:
            if other > max(means):
                high = min(high, (other + max(means)) / 2)
            elif other < min(means):
                low = max(low, (other + min(means)) / 2)
        return low, high

    def _connected(self) -> Mask:
        if not self._wanted:
            return np.zeros_like(self._start)
        low, high = self.window_hu()
        inside = (self._hu >= low) & (self._hu <= high) & self._free & ~self._rubbed
        for voxel, _, _ in self._wanted:
            inside[voxel] = self._free[voxel] and not self._rubbed[voxel]
        labels, _ = ndimage.label(inside)
        kept = {int(labels[voxel]) for voxel, _, _ in self._wanted} - {0}
        return np.isin(labels, sorted(kept))

    def _measured(self, click: Click) -> tuple[float, float]:
        """Return mean and deviation of the HU around a click, in the liver."""
        radius = min(SAMPLE_MM, click.depth_mm)
        box, ball = ball_of(click.voxel, radius, self._free.shape, self._spacing)
        inside = ball & self._free[box]
        values = self._hu[box][inside if inside.any() else ball]
        return float(values.mean()), float(values.std())

    def _rub(self, click: Click, *, out: bool) -> None:
        box, ball = ball_of(click.voxel, click.depth_mm, self._free.shape, self._spacing)
        self._rubbed[box][ball] = out
