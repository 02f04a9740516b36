"""Where the axial plane lies in an image, and where its pixels lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError

RIGHT_ANGLE = 1e-3
"""How far the cosine of the angle between two axes of an upright grid may lie from 0."""


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
        """Distance of neighbouring voxels along z, y and x."""
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
        """Return the voxel indices (..., 3), not whole numbers as a rule, of LPS positions."""
        indices: NDArray[np.float64] = (position_mm - self.origin_mm) @ np.linalg.inv(self.steps_mm)
        return indices

    def position_mm(self, index_zyx: NDArray[Any]) -> NDArray[np.float64]:
        """Return the LPS position of voxel indices (..., 3), which need not be whole numbers."""
        positions: NDArray[np.float64] = self.origin_mm + np.asarray(index_zyx, float) @ self.steps_mm
        return positions
