"""What Slicer-Liver's stages look for in a scene, set on the nodes of a study.

Facts, from its sources (https://github.com/ALive-research/Slicer-Liver, its architecture decisions 11, 24 and 29):
volumes carry the attribute LiverRole, one of Native, Arterial, PortalVenous, Delayed and Other, and it works on the
first that is PortalVenous. One segmentation of the scene, and no more, carries the attribute LiverSegmentation.Role
with the value "canonical". Its segments are known by the SNOMED CT code of the type in the tag TerminologyEntry:
10200004 the liver, 4147007 a tumour, 32764006 the portal vein, 8993003 the hepatic veins. Where one segment of a kind
is needed, as for its distance maps, the first with the code is taken. Transforms above the segmentation are not applied
to the surfaces that it plans on.
"""

from __future__ import annotations

from collections.abc import Iterator

import slicer

from LiverTumorAttentionGui.scene.node_attributes import (
    CANONICAL_ROLE,
    PORTAL_ROLE,
    ROLE_ATTRIBUTE,
    SEGMENTATION_ROLE_ATTRIBUTE,
    TERMINOLOGY_TAG,
)
from LiverTumorAttentionGui.scene.segments import lesions_of, liver_of, status_of
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

_CONTEXT = "Segmentation category and type - DICOM master list~SCT^85756007^Tissue"
# A word of a vessel's name, and the code for it.
_VESSEL_TYPES = {"portal": "SCT^32764006^Portal vein", "hepatic vein": "SCT^8993003^Hepatic vein"}


def hand_over_to_slicer_liver(study: Study) -> str:
    """Make the study the one that Slicer-Liver works on; return what was set, in sentences for the panel.

    No voxel changes. Slicer-Liver works on one case: what was its segmentation or its portal venous volume before
    no longer is, and the sentences say so.
    """
    node = study.segmentation
    before = [*_give_up(node), *_give_up_portal(study.portal)]
    node.SetAttribute(SEGMENTATION_ROLE_ATTRIBUTE, CANONICAL_ROLE)
    study.portal.SetAttribute(ROLE_ATTRIBUTE, PORTAL_ROLE)
    tumors = _code_segments(node)
    count = "1 tumor" if tumors == 1 else f"{tumors} tumors"
    said = [
        f"Ready for Slicer-Liver: {node.GetName()} is its segmentation, with the liver and {count}, "
        f"and {study.portal.GetName()} its portal venous volume."
    ]
    if before:
        said.append(f"No longer its own: {', '.join(before)}.")
    if tumors > 1:
        said.append("Its distance maps look at the first tumor alone.")
    if node.GetParentTransformNode() is not None:
        said.append("Harden the transform of the segmentation first: Slicer-Liver plans without it.")
    coded = [] if study.vessels is None else _code_vessels(study.vessels)
    if coded:
        said.append(
            f"To plan with {', '.join(coded)}, copy them into the segmentation: they have their codes."
        )
    said.append(NOT_FOR_CLINICAL_USE)
    return " ".join(said)


def _give_up(segmentation: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """Take the role from every other segmentation; return their names."""
    names = []
    for other in _others(segmentation, "vtkMRMLSegmentationNode"):
        if other.GetAttribute(SEGMENTATION_ROLE_ATTRIBUTE) == CANONICAL_ROLE:
            other.RemoveAttribute(SEGMENTATION_ROLE_ATTRIBUTE)
            names.append(other.GetName())
    return names


def _give_up_portal(portal: slicer.vtkMRMLScalarVolumeNode) -> list[str]:
    """Take the portal venous role from every other volume; return their names."""
    names = []
    for other in _others(portal, "vtkMRMLScalarVolumeNode"):
        if other.GetAttribute(ROLE_ATTRIBUTE) == PORTAL_ROLE:
            other.RemoveAttribute(ROLE_ATTRIBUTE)
            names.append(other.GetName())
    return names


def _others(node: slicer.vtkMRMLNode, kind: str) -> Iterator[slicer.vtkMRMLNode]:
    scene = node.GetScene()
    for index in range(scene.GetNumberOfNodesByClass(kind)):
        other = scene.GetNthNodeByClass(index, kind)
        if other is not node:
            yield other


def _code_segments(node: slicer.vtkMRMLSegmentationNode) -> int:
    """Code the liver and its tumours, rejected ones behind all others; return how many are not rejected."""
    from LiverTumorAttentionLib.io.terminology import liver_segment, tumor_segment

    segmentation = node.GetSegmentation()
    liver = liver_of(segmentation)
    if liver is not None:
        segmentation.GetSegment(liver).SetTag(TERMINOLOGY_TAG, liver_segment().terminology_entry())
    rejected = []
    lesions = lesions_of(segmentation)
    for number, segment_id in lesions.items():
        segment = segmentation.GetSegment(segment_id)
        segment.SetTag(TERMINOLOGY_TAG, tumor_segment(number + 1).terminology_entry())
        if status_of(segment) == "rejected":
            rejected.append(segment_id)
    for segment_id in rejected:  # they have no voxel, and the first tumour counts
        segmentation.SetSegmentIndex(segment_id, segmentation.GetNumberOfSegments() - 1)
    return len(lesions) - len(rejected)


def _code_vessels(node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """Code the vessels whose names tell what they are; return these names."""
    segmentation = node.GetSegmentation()
    coded = []
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        for word, code in _VESSEL_TYPES.items():
            if word in segment.GetName().lower():
                entry = f"{_CONTEXT}~{code}~^^~Anatomic codes - DICOM master list~^^~^^"
                segment.SetTag(TERMINOLOGY_TAG, entry)
                coded.append(segment.GetName())
                break
    return coded
