"""One plane of a volume as a panel of a picture, and the picture as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.pictures.canvas import WHITE, Picture, resized, write_letters
from LiverTumorAttentionLib.pictures.slice_choice import Plane

NOTICE = "not for clinical use"
WINDOW_HU = (-70.0, 180.0)
WIDTH_PIXELS = 1500
MOST_PIXELS_PER_MM = 4.0
GAP_PIXELS = 8
LETTER_SCALE = 3


def check_png(path: str | Path) -> Path:
    """Return the path of a picture. Raises `InputError` unless it ends in ``.png``."""
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"the preview {target.name!r} must be a picture whose name ends in .png")
    return target


def write_png(target: Path, picture: Picture) -> None:
    """Write a picture. Raises `OutputError` when it cannot be written."""
    try:
        sitk.WriteImage(sitk.GetImageFromArray(picture, isVector=True), str(target))
    except RuntimeError as error:
        raise OutputError(
            f"the preview cannot be written to {target}; choose a folder that exists and may be written to"
        ) from error


def panel_shape(plane: Plane, extent_mm: Sequence[float], pixels_per_mm: float) -> tuple[int, int]:
    """Return (rows, columns) in pixels of a panel that shows a box of `extent_mm` (z, y, x)."""
    return (
        max(1, round(extent_mm[plane.row_axis] * pixels_per_mm)),
        max(1, round(extent_mm[plane.column_axis] * pixels_per_mm)),
    )


def lps_array(image: sitk.Image) -> NDArray:
    """Return the voxels (z, y, x) with x towards the left, y towards the back and z towards the head."""
    array: NDArray = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
    return array


def grey_panel(hu: NDArray, shape: tuple[int, int]) -> Picture:
    lowest, highest = WINDOW_HU
    smooth = resized(np.nan_to_num(hu.astype(np.float32), nan=lowest), shape)
    grey = np.clip((smooth - lowest) / (highest - lowest), 0.0, 1.0) * 255.0
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def annotate(panel: Picture, plane: Plane, pixels_per_mm: float) -> None:
    """Write the plane's name and the side that lies on the left; draw a bar of 5 cm where there is room."""
    height, width = panel.shape[:2]
    write_letters(panel, plane.name, (8, 8), WHITE)
    write_letters(panel, plane.left_side, (height // 2 - 7, 8), WHITE)
    bar = round(50.0 * pixels_per_mm)
    if width > bar + 120:
        panel[height - 14 : height - 11, width - 12 - bar : width - 12] = WHITE
        write_letters(panel, "5 cm", (height - 32, width - 12 - 46), WHITE)
