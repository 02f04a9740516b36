"""A picture of a result that a person can look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.canvas import (
    GREEN,
    GREY,
    ORANGE,
    RED,
    WHITE,
    YELLOW,
    Picture,
    beside,
    draw_outline,
    framed,
    resized,
    stacked,
    strip,
    write_letters,
)
from LiverTumorAttentionLib.analysis.planes import PLANES, Plane, chosen_slices, shown_box
from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.preprocessing.same_grid import check_same_grid

NOTICE = "not for clinical use"
WINDOW_HU = (-70.0, 180.0)
WIDTH_PIXELS = 1500
MOST_PIXELS_PER_MM = 4.0
GAP_PIXELS = 8
LETTER_SCALE = 3


def write_preview(
    path: str | Path,
    portal: sitk.Image,
    instances: sitk.Image,
    arterial: sitk.Image | None = None,
    truth: sitk.Image | None = None,
) -> None:
    """Write a PNG with an axial, a coronal and a sagittal plane through the largest tumour.

    portal, arterial: HU, the arterial volume registered; the two stand beside each other.
    instances: 0 background, 1 liver (outlined in green), 2, 3, … tumours (red).
    truth: 0 background, 1 liver, 2 tumour (dashed in yellow). All on
    one grid, in any orientation. Without a tumour the planes go through the truth's, or through the liver, or
    through the middle. Shown as radiologists look: the patient's right on the left, in true proportions.
    Raises `InputError` when grids differ or `path` is no ``.png``, `OutputError` when it cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"the preview {target.name!r} must be a picture whose name ends in .png")
    for image, name in ((instances, "segmentation"), (arterial, "arterial volume"), (truth, "truth")):
        if image is not None:
            check_same_grid(portal, image, "the portal volume", f"the {name}")
    picture = compose_preview(portal, instances, arterial, truth)
    try:
        sitk.WriteImage(sitk.GetImageFromArray(picture, isVector=True), str(target))
    except RuntimeError as error:
        raise OutputError(
            f"the preview cannot be written to {target}; choose a folder that exists and may be written to"
        ) from error


def compose_preview(
    portal: sitk.Image,
    instances: sitk.Image,
    arterial: sitk.Image | None = None,
    truth: sitk.Image | None = None,
) -> Picture:
    """Return the picture of `write_preview` as (rows, columns, 3) of 8 bits."""
    labels = _lps_array(instances)
    true = None if truth is None else _lps_array(truth)
    spacing_zyx_mm = sitk.DICOMOrient(instances, "LPS").GetSpacing()[::-1]
    box = shown_box(labels, true, spacing_zyx_mm)
    slices = chosen_slices(labels, true)
    extent_mm = [(part.stop - part.start) * step for part, step in zip(box, spacing_zyx_mm, strict=True)]
    picture_mm = 2 * max(extent_mm[plane.column_axis] for plane in PLANES)
    pixels_per_mm = min(MOST_PIXELS_PER_MM, WIDTH_PIXELS / picture_mm)

    phases = []
    for volume, title in ((portal, "portal venous"), (arterial, "arterial, registered")):
        if volume is None:
            continue
        hu = _lps_array(volume)
        panels = []
        for plane, index in zip(PLANES, slices, strict=True):
            shape = (
                max(1, round(extent_mm[plane.row_axis] * pixels_per_mm)),
                max(1, round(extent_mm[plane.column_axis] * pixels_per_mm)),
            )
            panel = _grey_panel(plane.cut(hu, index, box), shape)
            _draw_labels(panel, plane.cut(labels, index, box), GREEN, RED)
            if true is not None:
                _draw_labels(panel, plane.cut(true, index, box), YELLOW, YELLOW, dashed=True)
            _annotate(panel, plane, pixels_per_mm)
            panels.append(panel)
        if arterial is None:
            shown = beside([panels[0], stacked(panels[1:], GAP_PIXELS)], GAP_PIXELS)
        else:
            shown = stacked(panels, GAP_PIXELS)
        phases.append(stacked([strip([(title, WHITE)], LETTER_SCALE), shown], GAP_PIXELS))
    legend = _legend(phases[0].shape[1] * len(phases), has_truth=truth is not None)
    return framed(stacked([beside(phases, GAP_PIXELS), *legend], GAP_PIXELS), GAP_PIXELS)


def _lps_array(image: sitk.Image) -> NDArray:
    """Return the voxels (z, y, x) with x towards the left, y towards the back and z towards the head."""
    array: NDArray = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
    return array


def _grey_panel(hu: NDArray, shape: tuple[int, int]) -> Picture:
    lowest, highest = WINDOW_HU
    smooth = resized(np.nan_to_num(hu.astype(np.float32), nan=lowest), shape)
    grey = np.clip((smooth - lowest) / (highest - lowest), 0.0, 1.0) * 255.0
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def _draw_labels(
    panel: Picture,
    labels: NDArray,
    liver_color: tuple[int, int, int],
    tumor_color: tuple[int, int, int],
    *,
    dashed: bool = False,
) -> None:
    """Outline the whole liver and each tumour of a slice."""
    draw_outline(panel, labels > 0, liver_color, dashed=dashed)
    for value in np.unique(labels):
        if value >= 2:
            draw_outline(panel, labels == value, tumor_color, dashed=dashed)


def _annotate(panel: Picture, plane: Plane, pixels_per_mm: float) -> None:
    """Write the plane's name and the side that lies on the left; draw a bar of 5 cm where there is room."""
    height, width = panel.shape[:2]
    write_letters(panel, plane.name, (8, 8), WHITE)
    write_letters(panel, plane.left_side, (height // 2 - 7, 8), WHITE)
    bar = round(50.0 * pixels_per_mm)
    if width > bar + 120:
        panel[height - 14 : height - 11, width - 12 - bar : width - 12] = WHITE
        write_letters(panel, "5 cm", (height - 32, width - 12 - 46), WHITE)


def _legend(width: int, *, has_truth: bool) -> list[Picture]:
    """Return the notice and the meaning of the colours, in one line where that fits into the width."""
    notice = [(NOTICE, ORANGE)]
    colors = [("liver", GREEN), ("tumor", RED)]
    if has_truth:
        colors.append(("truth (dashed)", YELLOW))
    colors.append((f"window {WINDOW_HU[0]:.0f} to {WINDOW_HU[1]:.0f} HU", GREY))
    whole = strip(notice + colors, LETTER_SCALE)
    if whole.shape[1] <= width:
        return [whole]
    return [strip([word], LETTER_SCALE) for word in notice + colors]
