"""The lesions of a case one by one: those that its data set lists, or else the connected parts of its truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.json_values import load_json
from LiverTumorAttentionLib.metrics import Components, LesionRow, LesionScores
from LiverTumorAttentionLib.regular_file import reason
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.labels import TUMOR
from training.data.case import SourceCase


@dataclass(frozen=True, kw_only=True)
class KnownLesion:
    """A lesion as its data set lists it."""

    tumor_type: str
    diameter_mm: float
    """Of the ball of equal volume."""
    volume_ml: float
    center_lps_mm: tuple[float, float, float]


def lesion_rows(case: SourceCase, truth: sitk.Image, scores: LesionScores) -> list[dict[str, Any]]:
    """Return the values of one row a lesion, but for the run's.

    truth: label map, 2 is tumor. scores: of all its connected parts. A known lesion has the scores of the part that
    it lies in, and none where the labels do not show it (it is smaller than a voxel).
    """
    if case.lesions is None:
        return [
            {
                "lesion": row.number,
                "tumor_type": case.facts.get("tumor_type"),
                "diameter_mm": ball_diameter_mm(row.volume_ml),
                "volume_ml": row.volume_ml,
                **_scores(row),
            }
            for row in scores.lesions
        ]
    known = read_lesions(case.lesions)
    parts = _parts_of(known, truth)
    return [
        {
            "lesion": place,
            "tumor_type": lesion.tumor_type,
            "diameter_mm": lesion.diameter_mm,
            "volume_ml": lesion.volume_ml,
            **(_scores(scores.lesions[part - 1]) if part else {"detected": False, "touched": False}),
        }
        for place, (lesion, part) in enumerate(zip(known, parts, strict=True), start=1)
    ]


def read_lesions(path: Path) -> list[KnownLesion]:
    """Read lesions.json as `liver-tumor-attention phantom` writes it. Raises `InputError`."""
    try:
        listed = load_json(path)["lesions"]
        return [
            KnownLesion(
                tumor_type=str(lesion["kind"]),
                diameter_mm=float(lesion["diameter_mm"]),
                volume_ml=float(lesion["volume_ml"]),
                center_lps_mm=(x, y, z),
            )
            for lesion in listed
            for x, y, z in [lesion["center_lps_mm"]]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the lesions '{path}' cannot be read ({reason(error)}): restore the file"
        ) from error


def _parts_of(lesions: list[KnownLesion], truth: sitk.Image) -> list[int]:
    """Return the number of the connected part of the truth that each lesion lies in; 0 for none."""
    mask = sitk.GetArrayViewFromImage(truth) == TUMOR
    indices = np.argwhere(mask)
    box = bounding_box(mask)
    if box is None:
        return [0] * len(lesions)
    first = np.array([side.start for side in box])
    numbers = Components.of(mask[box]).numbers
    points = _points_mm(truth, indices)
    reach_mm = float(np.linalg.norm(truth.GetSpacing()))
    parts = []
    for lesion in lesions:
        distances = np.linalg.norm(points - np.asarray(lesion.center_lps_mm), axis=1)
        near = distances.min() <= lesion.diameter_mm / 2 + reach_mm
        parts.append(int(numbers[tuple(indices[distances.argmin()] - first)]) if near else 0)
    return parts


def _points_mm(image: sitk.Image, indices_zyx: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return LPS points (n, 3) of voxels."""
    direction = np.reshape(image.GetDirection(), (3, 3))
    scaled = indices_zyx[:, ::-1] * np.asarray(image.GetSpacing())
    return scaled @ direction.T + np.asarray(image.GetOrigin())


def ball_diameter_mm(volume_ml: float) -> float:
    """Return the diameter of the ball of a volume."""
    return 2.0 * (3.0 * volume_ml * 1000.0 / (4.0 * math.pi)) ** (1.0 / 3.0)


def _scores(row: LesionRow) -> dict[str, Any]:
    return {
        "component": row.number,
        "extent_mm": row.extent_mm,
        "detected": row.detected,
        "touched": row.touched,
        "covered": row.overlap,
        "best_dice": row.best_dice,
        "best_iou": row.best_iou,
    }
