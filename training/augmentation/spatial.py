"""Rotation, scaling, elastic deformation and mirroring of a sample, composed so that it is resampled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.augmentation.random_fields import smooth_noise
from training.recipes.settings import AugmentationSettings


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One way to move a sample of (z, y, x) or, within its slices, (y, x)."""

    matrix: NDArray[np.float64] | None = None
    """(axes, axes): from millimeters about a fixed point in the sample to millimeters about it in the volume."""
    bend_mm: NDArray[np.float32] | None = None
    """(axes, *size): what is added to that, voxel by voxel."""
    mirrored: tuple[str, ...] = ()
    """Axes of the sample, "z", "y" or "x", that are reversed in the end."""
    turns: int = 0
    """Quarter turns of the plane of y and x, after that."""

    @property
    def resamples(self) -> bool:
        """Whether voxels come to lie between those of the volume."""
        return self.matrix is not None or self.bend_mm is not None

    def points(
        self,
        *,
        fixed: Sequence[float],
        corner: Sequence[int],
        size: Sequence[int],
        spacing_mm: Sequence[float],
    ) -> NDArray[np.float32]:
        """Return where in the volume each voxel of a sample lies, in the volume's voxels, (axes, *size).

        fixed: the place in the volume, in voxels, that rotation and scaling leave where it is. corner: the voxel
        of the volume that is the sample's first without any motion.
        """
        axes = len(size)
        spacing = np.asarray(spacing_mm, float)
        matrix = np.eye(axes) if self.matrix is None else self.matrix
        in_voxels = matrix * spacing[None, :] / spacing[:, None]
        along = [
            (np.arange(n) + first - at).reshape([-1 if i == axis else 1 for i in range(axes)])
            for axis, (n, first, at) in enumerate(zip(size, corner, fixed, strict=True))
        ]
        points = np.empty((axes, *size), np.float32)
        for axis in range(axes):
            terms = [(in_voxels[axis, other] * along[other]).astype(np.float32) for other in range(axes)]
            terms[axis] += np.float32(fixed[axis])
            points[axis] = sum(terms[1:], terms[0])
            if self.bend_mm is not None:
                points[axis] += self.bend_mm[axis] * np.float32(1 / spacing[axis])
        return points

    def mirror(self, values: NDArray) -> NDArray:
        """Return a sample, whose last axes are (z, y, x) or (slices, y, x), as it is mirrored and turned."""
        axes = tuple({"z": -3, "y": -2, "x": -1}[axis] for axis in self.mirrored)
        if not axes and not self.turns:
            return values
        return np.ascontiguousarray(np.rot90(np.flip(values, axes), self.turns, axes=(-2, -1)))


def draw_motion(
    rng: np.random.Generator,
    settings: AugmentationSettings,
    size: Sequence[int],
    spacing_mm: Sequence[float],
) -> Motion:
    """Draw a motion of a sample. size, spacing_mm: (z, y, x) or (y, x).

    A slice is turned about the slice axis and bent within itself; all slices of a stack alike.
    """
    matrix = None
    if settings.rotation_degrees or settings.scale or settings.axis_scale:
        angles = np.radians(settings.rotation_degrees) * rng.uniform(-1, 1, 3 if len(size) == 3 else 1)
        larger = 1 + settings.scale * rng.uniform(-1, 1)
        matrix = rotation(angles) / larger
        if settings.axis_scale:
            axes = 1 + settings.axis_scale * rng.uniform(-1, 1, len(size))
            matrix = matrix / axes[:, None]
    bend = None
    if settings.elastic_mm:
        bend = smooth_noise(rng, size, spacing_mm, settings.elastic_wavelength_mm, components=len(size))
        bend *= np.float32(settings.elastic_mm)
    mirrored = tuple(axis for axis in settings.flips if rng.random() < 0.5)
    turns = int(rng.integers(4)) if settings.quarter_turns else 0
    return Motion(matrix=matrix, bend_mm=bend, mirrored=mirrored, turns=turns)


def rotation(angles: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a rotation by radians: of (y, x) by one angle; of (z, y, x) about z, y and x, one after the other."""
    if len(angles) == 1:
        return _turn(2, 0, 1, angles[0])
    about_z, about_y, about_x = angles
    return _turn(3, 1, 2, about_z) @ _turn(3, 0, 2, about_y) @ _turn(3, 0, 1, about_x)


def _turn(axes: int, first: int, second: int, angle: float) -> NDArray[np.float64]:
    """Return the rotation of the plane of two axes."""
    matrix = np.eye(axes)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix
