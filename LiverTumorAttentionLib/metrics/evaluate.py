"""Evaluation of a predicted label map against a reference: all metrics, per object and per lesion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.metrics.evaluation import Evaluation, LabelScores
from LiverTumorAttentionLib.metrics.labels import DEFAULT_LABELS
from LiverTumorAttentionLib.metrics.lesions import LesionScores, match_lesions
from LiverTumorAttentionLib.metrics.lits import LitsLesions, match_as_lits, score_as_lits
from LiverTumorAttentionLib.metrics.overlap import confusion
from LiverTumorAttentionLib.metrics.surface import surface_distances
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.geometry import regridded

LESION_LABEL = "tumor"


def evaluate_labels(
    prediction: sitk.Image,
    truth: sitk.Image,
    labels: Mapping[str, tuple[int, ...]] = DEFAULT_LABELS,
    *,
    lits: bool = False,
) -> Evaluation:
    """Score a predicted label map against the truth.

    prediction, truth: 3D label maps of whole numbers on the same grid, whose axes may run another way.
    labels: name of each object and the values that make it; the one called "tumor" is scored lesion by
    lesion as well. lits: score in LiTS's own way too, see `metrics.lits`.
    Raises `InputError` when the grids differ (naming both), for an image that is no label map, or no labels.
    """
    truth = regridded(truth, prediction, "the truth", "the prediction")
    if not labels:
        raise InputError("there is no label to evaluate; name at least one, such as tumor=2")
    predicted = _label_array(prediction, "the prediction")
    true = _label_array(truth, "the truth")
    spacing_zyx_mm = prediction.GetSpacing()[::-1]
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000.0
    scores: dict[str, LabelScores] = {}
    lesions: LesionScores | None = None
    as_lits: LitsLesions | None = None
    for name, values in labels.items():
        found_mask, true_mask, total = _cropped(_mask(predicted, values), _mask(true, values))
        scores[name] = LabelScores(
            values=tuple(values),
            confusion=confusion(found_mask, true_mask, total_voxels=total),
            surface=surface_distances(found_mask, true_mask, spacing_zyx_mm),
            voxel_ml=voxel_ml,
            lits=score_as_lits(found_mask, true_mask, spacing_zyx_mm) if lits else None,
        )
        if name == LESION_LABEL:
            lesions = match_lesions(found_mask, true_mask, spacing_zyx_mm)
            as_lits = match_as_lits(found_mask, true_mask, spacing_zyx_mm) if lits else None
    return Evaluation(labels=scores, lesions=lesions, lits_lesions=as_lits)


def _label_array(image: sitk.Image, name: str) -> NDArray[Any]:
    """Return the voxels (z, y, x) of a label map; raises `InputError` when they are no whole numbers."""
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{name} has {image.GetNumberOfComponentsPerPixel()} components a voxel; give a label map of one"
        )
    array = sitk.GetArrayViewFromImage(image)
    if array.dtype.kind == "f" and not np.array_equal(array, np.round(array)):
        raise InputError(
            f"{name} holds values that are not whole numbers; give a label map, not probabilities"
        )
    return array


def _mask(array: NDArray[Any], values: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(array.shape, dtype=bool)
    for value in values:
        mask |= array == value
    return mask


def _cropped(
    first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Return both masks in the box around their union, and the number of voxels of the whole volume.

    Outside of the box both are empty, so that nothing that is measured changes.
    """
    union = first | second
    box = bounding_box(union) or (slice(0, 0),) * 3
    return first[box], second[box], first.size
