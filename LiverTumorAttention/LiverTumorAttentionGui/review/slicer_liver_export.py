"""Export to Slicer-Liver: the attributes and terminology codes by which it finds its input in a scene.

From its sources (https://github.com/ALive-research/Slicer-Liver, its architecture decisions 11, 24 and 29):
volumes carry the attribute LiverRole, one of Native, Arterial, PortalVenous, Delayed and Other, and it works on the
first that is PortalVenous. Exactly one segmentation of the scene carries the attribute LiverSegmentation.Role with the
value "canonical". Its segments are recognized by the SNOMED CT code of the type in the tag TerminologyEntry: 10200004
the liver, 4147007 a tumor, 32764006 the portal vein, 8993003 the hepatic veins. Where one segment of a kind is needed,
as for its distance maps, it takes the first with the code. It does not apply transforms above the segmentation to the
surfaces that it plans on.
"""

from __future__ import annotations

import slicer

from LiverTumorAttentionGui.i18n import _
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
# Part of a vessel's name, and the code of the vessel.
_VESSEL_TYPES = {"portal": "SCT^32764006^Portal vein", "hepatic vein": "SCT^8993003^Hepatic vein"}


def export_to_slicer_liver(study: Study) -> str:
    """Mark the study as the input of Slicer-Liver; return what was set, in sentences for the panel.

    No voxel changes. Slicer-Liver works on one case: the roles are removed from any other segmentation and portal
    venous volume, and the sentences name these.
    """
    node = study.segmentation
    before = [
        *_remove_role(node, "vtkMRMLSegmentationNode", SEGMENTATION_ROLE_ATTRIBUTE, CANONICAL_ROLE),
        *_remove_role(study.portal, "vtkMRMLScalarVolumeNode", ROLE_ATTRIBUTE, PORTAL_ROLE),
    ]
    node.SetAttribute(SEGMENTATION_ROLE_ATTRIBUTE, CANONICAL_ROLE)
    study.portal.SetAttribute(ROLE_ATTRIBUTE, PORTAL_ROLE)
    tumors = _code_segments(node)
    count = _("1 tumor") if tumors == 1 else _("{tumors} tumors").format(tumors=tumors)
    sentences = [
        _(
            "Ready for Slicer-Liver: {node} is its segmentation, with the liver and {count}, and "
            "{portal} its portal venous volume."
        ).format(node=node.GetName(), count=count, portal=study.portal.GetName())
    ]
    if before:
        sentences.append(_("No longer its own: {names}.").format(names=", ".join(before)))
    if tumors > 1:
        sentences.append(_("Its distance maps look at the first tumor alone."))
    if node.GetParentTransformNode() is not None:
        sentences.append(_("Harden the transform of the segmentation first: Slicer-Liver plans without it."))
    coded = [] if study.vessels is None else _code_vessels(study.vessels)
    if coded:
        sentences.append(
            _("To plan with {names}, copy them into the segmentation: they have their codes.").format(
                names=", ".join(coded)
            )
        )
    sentences.append(NOT_FOR_CLINICAL_USE)
    return " ".join(sentences)


def _remove_role(keep: slicer.vtkMRMLNode, kind: str, attribute: str, role: str) -> list[str]:
    """Remove a role from every node of a class but one; return the names of those that had it."""
    scene, names = keep.GetScene(), []
    for index in range(scene.GetNumberOfNodesByClass(kind)):
        other = scene.GetNthNodeByClass(index, kind)
        if other is not keep and other.GetAttribute(attribute) == role:
            other.RemoveAttribute(attribute)
            names.append(other.GetName())
    return names


def _code_segments(node: slicer.vtkMRMLSegmentationNode) -> int:
    """Code the liver and the tumors, and move rejected tumors last; return the number of the others."""
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
    for segment_id in rejected:  # they are empty, and Slicer-Liver takes the first tumor
        segmentation.SetSegmentIndex(segment_id, segmentation.GetNumberOfSegments() - 1)
    return len(lesions) - len(rejected)


def _code_vessels(node: slicer.vtkMRMLSegmentationNode) -> list[str]:
    """Code the vessels that can be recognized by name; return their names."""
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
