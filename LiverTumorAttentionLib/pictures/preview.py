"""Preview of a result: axial, coronal and sagittal planes with the outlines of liver and tumors."""

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
    LINE_PIXELS,
    ORANGE,
    RED,
    WHITE,
    YELLOW,
    Color,
    draw_outline,
    framed,
    side_by_side,
    stacked,
    text_line,
)
from LiverTumorAttentionLib.pictures.panel import (
    GAP_PIXELS,
    MAX_PIXELS_PER_MM,
    TITLE_PIXELS,
    WIDTH_PIXELS,
    WINDOW_HU,
    annotate,
    gray_panel,
    lps_array,
    panel_shape,
)
from LiverTumorAttentionLib.pictures.png import check_png, write_png
from LiverTumorAttentionLib.pictures.slice_choice import PLANES, chosen_slices, shown_box
from LiverTumorAttentionLib.voxels.geometry import check_same_grid


def write_preview(
    path: str | Path,
    portal: sitk.Image,
    instances: sitk.Image,
    arterial: sitk.Image | None = None,
    truth: sitk.Image | None = None,
) -> None:
    """Write a PNG with an axial, a coronal and a sagittal plane through the largest tumor.

    portal, arterial: HU, the arterial volume registered; the two stand beside each other.
    instances: 0 background, 1 liver (outlined in green), 2, 3, … tumors (red).
    truth: 0 background, 1 liver, 2 tumor (dashed in yellow). All on one grid, in any orientation.
    Without a tumor the planes go through the truth's, or through the liver, or through the middle. Radiological
    convention: the patient's right on the left, in true proportions.
    Raises `InputError` when grids differ or `path` is no ``.png``, `OutputError` when it cannot be written.
    """
    target = check_png(path)
    for image, name in ((instances, "segmentation"), (arterial, "arterial volume"), (truth, "truth")):
        if image is not None:
            check_same_grid(portal, image, "the portal volume", f"the {name}")
    write_png(target, compose_preview(portal, instances, arterial, truth))


def compose_preview(
    portal: sitk.Image,
    instances: sitk.Image,
    arterial: sitk.Image | None = None,
    truth: sitk.Image | None = None,
) -> Image.Image:
    """Return the picture of `write_preview`, RGB."""
    labels = lps_array(instances)
    true = None if truth is None else lps_array(truth)
    spacing_zyx_mm = sitk.DICOMOrient(instances, "LPS").GetSpacing()[::-1]
    box = shown_box(labels, true, spacing_zyx_mm)
    slices = chosen_slices(labels, true)
    extent_mm = [(part.stop - part.start) * step for part, step in zip(box, spacing_zyx_mm, strict=True)]
    picture_mm = 2 * max(extent_mm[plane.column_axis] for plane in PLANES)
    pixels_per_mm = min(MAX_PIXELS_PER_MM, WIDTH_PIXELS / picture_mm)

    phases = []
    for volume, title in ((portal, "Portal venous"), (arterial, "Arterial, registered")):
        if volume is None:
            continue
        hu = lps_array(volume)
        panels = []
        for plane, index in zip(PLANES, slices, strict=True):
            shape = panel_shape(plane, extent_mm, pixels_per_mm)
            panel = gray_panel(plane.cut(hu, index, box), shape)
            draw_labels(panel, plane.cut(labels, index, box))
            if true is not None:
                draw_labels(panel, plane.cut(true, index, box), YELLOW, YELLOW, dashed=True)
            annotate(panel, plane, pixels_per_mm)
            panels.append(panel)
        if arterial is None:
            shown = side_by_side([panels[0], stacked(panels[1:], GAP_PIXELS)], GAP_PIXELS)
        else:
            shown = stacked(panels, GAP_PIXELS)
        phases.append(stacked([text_line([(title, WHITE)], TITLE_PIXELS), shown], GAP_PIXELS))
    legend = _legend(phases[0].width * len(phases), has_truth=truth is not None)
    return framed(stacked([side_by_side(phases, GAP_PIXELS), *legend], GAP_PIXELS), GAP_PIXELS)


def draw_labels(
    panel: Image.Image,
    labels: NDArray,
    liver_color: Color = GREEN,
    tumor_color: Color = RED,
    *,
    dashed: bool = False,
    width: int = LINE_PIXELS,
) -> None:
    """Outline the whole liver and each tumor of a slice. labels: 0, 1 liver, 2, 3, … tumors (rows, columns)."""
    draw_outline(panel, labels > 0, liver_color, dashed=dashed, width=width)
    for value in np.unique(labels):
        if value >= 2:
            draw_outline(panel, labels == value, tumor_color, dashed=dashed, width=width)


def _legend(width: int, *, has_truth: bool) -> list[Image.Image]:
    """Return the notice and the meaning of the colors, in one line where that fits into the width."""
    words = [(NOT_FOR_CLINICAL_USE, ORANGE), ("liver", GREEN), ("tumor", RED)]
    if has_truth:
        words.append(("truth (dashed)", YELLOW))
    words.append((f"window {WINDOW_HU[0]:.0f} to {WINDOW_HU[1]:.0f} HU", GRAY))
    line = text_line(words, TITLE_PIXELS)
    return [line] if line.width <= width else [text_line([word], TITLE_PIXELS) for word in words]
