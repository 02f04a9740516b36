"""Data classes of a phantom: its phases, their ground truth, and the parameters that were drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import SimpleITK as sitk


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """One lesion of the truth.

    kind: "cyst", "FNH", "HCC", "hemangioma" or "metastasis".
    instance: its value in `Phantom.instances` (2 the largest, then 3, ...).
    center_lps_mm: center of gravity in the portal phase, LPS mm.
    diameter_mm: diameter of the ball of equal volume.
    longest_axial_mm: greatest extent in any one slice of the portal labels (voxel centers plus one voxel).
    volume_ml: volume in the portal labels.
    portal_hu, arterial_hu: mean over the lesion without noise; the arterial one follows the displacement.
    further_hu: likewise, by further phase.
    """

    kind: str
    instance: int
    center_lps_mm: tuple[float, float, float]
    diameter_mm: float
    longest_axial_mm: float
    volume_ml: float
    portal_hu: float
    arterial_hu: float
    further_hu: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FurtherPhase:
    """A phase beside the late arterial and the portal one, in a breath hold of its own.

    image: int16, HU, on a grid as large as the portal one. displacement: as `Phantom.displacement`, to this volume.
    structures: uint8, as `Phantom.structures`, on its grid.
    """

    image: sitk.Image
    displacement: sitk.Image
    structures: sitk.Image


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """A two-phase abdominal CT with complete ground truth.

    portal, arterial: int16, HU, LPS axes.
    labels: uint8 on the portal grid, 0 background, 1 liver, 2 tumor.
    instances: uint8 on the portal grid, 0 background, 1 liver, 2, 3, ... one value a lesion, largest first.
    structures, arterial_structures: uint8 fine anatomy (`STRUCTURES`) on the grid of each phase.
    displacement: float32 vectors on the portal grid, LPS mm; a portal point p lies at p + u(p) in the arterial volume.
    further: the further phases that were asked for, by name ("native", "early_arterial", "delayed").
    settings: all that was drawn: patient, scanner, contrast, motion.
    """

    portal: sitk.Image
    arterial: sitk.Image
    labels: sitk.Image
    instances: sitk.Image
    structures: sitk.Image
    arterial_structures: sitk.Image
    displacement: sitk.Image
    lesions: tuple[Lesion, ...]
    further: dict[str, FurtherPhase] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
