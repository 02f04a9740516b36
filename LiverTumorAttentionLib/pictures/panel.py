"""One plane of a volume as a panel of a picture: gray levels, labels and a scale bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from LiverTumorAttentionLib.pictures.drawing import WHITE, draw_text, resized
from LiverTumorAttentionLib.pictures.slice_choice import Plane

WINDOW_HU = (-70.0, 180.0)
WIDTH_PIXELS = 1500
MAX_PIXELS_PER_MM = 4.0
GAP_PIXELS = 8
TEXT_PIXELS = 16
TITLE_PIXELS = 24
SCALE_BAR_MM = 50.0


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


def gray_levels(hu: NDArray, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a slice of HU, resized to `shape`, as gray levels of the soft-tissue window; NaN is black."""
    lowest, highest = WINDOW_HU
    smooth = resized(np.nan_to_num(hu.astype(np.float32), nan=lowest), shape)
    return (np.clip((smooth - lowest) / (highest - lowest), 0.0, 1.0) * 255.0).astype(np.uint8)


def gray_panel(hu: NDArray, shape: tuple[int, int]) -> Image.Image:
    """Return a slice of HU as a panel to draw on."""
    return Image.fromarray(gray_levels(hu, shape)).convert("RGB")


def annotate(panel: Image.Image, plane: Plane, pixels_per_mm: float) -> None:
    """Write the plane's name and the side that lies on the left; draw a bar of 5 cm where there is room."""
    draw_text(panel, plane.name, (8, 8), WHITE, TEXT_PIXELS)
    draw_text(panel, plane.left_side, (8, panel.height / 2), WHITE, TEXT_PIXELS, "lm")
    bar = round(SCALE_BAR_MM * pixels_per_mm)
    if panel.width > bar + 120:
        right, y = panel.width - 12, panel.height - 12
        ImageDraw.Draw(panel).rectangle((right - bar, y - 2, right - 1, y), fill=WHITE)
        draw_text(panel, "5 cm", (right, y - 5), WHITE, TEXT_PIXELS, "rd")
