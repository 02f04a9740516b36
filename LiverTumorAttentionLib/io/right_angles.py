"""Axes of a volume that are off right angles."""

from __future__ import annotations

import warnings

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_warning import InputWarning

ORTHONORMAL_TOLERANCE = 1e-3
"""Largest entry of A^T A - I of unit axes that a rounded header may have: 0.2 mm over a liver."""
ROUNDING = 5e-5
"""Below this nothing is said of it."""


def check_right_angles(axes: np.ndarray, where: str) -> bool:
    """Return whether unit `axes` (columns) are off right angles by more than rounding, with a warning.

    where: the volume, in words. Raises `InputError` beyond `ORTHONORMAL_TOLERANCE`.
    """
    off = np.abs(axes.T @ axes - np.eye(3)).max()
    if not off <= ORTHONORMAL_TOLERANCE:
        raise InputError(
            f"the axes of {where} are not at right angles (gantry tilt or a sheared export): "
            "resample it to an upright grid first"
        )
    if off > ROUNDING:
        warnings.warn(
            f"the axes of {where} are off right angles by {off:.1g}; the nearest right-angled ones are used",
            InputWarning,
            stacklevel=3,
        )
    return bool(off > ROUNDING)


def upright(image: sitk.Image, where: str) -> sitk.Image:
    """Return a 3D image with its axes moved to the nearest right angles, if they are a little off."""
    axes = np.reshape(image.GetDirection(), (3, 3))
    if np.abs(axes.T @ axes - np.eye(3)).max() <= ORTHONORMAL_TOLERANCE and check_right_angles(axes, where):
        left, _, right = np.linalg.svd(axes)
        image.SetDirection((left @ right).ravel().tolist())
    return image
