"""Rim and core of a tumor, and a capsule around it, as numbers.

LI-RADS v2018 names arterial hyperenhancement rim-like where it is most pronounced in the periphery of a lesion, and an
enhancing capsule a smooth rim in the portal venous or delayed phase. Here these are differences and ratios of
attenuation, never a category: what they mean for a patient is the reader's to say.

Rim and core are the outer and the inner half of a tumor's voxels by their depth, so that they mean the same for every
size. The shell in which a capsule is looked for lies about the outline, half inside and half in the liver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

Mask = NDArray[np.bool_]
LATE_PHASES = ("delayed", "portal")
"""Phases in which a capsule enhances, the best first."""


@dataclass(frozen=True, kw_only=True)
class RimMeasurement:
    """Rim, core and shell of a tumor; None for what was not given, not imaged, or has no voxel.

    rim_arterial_hu, core_arterial_hu: mean of the outer and of the inner half of the tumor, arterial phase.
    rim_core_ratio: the one over the other; None where the core is not above 0 HU. Above 1 the rim is brighter.
    capsule_phase: the phase of what follows, delayed where there is one, else portal venous.
    capsule_hu: mean of the shell less the brighter of core and perilesional liver; above 0 where the outline is
        brighter than what lies on both sides of it.
    capsule_share: in how many of the shell's octants about the tumor's center that holds, 0 to 1.
    """

    rim_arterial_hu: float | None
    core_arterial_hu: float | None
    rim_core_ratio: float | None
    capsule_phase: str | None
    capsule_hu: float | None
    capsule_share: float | None


def core_of(tumor: Mask, spacing_zyx_mm: Sequence[float]) -> Mask:
    """Return the inner half of a tumor (z, y, x) by depth; empty where all its voxels are as deep."""
    depth = _depth_mm(tumor, spacing_zyx_mm)
    inside: NDArray[np.floating] = depth[tumor]
    return tumor & (depth > np.median(inside)) if inside.size else np.zeros_like(tumor)


def measure_rim(
    tumor: Mask,
    core: Mask,
    around: Mask,
    liver: Mask,
    phases_hu: Mapping[str, NDArray[np.number]],
    spacing_zyx_mm: Sequence[float],
    shell_mm: float,
) -> RimMeasurement:
    """Measure rim, core and shell.

    tumor, core, around (perilesional liver), liver (all of it outside of tumors): masks (z, y, x) of one box.
    phases_hu: HU in that box by phase, of "arterial", "portal" and "delayed" those that there are, `OUTSIDE_HU` where
    nothing was imaged. shell_mm: how far the shell reaches to either side of the outline.
    """
    rim_hu, core_hu = (_mean(phases_hu.get("arterial"), part) for part in (tumor & ~core, core))
    ratio = None if rim_hu is None or core_hu is None or core_hu <= 0.0 else rim_hu / core_hu
    phase = next((name for name in LATE_PHASES if name in phases_hu), None)
    excess = share = None
    if phase is not None:
        hu = phases_hu[phase]
        inner, outer = _mean(hu, core), _mean(hu, around)
        if inner is not None and outer is not None:
            excess, share = _shell(
                hu, _shell_of(tumor, liver, spacing_zyx_mm, shell_mm), tumor, max(inner, outer)
            )
    return RimMeasurement(
        rim_arterial_hu=rim_hu,
        core_arterial_hu=core_hu,
        rim_core_ratio=ratio,
        capsule_phase=None if excess is None else phase,
        capsule_hu=excess,
        capsule_share=share,
    )


def _depth_mm(tumor: Mask, spacing_zyx_mm: Sequence[float]) -> NDArray[np.float32]:
    """Return how deep each voxel lies in a tumor; beyond the edge of the box is outside."""
    return distance_map_mm(~np.pad(tumor, 1), spacing_zyx_mm)[1:-1, 1:-1, 1:-1]


def _shell_of(tumor: Mask, liver: Mask, spacing_zyx_mm: Sequence[float], shell_mm: float) -> Mask:
    within = tumor & (_depth_mm(tumor, spacing_zyx_mm) <= shell_mm)
    return within | (liver & (distance_map_mm(tumor, spacing_zyx_mm) <= shell_mm))


def _shell(
    hu: NDArray[np.number], shell: Mask, tumor: Mask, beside_hu: float
) -> tuple[float | None, float | None]:
    """Return by how much a shell is brighter than what lies beside it, and in which share of its octants."""
    imaged = shell & (hu > OUTSIDE_HU)
    if not imaged.any():
        return None, None
    places = np.argwhere(imaged)
    octants = (places > np.argwhere(tumor).mean(axis=0)) @ np.array([4, 2, 1])
    counts = np.bincount(octants, minlength=8)
    sums = np.bincount(octants, weights=hu[imaged], minlength=8)
    used = counts > 0
    brighter = sums[used] / counts[used] > beside_hu
    return float(sums.sum() / counts.sum()) - beside_hu, float(brighter.mean())


def _mean(hu: NDArray[np.number] | None, mask: Mask) -> float | None:
    if hu is None:
        return None
    values = hu[mask & (hu > OUTSIDE_HU)]
    return float(values.mean(dtype=float)) if values.size else None
