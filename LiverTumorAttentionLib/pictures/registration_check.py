"""Picture to check a registration by eye: checkerboards and difference images, before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.pictures.drawing import (
    GRAY,
    GREEN,
    ORANGE,
    WHITE,
    draw_outline,
    framed,
    resized,
    side_by_side,
    stacked,
    text_line,
)
from LiverTumorAttentionLib.pictures.panel import (
    GAP_PIXELS,
    MAX_PIXELS_PER_MM,
    TEXT_PIXELS,
    WIDTH_PIXELS,
    WINDOW_HU,
    annotate,
    gray_levels,
    lps_array,
    panel_shape,
)
from LiverTumorAttentionLib.pictures.png import check_png, write_png
from LiverTumorAttentionLib.pictures.slice_choice import PLANES, chosen_slices, shown_box
from LiverTumorAttentionLib.voxels.geometry import check_same_grid

FIELD_MM = 25.0
"""Side of a checkerboard field, so that each holds a few vessels and a piece of the surface."""
DIFFERENCE_HU = 120.0
"""Difference from the median that is drawn in full color."""


def write_alignment(
    path: str | Path,
    portal: sitk.Image,
    before: sitk.Image,
    after: sitk.Image,
    *,
    liver: sitk.Image | None = None,
    verdict: str = "",
) -> None:
    """Write a PNG with three planes of both phases, as they were given and registered.

    portal, before, after: HU on one grid; `before` is the arterial volume as it was given, `after` registered.
    liver: mask of the portal liver on the same grid, outlined in green; the picture is cut to it.
    verdict: a sentence that is written below. Left, the checkerboards, whose fields alternate between the phases:
    vessels and surfaces are continuous across the borders where the phases match. Right, the differences
    arterial minus portal, less their median in the liver: blue where the arterial phase is darker, orange
    where it is brighter.
    Raises `InputError` when grids differ or `path` is no ``.png``, `OutputError` when it cannot be written.
    """
    target = check_png(path)
    for image, name in (
        (before, "the arterial volume"),
        (after, "the registered volume"),
        (liver, "the liver"),
    ):
        if image is not None:
            check_same_grid(portal, image, "the portal volume", name)
    write_png(target, compose_alignment(portal, before, after, liver, verdict))


def compose_alignment(
    portal: sitk.Image, before: sitk.Image, after: sitk.Image, liver: sitk.Image | None, verdict: str
) -> Image.Image:
    """Return the picture of `write_alignment`, RGB."""
    fixed = lps_array(portal)
    mask = np.zeros(fixed.shape, np.uint8) if liver is None else (lps_array(liver) > 0).astype(np.uint8)
    spacing_zyx_mm = sitk.DICOMOrient(portal, "LPS").GetSpacing()[::-1]
    box, slices = shown_box(mask, None, spacing_zyx_mm), chosen_slices(mask, None)
    extent_mm = [(part.stop - part.start) * step for part, step in zip(box, spacing_zyx_mm, strict=True)]
    widest_mm = max(extent_mm[plane.column_axis] for plane in PLANES)
    pixels_per_mm = min(MAX_PIXELS_PER_MM, WIDTH_PIXELS / (4 * widest_mm))

    columns = []
    for draw, what in ((_checkerboard, "Checkerboard"), (_difference, "Difference")):
        for volume, when in ((before, "before"), (after, "after")):
            moving = lps_array(volume)
            if draw is _difference:
                moving = moving - _median_change(fixed, moving, mask if mask.any() else np.ones_like(mask))
            panels = []
            for plane, index in zip(PLANES, slices, strict=True):
                shape = panel_shape(plane, extent_mm, pixels_per_mm)
                panel = Image.fromarray(
                    draw(plane.cut(fixed, index, box), plane.cut(moving, index, box), shape, pixels_per_mm)
                )
                draw_outline(panel, plane.cut(mask, index, box) > 0, GREEN)
                annotate(panel, plane, pixels_per_mm)
                panels.append(panel)
            columns.append(
                stacked([text_line([(f"{what} {when}", WHITE)], TEXT_PIXELS), *panels], GAP_PIXELS)
            )
    window = f"window {WINDOW_HU[0]:.0f} to {WINDOW_HU[1]:.0f} HU"
    legend = [(NOT_FOR_CLINICAL_USE, ORANGE), ("portal liver", GREEN), (window, GRAY)]
    lines = [text_line(legend, TEXT_PIXELS)]
    if verdict:
        lines.append(text_line([(verdict, WHITE)], TEXT_PIXELS))
    return framed(stacked([side_by_side(columns, GAP_PIXELS), *lines], GAP_PIXELS), GAP_PIXELS)


def _checkerboard(
    portal: NDArray, arterial: NDArray, shape: tuple[int, int], pixels_per_mm: float
) -> NDArray[np.uint8]:
    side = FIELD_MM * pixels_per_mm
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    second = (rows // side + columns // side) % 2 == 1
    gray = np.where(second, gray_levels(arterial, shape), gray_levels(portal, shape))
    return np.repeat(gray[:, :, None], 3, axis=2)


def _median_change(portal: NDArray, arterial: NDArray, mask: NDArray) -> NDArray:
    """Return the median of arterial minus portal inside a mask, HU."""
    low, high = WINDOW_HU
    inside = mask > 0
    change = np.clip(arterial[inside], low, high) - np.clip(portal[inside], low, high)
    return np.asarray(np.median(change.astype(np.float32)))


def _difference(
    portal: NDArray, arterial: NDArray, shape: tuple[int, int], pixels_per_mm: float
) -> NDArray[np.uint8]:
    low, high = WINDOW_HU
    clipped = [np.clip(hu.astype(np.float32), low, high) for hu in (portal, arterial)]
    change = resized(clipped[1] - clipped[0], shape)
    strength = np.clip(np.abs(change) / DIFFERENCE_HU, 0, 1)[:, :, None]
    color = np.where(change[:, :, None] > 0, np.array([255, 170, 60]), np.array([70, 130, 255]))
    return (strength * color + (1 - strength) * 20).astype(np.uint8)
