"""Whether two images lie voxel on voxel."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError

TOLERANCE_VOXELS = 0.1
"""Voxels that lie nearer to each other than this share of the smallest spacing are taken for the same one:
far more than the rounding of any file format, far less than anything that a measurement would notice."""


def check_same_grid(first: sitk.Image, second: sitk.Image, first_name: str, second_name: str) -> None:
    """Raise `InputError` naming what differs when two 3D images do not lie on the same grid.

    first_name, second_name: how the user knows the images, such as ``"the prediction"``.
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


def _mismatch(what: str, first: object, second: object, first_name: str, second_name: str) -> InputError:
    unit = {"size": " voxels", "spacing": " mm", "origin": " mm", "direction": ""}[what]
    return InputError(
        f"{first_name} and {second_name} do not lie on the same grid: their {what} is "
        f"{_numbers(first)}{unit} and {_numbers(second)}{unit}; resample one of them onto the other's grid"
    )


def _numbers(values: object) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in np.ravel(np.asarray(values))) + ")"
