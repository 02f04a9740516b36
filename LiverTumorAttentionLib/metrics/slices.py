"""Metrics of a tumor segmentation per slice, in pixels.

Source: "Correlation Matters" (the context network), Table 1, scores each slice that shows tumor separately, the
    Hausdorff distance in pixels; PA-ResSeg, Table 12, separates marginal slices along z from middle ones.
Departs: neither paper defines more than that. Here a slice is **marginal** when a lesion of the truth (a 26-connected
    component) begins or ends in it, and **middle** when it shows tumor and is not marginal. Contours are compared
    as surfaces are in the volume: a pixel of the contour has an edge towards the outside, beyond the border of the
    slice is outside. Slices without true tumor are not scored; what is found there counts in the volume's scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.metrics.overlap import Confusion, confusion
from LiverTumorAttentionLib.metrics.surface import surface_distances
from LiverTumorAttentionLib.voxels.boxes import bounding_box, full_box, label_boxes
from LiverTumorAttentionLib.voxels.morphology import CORNERS

MARGINAL, MIDDLE = "marginal", "middle"


@dataclass(frozen=True, kw_only=True)
class SliceScores:
    """One slice that shows tumor.

    number: its index along z, from 0. part: "marginal" or "middle". confusion: pixels of this slice alone.
    hausdorff_px: between the contours, in pixels; nan when nothing was found in the slice.
    """

    number: int
    part: str
    confusion: Confusion
    hausdorff_px: float


def score_slices(prediction: NDArray[Any], truth: NDArray[Any]) -> tuple[SliceScores, ...]:
    """Score each slice whose truth shows tumor.

    prediction, truth: (z, y, x) of the same shape, z across the slices, not zero where there is tumor.
    Raises `ValueError` for shapes that differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has the shape {prediction.shape}, the truth {truth.shape}")
    rows = []
    for number, part in slice_parts(truth).items():
        predicted, true = np.asarray(prediction[number], bool), np.asarray(truth[number], bool)
        window = bounding_box(predicted | true) or full_box(true.shape)
        rows.append(
            SliceScores(
                number=number,
                part=part,
                confusion=confusion(predicted, true),
                hausdorff_px=surface_distances(predicted[window], true[window], (1.0, 1.0)).hd_mm,
            )
        )
    return tuple(rows)


def slice_parts(truth: NDArray[Any]) -> dict[int, str]:
    """Return "marginal" or "middle" for the index of each slice that shows tumor, in order.

    truth: (z, y, x), not zero where there is tumor.
    """
    mask = np.asarray(truth, bool)
    shown = np.flatnonzero(mask.any(axis=(1, 2)))
    if not shown.size:
        return {}
    first = int(shown[0])
    lesions, _ = ndimage.label(mask[first : int(shown[-1]) + 1], structure=CORNERS)
    ends = set()
    for box in label_boxes(lesions).values():
        ends |= {first + box[0].start, first + box[0].stop - 1}
    return {int(number): MARGINAL if number in ends else MIDDLE for number in shown}
