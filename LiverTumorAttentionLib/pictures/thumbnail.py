"""Thumbnail of a case: the axial slice through its largest tumor, with the outlines of liver and tumors."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk
from PIL import Image

from LiverTumorAttentionLib.pictures.panel import gray_panel, lps_array, panel_shape
from LiverTumorAttentionLib.pictures.preview import draw_labels
from LiverTumorAttentionLib.pictures.slice_choice import PLANES, chosen_slices, shown_box

WIDTH_PIXELS = 176
JPEG_QUALITY = 72


def write_thumbnail(path: Path, portal: sitk.Image, instances: sitk.Image) -> None:
    """Write a JPEG of `WIDTH_PIXELS`. portal: HU; instances: 0, 1 liver, 2, 3, … tumors, on its grid."""
    compose_thumbnail(portal, instances).save(path, "JPEG", quality=JPEG_QUALITY, optimize=True)


def compose_thumbnail(portal: sitk.Image, instances: sitk.Image) -> Image.Image:
    """Return the picture, RGB, in radiological convention and true proportions."""
    labels = lps_array(instances)
    spacing_zyx_mm = sitk.DICOMOrient(instances, "LPS").GetSpacing()[::-1]
    box = shown_box(labels, None, spacing_zyx_mm)
    axial, index = PLANES[0], chosen_slices(labels, None)[0]
    extent_mm = [(part.stop - part.start) * step for part, step in zip(box, spacing_zyx_mm, strict=True)]
    shape = panel_shape(axial, extent_mm, WIDTH_PIXELS / extent_mm[axial.column_axis])
    panel = gray_panel(axial.cut(lps_array(portal), index, box), shape)
    draw_labels(panel, axial.cut(labels, index, box), width=1)
    return panel
