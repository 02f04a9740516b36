"""Bodies of known shape on grids of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import SimpleITK as sitk

CENTRE_MM = np.array([-42.0, 17.5, 103.0])
"""Where the middle of every grid lies in the patient."""

Body = Callable[[np.ndarray], np.ndarray]
"""Tells for positions (..., 3) from the middle on, in mm along L, P and S, which of them are inside."""


def turned(degrees: float, axis: int = 2) -> np.ndarray:
    """Return a turn about one of the patient's axes."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = np.eye(3)
    first, second = [(1, 2), (0, 2), (0, 1)][axis]
    matrix[first, first] = matrix[second, second] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix


LEFT_HANDED = np.diag([1.0, 1.0, -1.0])
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # columns: i to L, j to I, k to P
GRIDS = {
    "straight": (np.eye(3), (1.0, 1.0, 1.0)),
    "thick slices": (np.eye(3), (0.8, 0.8, 3.0)),
    "left-handed": (LEFT_HANDED, (0.9, 0.8, 2.0)),
    "coronal": (CORONAL, (0.9, 0.9, 2.0)),
    "oblique": (turned(30.0) @ turned(20.0, 0), (1.0, 0.9, 2.0)),
    "oblique and left-handed": (turned(-40.0) @ turned(15.0, 1) @ LEFT_HANDED, (0.9, 1.0, 2.0)),
}


def grid(name: str, size_mm: float) -> sitk.Image:
    """Return an empty image of a cube about the middle, whose voxels' centers lie anywhere."""
    direction, spacing = GRIDS[name]
    return empty(direction, spacing, (size_mm,) * 3)


def empty(
    direction: np.ndarray,
    spacing: Sequence[float],
    size_mm: Sequence[float],
    shift_mm: Sequence[float] = (0.13, -0.21, 0.34),
) -> sitk.Image:
    """Return an empty image about the middle."""
    size = [int(np.ceil(length / step)) for length, step in zip(size_mm, spacing, strict=True)]
    image = sitk.Image(size, sitk.sitkUInt16)
    image.SetSpacing(list(spacing))
    image.SetDirection(direction.ravel())
    half = (np.array(size) - 1) * spacing / 2.0
    image.SetOrigin(CENTRE_MM - direction @ (half + shift_mm))
    return image


def positions_mm(image: sitk.Image) -> np.ndarray:
    """Return the position of every voxel (z, y, x, 3) from the middle on, by SimpleITK's own geometry."""
    source = sitk.PhysicalPointSource(
        sitk.sitkVectorFloat64, image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    )
    return sitk.GetArrayFromImage(source) - CENTRE_MM


def like(image: sitk.Image, array: np.ndarray) -> sitk.Image:
    result = sitk.GetImageFromArray(array)
    result.CopyInformation(image)
    return result


def painted(image: sitk.Image, *bodies: tuple[int, Body], kind: type = np.uint16) -> sitk.Image:
    """Return the image with bodies painted one over the other."""
    positions = positions_mm(image)
    values = np.zeros(positions.shape[:3], kind)
    for value, body in bodies:
        values[body(positions)] = value
    return like(image, values)


def ball(centre: Sequence[float], radius: float) -> Body:
    return lambda p: ((p - np.asarray(centre)) ** 2).sum(axis=-1) <= radius**2


def cuboid(low: Sequence[float], high: Sequence[float], turn: np.ndarray | None = None) -> Body:
    """Return a box between two corners, which `turn` (3, 3) takes to the patient's axes."""
    turn = np.eye(3) if turn is None else turn
    return lambda p: ((p @ turn >= np.asarray(low)) & (p @ turn <= np.asarray(high))).all(axis=-1)


def tube(axis: int, place: Sequence[float], radius: float) -> Body:
    """Return an endless tube along one of the patient's axes."""
    others = [other for other in range(3) if other != axis]
    return lambda p: ((p[..., others] - np.asarray(place)) ** 2).sum(axis=-1) <= radius**2


def at(*place: float) -> tuple[float, float, float]:
    """Return the LPS position of a place from the middle on."""
    x, y, z = (float(value) for value in CENTRE_MM + np.array(place))
    return x, y, z
