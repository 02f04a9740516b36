"""Renderings of a found surface, colored by its distance to the true one (DPC-Net, Figures 4 and 7).

Seen from the front, the left and above, without perspective: each pixel shows the voxel that a ray meets first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pictures.drawing import (
    GRAY,
    ORANGE,
    WHITE,
    framed,
    side_by_side,
    stacked,
    text_line,
)
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm, surface_voxels

VOXEL_MM = 1.0
FARTHEST_MM = 10.0
"""Distance of the last color."""
MARGIN_MM = 6.0
STOPS = np.array([[40, 90, 200], [60, 190, 120], [250, 220, 60], [220, 40, 30]], float)
"""Colors of 0, 1/3, 2/3 and all of the farthest distance."""
VIEWS = (("front", 1, False), ("left", 2, True), ("above", 0, True))
"""Name, axis of the ray in a volume (z, y, x) of LPS axes, and whether it comes from that axis's end."""
TEXT_PIXELS, GAP_PIXELS = 14, 8


def render_surface_distance(
    found: sitk.Image, truth: sitk.Image, labels: Sequence[int], title: str
) -> Image.Image:
    """Return the picture of the body that `labels` make up, as found and, in gray, as it is.

    found, truth: label maps on one grid. Raises `InputError` where either holds nothing of these labels.
    """
    masks = [_isotropic(image, labels) for image in (found, truth)]
    for mask, name in zip(masks, ("the found label map", "the truth"), strict=True):
        if not mask.any():
            raise InputError(
                f"{name} holds nothing of the labels {list(labels)}: choose another case, or other labels"
            )
    box = _box(masks[0] | masks[1])
    found_mask, true_mask = (np.pad(mask[box], 2) for mask in masks)  # for the normals at the volume's border
    surface = np.zeros_like(true_mask)
    surface[tuple(surface_voxels(true_mask).T)] = True
    distances = distance_map_mm(surface, (VOXEL_MM,) * 3)
    of_found = distances[tuple(surface_voxels(found_mask).T)]
    rows = [
        side_by_side([_view(mask, axis, from_end, colors) for _, axis, from_end in VIEWS], GAP_PIXELS)
        for mask, colors in ((found_mask, distances), (true_mask, None))
    ]
    words = [(NOT_FOR_CLINICAL_USE, ORANGE), (title, WHITE)]
    mean = f"found (colored) {of_found.mean():.1f} mm from the truth (gray) on average, {of_found.max():.1f} mm at most"
    scale = f"from {', '.join(name for name, *_ in VIEWS)}; blue 0 mm, green, yellow, red {FARTHEST_MM:.0f} mm and more"
    lines = [text_line([each], TEXT_PIXELS) for each in (*words, (mean, GRAY), (scale, GRAY))]
    return framed(stacked([*rows, *lines], GAP_PIXELS), GAP_PIXELS)


def _isotropic(image: sitk.Image, labels: Sequence[int]) -> NDArray[np.bool_]:
    """Return a body on cubic voxels with LPS axes, (z, y, x), smoothly resampled."""
    lps = sitk.DICOMOrient(image, "LPS")
    body = np.isin(sitk.GetArrayViewFromImage(lps), list(labels)).astype(np.float32)
    x_mm, y_mm, z_mm = lps.GetSpacing()
    return np.asarray(ndimage.zoom(body, np.array([z_mm, y_mm, x_mm]) / VOXEL_MM, order=1) > 0.5)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the box of a body with a margin."""
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    margin = int(MARGIN_MM / VOXEL_MM)
    return tuple(slice(max(part.start - margin, 0), part.stop + margin) for part in box)


def _view(
    mask: NDArray[np.bool_], axis: int, from_end: bool, distances: NDArray[np.float32] | None
) -> Image.Image:
    """Return a body as rays along an axis meet it, head up; gray without distances."""
    solid = np.moveaxis(mask, axis, 0)
    solid = solid[::-1] if from_end else solid
    hit = np.asarray(solid.any(axis=0))
    depth = solid.argmax(axis=0)
    soft = ndimage.gaussian_filter(solid.astype(np.float32), 2.0)
    place = (depth, *np.indices(hit.shape))
    normal = np.stack([component[place] for component in np.gradient(soft)])
    length = np.linalg.norm(normal, axis=0)
    shade = 0.35 + 0.65 * np.clip(normal[0] / np.maximum(length, 1e-6), 0, 1)
    if distances is None:
        color = np.full((*hit.shape, 3), 200.0)
    else:
        moved = np.moveaxis(distances, axis, 0)
        color = colors_of((moved[::-1] if from_end else moved)[place])
    pixels = np.where(hit[..., None], color * shade[..., None], 0.0)
    if axis != 0:  # rows run from the feet up
        pixels = pixels[::-1]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def colors_of(distances_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the color of each distance, (..., 3), 0 to 255."""
    place = np.clip(distances_mm / FARTHEST_MM, 0, 1) * (len(STOPS) - 1)
    return np.stack([np.interp(place, range(len(STOPS)), STOPS[:, channel]) for channel in range(3)], axis=-1)
