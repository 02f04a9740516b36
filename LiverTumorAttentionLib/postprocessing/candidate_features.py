"""Features of each candidate: what tells a lesion from a vessel, a fissure or a neighboring organ.

A candidate is one component of the probability of tumor. All lengths are millimeters, all intensities HU; shapes are
told by principal moments and by the surface, so that they hardly depend on how the grid lies. A feature that cannot
be measured, such as one of a missing arterial phase, is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.lesion_classifier import NETWORK_FEATURE
from LiverTumorAttentionLib.voxels.boxes import (
    Box,
    bounding_box,
    expanded_box,
    label_boxes,
    margin_voxels,
    relative_box,
)
from LiverTumorAttentionLib.voxels.geometry import check_spacing
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, OUTSIDE_HU, tumor_number
from LiverTumorAttentionLib.voxels.morphology import Mask
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm, surface_voxels

DEEP_MM = 5.0
"""What lies deeper in the liver than this is not its border."""
FARTHEST_DEPTH_MM = 100.0
"""Depth of what has no border near, such as in a volume that is all liver."""
CONTACT_MM = 3.0
"""The shell around a candidate that counts as its contact."""
SURROUNDINGS_MM = (3.0, 12.0)
"""The shell around a candidate whose liver it is compared with."""
FEWEST_SURROUNDING_VOXELS = 20
"""With less liver than this around it, a candidate has no contrast."""
BRIGHT_HU = 30.0
"""What is brighter than the liver's median by this is likely a vessel."""
DARK_HU = -40.0
"""What is darker than the liver's median by this is likely fat or fluid."""
FACE_BIAS = 1.5
"""A ball's faces of voxels have this many times its surface, as has any body in the mean over all directions; a tube
along an axis has 1.3 times, one across all of them 1.6 times."""
SMALLEST_AXIS = 1.0 / math.sqrt(12.0)
"""Standard deviation of the position in a voxel, in voxels."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature: its name, unit ("" for a pure number) and what it says."""

    name: str
    unit: str = ""
    text: str


FEATURES = (
    Feature(name="equivalent_diameter_mm", unit="mm", text="diameter of the ball of its volume"),
    Feature(name="peak_probability", text="highest probability of tumor in it"),
    Feature(name="mean_probability", text="mean probability of tumor in it"),
    Feature(
        name="border_probability", text="mean probability over its voxels that have a face to the outside"
    ),
    Feature(name="contact_probability", text=f"mean probability within {CONTACT_MM:g} mm outside of it"),
    Feature(name="deviation", text="mean standard deviation of the probability over flips and turns"),
    Feature(
        name="depth_mm", unit="mm", text="mean distance of its voxels from the outside of the coarse liver"
    ),
    Feature(name="deep_share", text=f"share of it deeper in the coarse liver than {DEEP_MM:g} mm"),
    Feature(name="outside_share", text="share of it outside of the coarse liver"),
    Feature(name="elongation", text="longest by middle principal axis; 1 for a ball, large for a tube"),
    Feature(name="flatness", text="middle by shortest principal axis; 1 for a ball, large for a sheet"),
    Feature(name="sphericity", text="surface of the ball of its volume by its own surface; 1 for a ball"),
    Feature(name="slices", text="number of slices that it reaches over"),
    Feature(name="slice_spacing_mm", unit="mm", text="distance of the slices"),
    Feature(
        name="portal_contrast_hu", unit="HU", text="mean minus median of the liver around it, portal venous"
    ),
    Feature(name="portal_level_hu", unit="HU", text="mean minus median of the liver, portal venous"),
    Feature(name="portal_sd_hu", unit="HU", text="standard deviation in it, portal venous"),
    Feature(
        name="arterial_contrast_hu", unit="HU", text="mean minus median of the liver around it, arterial"
    ),
    Feature(name="arterial_level_hu", unit="HU", text="mean minus median of the liver, arterial"),
    Feature(name="arterial_sd_hu", unit="HU", text="standard deviation in it, arterial"),
    Feature(
        name="bright_contact",
        text=f"share of the {CONTACT_MM:g} mm around it {BRIGHT_HU:g} HU above the liver's median: vessels",
    ),
    Feature(
        name="dark_contact",
        text=f"share of the {CONTACT_MM:g} mm around it {-DARK_HU:g} HU below the liver's median: fat, fluid",
    ),
    Feature(
        name="outside_contact", text=f"share of the {CONTACT_MM:g} mm around it outside of the coarse liver"
    ),
    Feature(name="liver_hu", unit="HU", text="median of the liver, portal venous"),
    Feature(name="liver_volume_ml", unit="mL", text="volume of the coarse liver"),
)
"""Those that are measured, in the order in which they are computed."""
FEATURE_NAMES = (*(feature.name for feature in FEATURES), NETWORK_FEATURE)
"""What a classifier may ask for."""


@dataclass(frozen=True, kw_only=True)
class CandidateVolumes:
    """The volumes of a case, arrays (z, y, x) of one shape.

    instances: 0 background, 1 liver, 2, 3, … one value a candidate. liver: the coarse liver, before candidates at its
    rim became part of it. probability: of tumor, 0 to 1. portal, arterial: HU, the arterial volume registered,
    `OUTSIDE_HU` where it saw nothing, None without one. deviation: of the probability under averaging, None without.
    spacing_zyx_mm: distance of neighboring voxels.
    """

    instances: NDArray[np.integer[Any]]
    liver: Mask
    probability: NDArray[np.floating[Any]]
    portal: NDArray[Any]
    arterial: NDArray[Any] | None = None
    deviation: NDArray[np.floating[Any]] | None = None
    spacing_zyx_mm: Sequence[float]

    def __post_init__(self) -> None:
        shape = self.instances.shape
        others = (self.liver, self.probability, self.portal, self.arterial, self.deviation)
        for other in others:
            if other is not None and other.shape != shape:
                raise InputError(
                    f"the candidates have the shape {shape} and another volume {other.shape}: "
                    "bring all onto the same grid"
                )
        check_spacing(self.spacing_zyx_mm)


def candidate_features(volumes: CandidateVolumes) -> dict[int, dict[str, float]]:
    """Return the features of each candidate by its number (1, 2, …), each a value by its name in FEATURES.

    NaN stands for what cannot be measured.
    """
    boxes = candidate_boxes(volumes.instances)
    if not boxes:
        return {}
    case = CandidateCase(volumes)
    return {tumor_number(value): case.features(value, box) for value, box in boxes.items()}


def candidate_boxes(instances: NDArray[np.integer[Any]]) -> dict[int, Box]:
    """Return the bounding box of each candidate by its value in the instances (z, y, x)."""
    return {value: box for value, box in label_boxes(instances).items() if value >= FIRST_TUMOR}


class CandidateCase:
    """What all candidates of a case share: depths in the liver, and the liver's medians.

    portal_hu, arterial_hu: these medians, HU, of the liver without candidates and border; NaN where a phase did not
    image it.
    """

    def __init__(self, volumes: CandidateVolumes) -> None:
        self._volumes = volumes
        z, y, x = check_spacing(volumes.spacing_zyx_mm)
        self._spacing = (z, y, x)
        shape = volumes.instances.shape
        margin = margin_voxels(SURROUNDINGS_MM[1], self._spacing)
        box = bounding_box(volumes.instances, margin)
        self._box: Box = box if box is not None else tuple(slice(0, length) for length in shape)
        organ = volumes.liver[self._box].astype(bool)
        self._depth = _depth_mm(organ, self._spacing)
        self._parenchyma = organ & (volumes.instances[self._box] == LIVER)
        deep = self._parenchyma & (self._depth > DEEP_MM)
        self._level_mask = deep if deep.any() else self._parenchyma
        self.portal_hu = self._level(volumes.portal)
        self.arterial_hu = self._level(volumes.arterial)
        self._liver_ml = float(np.count_nonzero(organ)) * math.prod(self._spacing) / 1000.0

    def features(self, value: int, box: Box) -> dict[str, float]:
        """Return the features of the candidate with a value in the instances. box: its bounding box."""
        volumes, spacing = self._volumes, self._spacing
        grown = expanded_box(box, margin_voxels(SURROUNDINGS_MM[1], spacing), volumes.instances.shape)
        grown = tuple(
            slice(max(side.start, whole.start), min(side.stop, whole.stop))
            for side, whole in zip(grown, self._box, strict=True)
        )
        inner = relative_box(grown, self._box)
        inside = volumes.instances[grown] == value
        distance = distance_map_mm(inside, spacing)
        shell = (distance > 0) & (distance <= CONTACT_MM)
        if not shell.any():  # slices farther apart than the shell is thick
            shell = (distance > 0) & (distance <= max(spacing))
        around = self._parenchyma[inner] & (distance > SURROUNDINGS_MM[0]) & (distance <= SURROUNDINGS_MM[1])
        depth = self._depth[inner]
        portal = volumes.portal[grown]
        relative = portal[shell] - self.portal_hu
        probability = np.nan_to_num(volumes.probability[grown])
        border = tuple(surface_voxels(inside).T)
        arterial = None if volumes.arterial is None else volumes.arterial[grown]
        deviation = math.nan if volumes.deviation is None else _mean(volumes.deviation[grown][inside])
        return {
            **_shape(inside, spacing),
            "peak_probability": float(probability[inside].max()),
            "mean_probability": _mean(probability[inside]),
            "border_probability": _mean(probability[border]),
            "contact_probability": _mean(probability[shell]),
            "deviation": deviation,
            "depth_mm": _mean(depth[inside]),
            "deep_share": _mean(depth[inside] > DEEP_MM),
            "outside_share": _mean(depth[inside] <= 0),
            **_intensities("portal", portal, inside, around, self.portal_hu),
            **_intensities("arterial", arterial, inside, around, self.arterial_hu),
            "bright_contact": _mean(relative > BRIGHT_HU),
            "dark_contact": _mean(relative < DARK_HU),
            "outside_contact": _mean(depth[shell] <= 0),
            "liver_hu": self.portal_hu,
            "liver_volume_ml": self._liver_ml,
        }

    def _level(self, hu: NDArray[Any] | None) -> float:
        """Return the median of the liver without candidates and border, HU; NaN where it was not imaged."""
        if hu is None:
            return math.nan
        values = hu[self._box][self._level_mask]
        return _median(values[values > OUTSIDE_HU])


def _depth_mm(organ: Mask, spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """Return how far voxels lie inside an organ (z, y, x), at most FARTHEST_DEPTH_MM; 0 outside.

    The nearest voxel outside shares a face with the organ, so that the organ's own box, a voxel wider, tells it.
    """
    depth = np.zeros(organ.shape, np.float32)
    box = bounding_box(organ, (1, 1, 1))
    if box is not None:
        depth[box] = np.minimum(distance_map_mm(~organ[box], spacing), np.float32(FARTHEST_DEPTH_MM))
    return depth


def _shape(inside: Mask, spacing: tuple[float, float, float]) -> dict[str, float]:
    """Return the features of size and shape of a mask (z, y, x)."""
    places = np.argwhere(inside)
    volume = len(places) * math.prod(spacing)
    diameter = (6.0 * volume / math.pi) ** (1.0 / 3.0)
    moments = (
        np.cov(places * np.asarray(spacing), rowvar=False, bias=True) if len(places) > 1 else np.zeros((3, 3))
    )
    # A voxel has an extent of its own; without it, what is one slice thick would have no thickness at all.
    moments = moments + np.diag((np.asarray(spacing) * SMALLEST_AXIS) ** 2)
    short, middle, long = np.sqrt(np.linalg.eigvalsh(moments))
    return {
        "equivalent_diameter_mm": diameter,
        "elongation": float(long / middle),
        "flatness": float(middle / short),
        "sphericity": float(math.pi * diameter**2 / _surface_mm2(inside, spacing)),
        "slices": float(np.ptp(places[:, 0]) + 1),
        "slice_spacing_mm": spacing[0],
    }


def _surface_mm2(inside: Mask, spacing: tuple[float, float, float]) -> float:
    """Return the surface of a body: the faces of its voxels by `FACE_BIAS`."""
    padded = np.pad(inside, 1)
    area = 0.0
    for axis in range(3):
        faces = np.count_nonzero(np.diff(padded.view(np.int8), axis=axis))
        area += faces * math.prod(spacing) / spacing[axis]
    return area / FACE_BIAS


def _intensities(
    phase: str, hu: NDArray[Any] | None, inside: Mask, around: Mask, level: float
) -> dict[str, float]:
    """Return the features of a phase over what it imaged; NaN for all where there is none."""
    mean = spread = contrast = math.nan
    if hu is not None:
        seen = hu[inside]
        seen = seen[seen > OUTSIDE_HU]
        liver = hu[around]
        liver = liver[liver > OUTSIDE_HU]
        if seen.size:
            mean, spread = float(seen.mean(dtype=float)), float(seen.std(dtype=float))
        if liver.size >= FEWEST_SURROUNDING_VOXELS:
            contrast = mean - _median(liver)
    values: Mapping[str, float] = {"contrast": contrast, "level": mean - level, "sd": spread}
    return {f"{phase}_{name}_hu": value for name, value in values.items()}


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=float)) if values.size else math.nan


def _median(values: NDArray[Any]) -> float:
    return float(np.median(values)) if values.size else math.nan
