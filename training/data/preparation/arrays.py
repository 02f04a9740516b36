"""The arrays of a prepared case: what inference would give the network, and the truth on the same grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.inference.stage_input import View, tumor_view, whole_view
from LiverTumorAttentionLib.models import StageDescription
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from training.data.preparation.places import places_of

CLASSES = ("background", "liver", "tumor")


@dataclass(frozen=True, kw_only=True)
class CaseArrays:
    """A case on its stage's grid."""

    arrays: dict[str, NDArray[Any]]
    """By file name without ending; volumes are (z, y, x)."""
    spacing_mm: tuple[float, float, float]
    """(z, y, x)."""
    intensity: dict[str, dict[str, float]]
    """What the stage's scaling takes from each phase (`View.measured`); empty where it takes nothing."""
    voxels: dict[str, int]
    """Voxels of each class."""


def case_arrays(
    stage: StageDescription,
    portal: sitk.Image,
    arterial: sitk.Image | None,
    labels: sitk.Image,
    liver: sitk.Image | None,
) -> CaseArrays:
    """Return the arrays of a case, all images on the portal grid, in LPS order.

    liver: the coarse liver for a tumor stage, which is cropped to it; None takes the whole volume.
    """
    view = whole_view(stage, portal) if liver is None else tumor_view(stage, portal, liver)
    volumes = {"portal": portal}
    if arterial is not None:
        volumes["arterial"] = arterial
    arrays: dict[str, NDArray[Any]] = {}
    measured: dict[str, dict[str, float]] = {}
    for name, volume in volumes.items():
        hu = view.on_grid(volume)
        arrays[name] = rounded_hu(hu)
        measured[name] = view.measured(stage.intensity, volume, hu)
    truth = classes_on_grid(view, labels)
    arrays["labels"] = truth
    if view.inside is not None:
        arrays["inside"] = view.inside.astype(np.uint8)
    arrays["liver-places"] = places_of(truth >= LIVER)
    arrays["tumor-places"] = places_of(truth == TUMOR, each_part=True)
    z, y, x = view.grid.GetSpacing()[::-1]
    return CaseArrays(
        arrays=arrays,
        spacing_mm=(z, y, x),
        intensity={name: values for name, values in measured.items() if values},
        voxels={name: int(np.count_nonzero(truth == value)) for value, name in enumerate(CLASSES)},
    )


def rounded_hu(hu: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return HU as whole numbers."""
    limits = np.iinfo(np.int16)
    return np.rint(hu).clip(limits.min, limits.max).astype(np.int16)


def classes_on_grid(view: View, labels: sitk.Image) -> NDArray[np.uint8]:
    """Return the truth on the stage's grid: a voxel is what at least half of it is; tumors lie in the liver."""
    truth = (view.on_grid(labels >= LIVER) >= 0.5).astype(np.uint8)
    truth[view.on_grid(labels == TUMOR) >= 0.5] = TUMOR
    return truth
