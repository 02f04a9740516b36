"""Geometry of images: axes and positions in the patient, and whether two images lie on the same grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError

Point = tuple[float, float, float]
"""A position in the patient, LPS mm."""
Line = tuple[Point, Point]
"""A line segment by its end points."""

RIGHT_ANGLE = 1e-3
"""How far the cosine of the angle between two axes of an upright grid may lie from 0."""
TOLERANCE_VOXELS = 0.1
"""Voxels nearer to each other than this share of the smallest spacing count as the same one: far more than the
rounding of any file format, far less than anything that a measurement would notice."""
TOLERANCE_MM = 1e-2


@dataclass(frozen=True)
class ImageAxes:
    """The geometry of an image in array order.

    origin_mm: LPS position of the voxel (0, 0, 0). steps_mm: (3, 3); its rows are the LPS vectors from one
    voxel to the next along the array axes z, y and x.
    """

    origin_mm: NDArray[np.float64]
    steps_mm: NDArray[np.float64]

    @classmethod
    def of(cls, image: sitk.Image) -> ImageAxes:
        """Return the geometry of a 3D image."""
        direction = np.reshape(image.GetDirection(), (3, 3))
        steps = (direction * np.asarray(image.GetSpacing())).T[::-1]
        return cls(np.asarray(image.GetOrigin(), float), np.ascontiguousarray(steps))

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(abs(np.linalg.det(self.steps_mm))) / 1000.0

    @property
    def slice_axis(self) -> int:
        """The array axis across the axial slices.

        The axial plane is the plane of two image axes whose normal lies nearest to the patient's long axis
        (LPS z): the slices of an axial scan, tilted or not, and the right plane of a coronal or sagittal one.
        """
        across = [np.cross(self.steps_mm[(axis + 1) % 3], self.steps_mm[(axis + 2) % 3]) for axis in range(3)]
        return int(np.argmax([abs(normal[2]) / np.linalg.norm(normal) for normal in across]))

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Distance of neighboring voxels along z, y and x."""
        z, y, x = (float(length) for length in np.linalg.norm(self.steps_mm, axis=1))
        return z, y, x

    def check_right_angles(self, name: str) -> None:
        """Raise `InputError` when the grid of `name` is sheared: distance maps need axes at right angles."""
        units = self.steps_mm / np.linalg.norm(self.steps_mm, axis=1, keepdims=True)
        if np.abs(units @ units.T - np.eye(3)).max() > RIGHT_ANGLE:
            raise InputError(
                f"the axes of {name} are not at right angles (a sheared grid): "
                "resample it to an upright grid first"
            )

    def of_part(self, start_zyx: NDArray[Any]) -> ImageAxes:
        """Return the geometry of the part of the image that begins at a voxel."""
        return ImageAxes(self.position_mm(start_zyx), self.steps_mm)

    def index_zyx(self, position_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Return the continuous voxel indices (..., 3) of LPS positions."""
        indices: NDArray[np.float64] = (position_mm - self.origin_mm) @ np.linalg.inv(self.steps_mm)
        return indices

    def position_mm(self, index_zyx: NDArray[Any]) -> NDArray[np.float64]:
        """Return the LPS positions of continuous voxel indices (..., 3)."""
        positions: NDArray[np.float64] = self.origin_mm + np.asarray(index_zyx, float) @ self.steps_mm
        return positions


def as_point(position_mm: NDArray[np.float64]) -> Point:
    """Return an LPS position as three floats."""
    x, y, z = (float(value) for value in position_mm)
    return x, y, z


def same_grid(image: sitk.Image, other: sitk.Image, *, tolerance_mm: float = TOLERANCE_MM) -> bool:
    """Return whether both volumes have the same size and their corner voxels lie within `tolerance_mm`."""
    if image.GetSize() != other.GetSize():
        return False
    corners = np.asarray(list(np.ndindex(2, 2, 2))) * (np.asarray(image.GetSize()) - 1)
    return all(
        np.allclose(
            image.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            other.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            atol=tolerance_mm,
            rtol=0,
        )
        for corner in corners
    )


def check_same_grid(first: sitk.Image, second: sitk.Image, first_name: str, second_name: str) -> None:
    """Raise `InputError` naming what differs when two 3D images do not lie on the same grid.

    first_name, second_name: how the user knows the images, such as ``"the prediction"``. Spacings, directions
    and origins may differ by `TOLERANCE_VOXELS` at the far corner.
    """
    for image, name in ((first, first_name), (second, second_name)):
        if image.GetDimension() != 3:
            raise InputError(f"{name} has {image.GetDimension()} dimensions; give a volume of three")
    if first.GetSize() != second.GetSize():
        raise _mismatch("size", first.GetSize(), second.GetSize(), first_name, second_name)
    size = np.asarray(first.GetSize(), float)
    spacing, other_spacing = np.asarray(first.GetSpacing()), np.asarray(second.GetSpacing())
    tolerance_mm = TOLERANCE_VOXELS * float(spacing.min())
    if np.any(np.abs(spacing - other_spacing) * size > tolerance_mm):
        raise _mismatch("spacing", spacing, other_spacing, first_name, second_name)
    direction = np.reshape(first.GetDirection(), (3, 3))
    other_direction = np.reshape(second.GetDirection(), (3, 3))
    if np.any(np.abs(direction - other_direction) * (spacing * size) > tolerance_mm):
        raise _mismatch("direction", direction.ravel(), other_direction.ravel(), first_name, second_name)
    if np.any(np.abs(np.subtract(first.GetOrigin(), second.GetOrigin())) > tolerance_mm):
        raise _mismatch("origin", first.GetOrigin(), second.GetOrigin(), first_name, second_name)


def check_volume(array: NDArray[Any], name: str) -> None:
    """Raise `InputError` when an array is not three-dimensional or has no voxel."""
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            f"{name} has the shape {array.shape}; a volume of three dimensions (z, y, x) is needed"
        )


def check_spacing(spacing_zyx_mm: Sequence[float]) -> tuple[float, float, float]:
    """Return the spacing as three floats, or raise `InputError`."""
    spacing = tuple(float(step) for step in spacing_zyx_mm)
    if len(spacing) != 3 or not all(np.isfinite(step) and step > 0 for step in spacing):
        raise InputError(
            f"the spacing is {spacing} mm; three lengths above zero are needed, in the order z, y, x"
        )
    return spacing


def _mismatch(what: str, first: object, second: object, first_name: str, second_name: str) -> InputError:
    unit = {"size": " voxels", "spacing": " mm", "origin": " mm", "direction": ""}[what]
    return InputError(
        f"{first_name} and {second_name} do not lie on the same grid: their {what} is "
        f"{_numbers(first)}{unit} and {_numbers(second)}{unit}; resample one of them onto the other's grid"
    )


def _numbers(values: object) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in np.ravel(np.asarray(values))) + ")"
