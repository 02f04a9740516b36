"""What a volume's DICOM series says of itself: from Slicer's DICOM database, else from the subject hierarchy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import slicer

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.dicom_source import INSTANCES_ATTRIBUTE, database
from LiverTumorAttentionGui.scene.node_attributes import SOURCE_ATTRIBUTE

if TYPE_CHECKING:
    from LiverTumorAttentionLib.phases.headers import SeriesFacts

DICOM_NAME = "DICOM"
"""Name under which the subject hierarchy keeps UIDs; that of a patient is the patient ID."""
SECONDS_A_DAY = 86400.0
PATIENT_TAG = "0010,0020"


def series_facts(node: slicer.vtkMRMLScalarVolumeNode) -> SeriesFacts:
    """Return what is known of the series that a volume was loaded from; its name as description where nothing is."""
    from LiverTumorAttentionLib.phases.headers import SeriesFacts

    facts = _of_instances(node.GetAttribute(INSTANCES_ATTRIBUTE)) or SeriesFacts()
    return replace(
        facts,
        description=facts.description or node.GetName() or "",
        patient_id=facts.patient_id or _uid(node, "Patient"),
        study_uid=facts.study_uid or _uid(node, _("Study")),
    )


def registered_facts(node: slicer.vtkMRMLScalarVolumeNode) -> SeriesFacts | None:
    """Return what is known of the series that a registered volume was registered from; None where nothing is.

    Its own name tells nothing: it says what the volume was given as.
    """
    return _of_instances(node.GetAttribute(SOURCE_ATTRIBUTE))


def write_headers(facts: Mapping[str, SeriesFacts], path: Path) -> Path:
    """Write facts by input for a run (`--headers`), which the files that it reads do not hold; return their path."""
    path.write_text(json.dumps({role: asdict(own) for role, own in facts.items()}), encoding="utf-8")
    return path


def _of_instances(instances: str | None) -> SeriesFacts | None:
    """Return the facts of DICOM instances, UIDs separated by spaces; None where the database does not know them."""
    from LiverTumorAttentionLib.phases.headers import SeriesFacts

    known, uids = database(), (instances or "").split()
    if known is None or not uids:
        return None
    return SeriesFacts.of(
        lambda tag: str(known.instanceValue(uids[0], tag.replace("|", ",").upper()) or "").strip()
    )


def day_of(node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Return the day on which a volume that came from DICOM was acquired, YYYY-MM-DD; empty where it is not known."""
    acquired_s = series_facts(node).acquired_s
    return "" if acquired_s is None else date.fromordinal(int(acquired_s // SECONDS_A_DAY)).isoformat()


def patient_of(node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Return the patient ID of a volume that came from DICOM; empty where it is not known."""
    found = _uid(node, "Patient")
    known, uids = database(), (node.GetAttribute(INSTANCES_ATTRIBUTE) or "").split()
    if found or known is None or not uids:
        return found
    return str(known.instanceValue(uids[0], PATIENT_TAG) or "").strip()


def of_other_patient(first: slicer.vtkMRMLScalarVolumeNode, second: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether the patients of two volumes are known, and differ."""
    here, there = patient_of(first), patient_of(second)
    return bool(here and there and here != there)


def _uid(node: slicer.vtkMRMLScalarVolumeNode, level: str) -> str:
    """Return the UID of the patient or study that a volume stands under in the subject hierarchy; empty for none."""
    scene = node.GetScene()
    hierarchy = (
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene) if scene is not None else None
    )
    if hierarchy is None:
        return ""
    item = hierarchy.GetItemByDataNode(node)
    while item and item != hierarchy.GetSceneItemID():
        if hierarchy.GetItemLevel(item) == level:
            return str(hierarchy.GetItemUID(item, DICOM_NAME) or "")
        item = hierarchy.GetItemParent(item)
    return ""
