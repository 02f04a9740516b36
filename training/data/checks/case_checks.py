"""Checks of one case by itself: files, grids, HU, labels, coverage."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.io import check_ct
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.voxels.geometry import to_lps
from training.data.case import SourceCase
from training.data.checks.anatomy import anatomy_findings
from training.data.checks.finding import Finding, noted
from training.data.layouts.reading import read_displacement, read_labels, read_phase

LOST_SPACING_MM = 1.0
"""Voxels of exactly this size in every direction are those of a header that lost its geometry, or resampled."""

ENOUGH_VOXELS = 2_000_000
"""A larger volume is thinned in plane where a share of the liver is measured."""


@dataclass(frozen=True, kw_only=True)
class CaseReport:
    """What one case showed."""

    findings: tuple[Finding, ...]
    digests: Mapping[str, str]
    """Of the voxels of each phase that could be read."""


def check_case(case: SourceCase, phases: Sequence[str] | None = None) -> CaseReport:
    """Read a case and check its volumes and labels; nothing that is wrong raises.

    phases: those that the recipe takes, others are not checked; None checks those that exist.
    """
    findings: list[Finding] = []
    volumes: dict[str, sitk.Image] = {}
    for phase in ("portal", "arterial"):
        missing = phase == "arterial" and case.arterial is None
        if (missing and phases is None) or (phases is not None and phase not in {*phases, "portal"}):
            continue
        with noted(case.name, findings):
            volumes[phase] = read_phase(case, phase)
            if case.picture is None:  # a single slice is no volume
                check_ct(volumes[phase], f"{phase} volume")
    upright = {phase: to_lps(volume) for phase, volume in volumes.items()}
    labels: sitk.Image | None = None
    if "portal" in volumes:
        with noted(case.name, findings):
            labels = read_labels(case, volumes["portal"], upright["portal"])
    if "arterial" in volumes and "portal" in volumes and case.displacement is not None:
        with noted(case.name, findings):
            read_displacement(case, upright["portal"])
    for phase, volume in volumes.items():
        findings.extend(_lost_spacing(case.name, volume, phase))
    if labels is not None:
        findings.extend(anatomy_findings(case.name, upright["portal"], labels, whole=case.shows_whole_body))
        if "arterial" in upright:
            findings.extend(_coverage(case.name, labels, upright["arterial"]))
    return CaseReport(
        findings=tuple(findings), digests={phase: digest(volume) for phase, volume in upright.items()}
    )


def digest(volume: sitk.Image) -> str:
    """Return a hash of a volume's size and whole HU in LPS order: alike for one scan in different files."""
    voxels = sitk.GetArrayViewFromImage(volume)
    found = hashlib.blake2b(repr(voxels.shape).encode(), digest_size=16)
    for plane in voxels:
        found.update(np.ascontiguousarray(np.rint(plane).clip(-32768, 32767), dtype="<i2").tobytes())
    return found.hexdigest()


def _lost_spacing(case: str, volume: sitk.Image, phase: str) -> list[Finding]:
    if any(abs(length - LOST_SPACING_MM) > 1e-6 for length in volume.GetSpacing()):
        return []
    return [
        Finding(
            case=case,
            severity="warning",
            what=f"the {phase} volume has voxels of exactly 1 x 1 x 1 mm",
            do="unless it was resampled so, its header has lost the voxel size (as in about 20 cases of LiTS): "
            "every length and volume measured on it will be wrong; take the original files",
        )
    ]


def _coverage(case: str, labels: sitk.Image, arterial: sitk.Image) -> list[Finding]:
    """Say when the arterial volume misses a part of the liver as the portal volume shows it."""
    voxels = sitk.GetArrayViewFromImage(labels)
    step = 1 + int(np.sqrt(voxels.size / ENOUGH_VOXELS))
    points = np.argwhere(voxels[:, ::step, ::step] > 0)
    if not len(points):
        return []
    to_mm = np.reshape(labels.GetDirection(), (3, 3)) * labels.GetSpacing()
    mm = (points[:, ::-1] * (step, step, 1)) @ to_mm.T + labels.GetOrigin()
    axes = np.reshape(arterial.GetDirection(), (3, 3)) * arterial.GetSpacing()
    index = (mm - arterial.GetOrigin()) @ np.linalg.inv(axes).T
    inside = ((index >= -0.5) & (index <= np.asarray(arterial.GetSize()) - 0.5)).all(axis=1).mean()
    least = RegistrationSettings().least_coverage
    if inside >= 0.95:
        return []
    needed = f"; at least {100 * least:.0f} % is needed" if inside < least else ""
    return [
        Finding(
            case=case,
            severity="error" if inside < least else "warning",
            what=f"the arterial volume covers {100 * inside:.0f} % of the liver{needed}",
            do="check that both phases are of one examination; choose another series, or leave the case out",
        )
    ]
