"""The phases of a case among the volumes of a scene, by their names, DICOM attributes and voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import slicer
import vtk

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.series_facts import series_facts
from LiverTumorAttentionGui.scene.voxel_grid import VoxelGrid, voxel_array

INPUT_TITLES = {
    "portal": _("Portal venous CT"),
    "arterial": _("Arterial CT"),
    "delayed": _("Delayed CT"),
    "native": _("Native CT"),
}
"""Inputs in words."""
MOST_VOLUMES = 6
"""Each takes some tenths of a second; a scene with more is left to the user."""


@dataclass(frozen=True, kw_only=True)
class PhaseChoice:
    """Volumes by input, and why they were chosen, one sentence each."""

    volumes: dict[str, slicer.vtkMRMLScalarVolumeNode]
    reasons: list[str]


def choose_phases(volumes: Sequence[slicer.vtkMRMLScalarVolumeNode]) -> PhaseChoice:
    """Return the volumes that look like the phases of one study; may be none."""
    from LiverTumorAttentionLib.phases.choice import choose_by_phase
    from LiverTumorAttentionLib.phases.estimate import PhaseEstimate, voxel_evidence
    from LiverTumorAttentionLib.phases.headers import header_evidence, in_order_of_time
    from LiverTumorAttentionLib.phases.levels import measure_levels

    nothing = PhaseChoice(volumes={}, reasons=[])
    if not volumes or len(volumes) > MOST_VOLUMES:
        return nothing
    facts = [series_facts(node) for node in volumes]
    if len({own.patient_id for own in facts}) > 1 or len({own.study_uid for own in facts}) > 1:
        return nothing
    agents = any(own.contrast_agent for own in facts)
    evidences, levels = [], []
    for node, own in zip(volumes, facts, strict=True):
        measured = measure_levels(_image(node))
        headers = header_evidence(own, others_have_contrast=agents)
        evidences.append(headers.plus(voxel_evidence(measured)))
        levels.append(measured)
    probabilities = in_order_of_time(evidences, [own.acquired_s for own in facts])
    estimates = [
        PhaseEstimate(probabilities=found, levels=measured, reasons=evidence.reasons)
        for found, measured, evidence in zip(probabilities, levels, evidences, strict=True)
    ]
    chosen = choose_by_phase(estimates)
    if "portal" not in chosen:
        return nothing
    return PhaseChoice(
        volumes={role: volumes[index] for role, index in chosen.items()},
        reasons=[
            f"{title}: {volumes[chosen[role]].GetName()}, {estimates[chosen[role]].sentence()}."
            for role, title in INPUT_TITLES.items()
            if role in chosen
        ],
    )


def _image(node: slicer.vtkMRMLScalarVolumeNode) -> Any:
    """Return the volume as an image, LPS, without transforms above it, which do not change its phase."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    data = node.GetImageData()
    return VoxelGrid.of(data, matrix).image(voxel_array(data))
