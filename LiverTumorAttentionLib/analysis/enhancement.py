"""Attenuation, enhancement and washout of a tumor against the perilesional liver, in HU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

Mask = NDArray[np.bool_]
PHASES = ("native", "arterial", "portal", "delayed")
"""Phases of a CT of the liver, in the order in which they are scanned."""


@dataclass(frozen=True, kw_only=True)
class HuStatistics:
    """Attenuation over the voxels of a region.

    voxels: their number. mean_hu, median_hu. sd_hu: standard deviation of the population (Slicer's Segment
    Statistics gives that of a sample, larger by the factor sqrt(n / (n - 1))). p10_hu, p90_hu: 10th and 90th
    percentile, linear between ranks.
    """

    voxels: int
    mean_hu: float
    sd_hu: float
    median_hu: float
    p10_hu: float
    p90_hu: float

    @classmethod
    def of(cls, hu: NDArray[Any]) -> HuStatistics | None:
        """Return the statistics of some values, or None when there is none."""
        if hu.size == 0:
            return None
        p10, median, p90 = np.percentile(hu, (10, 50, 90))
        return cls(
            voxels=int(hu.size),
            mean_hu=float(hu.mean(dtype=float)),
            sd_hu=float(hu.std(dtype=float)),
            median_hu=float(median),
            p10_hu=float(p10),
            p90_hu=float(p90),
        )


@dataclass(frozen=True, kw_only=True)
class Enhancement:
    """Attenuation of a tumor and of its perilesional liver, HU; None for what was not given or not imaged.

    native, arterial, portal, delayed: over the tumor, each over its part within the field of view of that phase.
    liver_native, liver_arterial, liver_portal, liver_delayed: over the perilesional liver, likewise; None when none is
        left.
    contrast_native_hu, contrast_arterial_hu, contrast_portal_hu, contrast_delayed_hu: mean of the tumor minus mean of
        the perilesional liver.
    arterial_portal_difference_hu: mean of the tumor, arterial minus portal: above 0 where the arterial phase is
        brighter. It is no enhancement, which is measured against the native phase.
    enhancement_arterial_hu, enhancement_portal_hu, enhancement_delayed_hu: mean of the tumor in that phase minus its
        mean in the native phase; None without a native phase.
    washout_hu: by how much the tumor loses attenuation against the liver from the arterial phase to a later one. A
        number only where LI-RADS v2018 allows the word: the tumor is brighter than the perilesional liver in the
        arterial phase, and darker in the portal venous or delayed phase, in its inner half too (not in its rim alone).
        None for every other tumor, such as one that is dark throughout while the liver brightens.
    washout_phase: "portal" or "delayed", where it is larger; None without washout.
    Differences are of voxels imaged in both phases.
    """

    portal: HuStatistics
    arterial: HuStatistics | None
    native: HuStatistics | None = None
    delayed: HuStatistics | None = None
    liver_portal: HuStatistics | None
    liver_arterial: HuStatistics | None
    liver_native: HuStatistics | None = None
    liver_delayed: HuStatistics | None = None
    contrast_portal_hu: float | None
    contrast_arterial_hu: float | None
    contrast_native_hu: float | None = None
    contrast_delayed_hu: float | None = None
    arterial_portal_difference_hu: float | None
    enhancement_arterial_hu: float | None = None
    enhancement_portal_hu: float | None = None
    enhancement_delayed_hu: float | None = None
    washout_hu: float | None
    washout_phase: str | None = None


def measure_enhancement(
    tumor: Mask, core: Mask, liver: Mask, phases_hu: Mapping[str, NDArray[Any]]
) -> Enhancement:
    """Measure a tumor and its perilesional liver in one or several phases.

    tumor, core (its inner half, empty where it has none), liver: (z, y, x) of one box; the tumor has a voxel.
    phases_hu: HU in that box by phase: "portal", and of "native", "arterial" and "delayed" those that there are,
    registered, `OUTSIDE_HU` outside of their field of view. Raises `ValueError` for a tumor without a voxel.
    """
    portal_hu = phases_hu["portal"]
    portal = HuStatistics.of(portal_hu[tumor])
    if portal is None:
        raise ValueError("a tumor without a voxel has no HU")
    told: dict[str, Any] = {"portal": portal, "liver_portal": HuStatistics.of(portal_hu[liver])}
    for phase in ("native", "arterial", "delayed"):
        hu = phases_hu.get(phase)
        for name, mask in ((phase, tumor), (f"liver_{phase}", liver)):
            told[name] = None if hu is None else HuStatistics.of(hu[mask & (hu > OUTSIDE_HU)])
    for phase in PHASES:
        told[f"contrast_{phase}_hu"] = _contrast(told[phase], told[f"liver_{phase}"])
    difference = partial(_difference, phases_hu, tumor)
    told["arterial_portal_difference_hu"] = difference("arterial", "portal")
    for phase in ("arterial", "portal", "delayed"):
        told[f"enhancement_{phase}_hu"] = difference(phase, "native")
    found = {phase: _washout(phases_hu, tumor, core, liver, phase) for phase in ("portal", "delayed")}
    washouts = {phase: hu for phase, hu in found.items() if hu is not None}
    told["washout_phase"] = max(washouts, key=lambda name: washouts[name], default=None)
    told["washout_hu"] = max(washouts.values(), default=None)
    return Enhancement(**told)


def _imaged(phases_hu: Mapping[str, NDArray[Any]], mask: Mask, *phases: str) -> Mask | None:
    """Return the part of a mask that was imaged in all phases; None where there is none, or a phase is missing."""
    for phase in phases:
        if phase not in phases_hu:
            return None
        if phase != "portal":  # the grid that all others lie on
            mask = mask & (phases_hu[phase] > OUTSIDE_HU)
    return mask if mask.any() else None


def _difference(phases_hu: Mapping[str, NDArray[Any]], mask: Mask, phase: str, minus: str) -> float | None:
    """Return the mean of one phase minus that of another over what both saw."""
    both = _imaged(phases_hu, mask, phase, minus)
    if both is None:
        return None
    return float(phases_hu[phase][both].mean(dtype=float) - phases_hu[minus][both].mean(dtype=float))


def _washout(
    phases_hu: Mapping[str, NDArray[Any]], tumor: Mask, core: Mask, liver: Mask, late: str
) -> float | None:
    """Return the contrast in the arterial phase minus that in a later one, where that is washout."""
    lesion = _imaged(phases_hu, tumor, "arterial", late)
    around = _imaged(phases_hu, liver, "arterial", late)
    if lesion is None or around is None:
        return None

    def contrast(phase: str, part: Mask) -> float:
        hu = phases_hu[phase]
        return float(hu[part].mean(dtype=float) - hu[around].mean(dtype=float))

    before, after = contrast("arterial", lesion), contrast(late, lesion)
    inner = core & lesion
    if before <= 0.0 or after >= 0.0 or (inner.any() and contrast(late, inner) >= 0.0):
        return None
    return before - after


def _contrast(tumor: HuStatistics | None, liver: HuStatistics | None) -> float | None:
    return None if tumor is None or liver is None else tumor.mean_hu - liver.mean_hu
