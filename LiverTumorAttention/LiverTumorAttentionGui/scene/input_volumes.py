"""Volumes of the scene that can be inputs of a run, and whose they are."""

from __future__ import annotations

import slicer

from LiverTumorAttentionGui.scene.node_attributes import (
    PROBABILITY_REFERENCE,
    REGISTERED_REFERENCE,
    REGISTERED_ROLE,
    ROLE_ATTRIBUTE,
)
from LiverTumorAttentionGui.scene.node_links import referenced_nodes

DICOM_NAME = "DICOM"
"""Name under which the subject hierarchy keeps UIDs; that of a patient is the patient ID."""


def is_derived(node: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether a volume is a result: a registered phase or a probability of tumor."""
    if node.GetAttribute(ROLE_ATTRIBUTE) == REGISTERED_ROLE:
        return True
    scene = node.GetScene()
    return scene is not None and node.GetID() in derived_ids(scene)


def derived_ids(scene: slicer.vtkMRMLScene) -> list[str]:
    """Return the ids of the volumes that are results, in the order of the scene."""
    results = {
        node.GetID()
        for segmentation in _nodes(scene, "vtkMRMLSegmentationNode")
        for role in (REGISTERED_REFERENCE, PROBABILITY_REFERENCE)
        for node in referenced_nodes(segmentation, role)
    }
    volumes = _nodes(scene, "vtkMRMLScalarVolumeNode")
    return [
        node.GetID()
        for node in volumes
        if node.GetID() in results or node.GetAttribute(ROLE_ATTRIBUTE) == REGISTERED_ROLE
    ]


def input_volumes(scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """Return the volumes with voxels that are no results and no label maps, in the order of the scene."""
    derived = set(derived_ids(scene))
    return [
        node
        for node in _nodes(scene, "vtkMRMLScalarVolumeNode")
        if node.GetID() not in derived
        and node.GetClassName() == "vtkMRMLScalarVolumeNode"
        and node.GetImageData() is not None
        and not node.GetHideFromEditors()
    ]


def of_other_patient(first: slicer.vtkMRMLScalarVolumeNode, second: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether the subject hierarchy knows the patients of two volumes, and they differ."""
    here, there = patient_of(first), patient_of(second)
    return bool(here and there and here != there)


def patient_of(node: slicer.vtkMRMLScalarVolumeNode) -> str:
    """Return the patient ID of a volume that came from DICOM; empty where it is not known."""
    scene = node.GetScene()
    hierarchy = (
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene) if scene is not None else None
    )
    if hierarchy is None:
        return ""
    item = hierarchy.GetItemByDataNode(node)
    while item and item != hierarchy.GetSceneItemID():
        if hierarchy.GetItemLevel(item) == "Patient":
            return str(hierarchy.GetItemUID(item, DICOM_NAME) or "")
        item = hierarchy.GetItemParent(item)
    return ""


def _nodes(scene: slicer.vtkMRMLScene, class_name: str) -> list[slicer.vtkMRMLNode]:
    count = scene.GetNumberOfNodesByClass(class_name)
    return [scene.GetNthNodeByClass(index, class_name) for index in range(count)]
