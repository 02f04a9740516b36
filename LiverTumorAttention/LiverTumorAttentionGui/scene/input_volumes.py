"""Volumes of the scene that can be inputs of a run."""

from __future__ import annotations

import slicer

from LiverTumorAttentionGui.scene.node_attributes import (
    DIFFERENCE_REFERENCE,
    PHASE_NAMES,
    PROBABILITY_REFERENCE,
    ROLE_ATTRIBUTE,
)
from LiverTumorAttentionGui.scene.node_links import referenced_nodes

_REGISTERED = frozenset(names.registered_role for names in PHASE_NAMES.values())
_RESULTS = (*(names.reference for names in PHASE_NAMES.values()), PROBABILITY_REFERENCE, DIFFERENCE_REFERENCE)
"""Roles in which a segmentation refers to volumes that are results."""


def is_derived(node: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether a volume is a result: a registered phase, a difference of phases or a probability of tumor."""
    if node.GetAttribute(ROLE_ATTRIBUTE) in _REGISTERED:
        return True
    scene = node.GetScene()
    return scene is not None and node.GetID() in derived_ids(scene)


def derived_ids(scene: slicer.vtkMRMLScene) -> list[str]:
    """Return the ids of the volumes that are results, in the order of the scene."""
    results = {
        node.GetID()
        for segmentation in _nodes(scene, "vtkMRMLSegmentationNode")
        for role in _RESULTS
        for node in referenced_nodes(segmentation, role)
    }
    volumes = _nodes(scene, "vtkMRMLScalarVolumeNode")
    return [
        node.GetID()
        for node in volumes
        if node.GetID() in results or node.GetAttribute(ROLE_ATTRIBUTE) in _REGISTERED
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


def _nodes(scene: slicer.vtkMRMLScene, class_name: str) -> list[slicer.vtkMRMLNode]:
    count = scene.GetNumberOfNodesByClass(class_name)
    return [scene.GetNthNodeByClass(index, class_name) for index in range(count)]
