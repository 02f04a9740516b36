"""The nodes of a study's results: segmentation, registered arterial volume, transform, probability and tumor table.

Each function fills the node that the segmentation refers to already, or adds one.
under_transform: the node stands under the portal venous volume's linear transform, and moves with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import slicer
import vtk

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.dicom_source import INSTANCES_ATTRIBUTE
from LiverTumorAttentionGui.scene.node_attributes import (
    LIVER_SEGMENT,
    PHASE_NAMES,
    PROBABILITY_REFERENCE,
    ROLE_ATTRIBUTE,
    SOURCE_ATTRIBUTE,
    TABLE_REFERENCE,
    TRANSFORM_REFERENCE,
    VISIT_TRANSFORM_REFERENCE,
)
from LiverTumorAttentionGui.scene.node_links import name_after, place_in_folder_of
from LiverTumorAttentionGui.scene.voxel_grid import below_transform_of
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.tumor_columns import NODE_COLUMNS, TUMOR_COLUMNS, TumorColumn

VoxelsInWorld = tuple[vtk.vtkImageData, vtk.vtkMatrix4x4]
"""Voxels, and the matrix from voxel indices to world RAS mm; see `result_files.read_volume`."""

_TRANSFORM_DESCRIPTION = _(
    "Moves the arterial volume onto the portal venous one, both where they lay in the "
    "world during the run. If the arterial volume stands under a transform already, put "
    "that transform under this one. {notice}"
).format(notice=NOT_FOR_CLINICAL_USE)
_VISIT_DESCRIPTION = _(
    "Moves the follow-up onto its baseline, both where they lay in the world during the run. {notice}"
).format(notice=NOT_FOR_CLINICAL_USE)


@dataclass(frozen=True, kw_only=True)
class RegistrationNodes:
    """The nodes of a registration: the fixed volume, the registered arterial one, and the transform between."""

    portal: slicer.vtkMRMLScalarVolumeNode
    volume: slicer.vtkMRMLScalarVolumeNode
    transform: slicer.vtkMRMLTransformNode


def place_segmentation(
    segmentation: slicer.vtkSegmentation,
    *,
    portal: slicer.vtkMRMLScalarVolumeNode,
    target: slicer.vtkMRMLSegmentationNode | None,
    under_transform: bool,
) -> slicer.vtkMRMLSegmentationNode:
    """Return `target` with its content replaced by a segmentation in the world, or a new node."""
    scene = portal.GetScene()
    node = target or scene.AddNewNodeByClass(
        "vtkMRMLSegmentationNode", scene.GenerateUniqueName(f"{portal.GetName()} liver tumors")
    )
    fill_segmentation(node, segmentation, portal=portal, under_transform=under_transform)
    _show_segmentation(node)
    place_in_folder_of(portal, node)
    return node


def fill_segmentation(
    node: slicer.vtkMRMLSegmentationNode,
    segmentation: slicer.vtkSegmentation,
    *,
    portal: slicer.vtkMRMLScalarVolumeNode,
    under_transform: bool,
) -> None:
    """Replace a node's content by a segmentation in the world, whose label maps are changed where the node moves."""
    if under_transform:
        for layer in range(segmentation.GetNumberOfLayers()):
            image = segmentation.GetLayerDataObject(layer)
            ijk_to_world = vtk.vtkMatrix4x4()
            image.GetImageToWorldMatrix(ijk_to_world)
            image.SetGeometryFromImageToWorldMatrix(below_transform_of(portal, ijk_to_world))
    node.GetSegmentation().DeepCopy(segmentation)
    node.SetAndObserveTransformNodeID(portal.GetTransformNodeID() if under_transform else None)
    node.SetReferenceImageGeometryParameterFromVolumeNode(portal)


def place_registration(
    segmentation: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLScalarVolumeNode,
    from_parent: vtk.vtkAbstractTransform,
    *,
    portal: slicer.vtkMRMLScalarVolumeNode,
    arterial: slicer.vtkMRMLScalarVolumeNode,
) -> RegistrationNodes:
    """Return the nodes of a registration. A transform above an input of the run is not overwritten but replaced.

    volume: the registered arterial one. from_parent: from portal venous to arterial points; see
    `result_files.read_transform`.
    """
    transform = _placed_transform(
        segmentation, TRANSFORM_REFERENCE, from_parent, fixed=portal, moving=arterial
    )
    transform.SetDescription(_TRANSFORM_DESCRIPTION)
    return RegistrationNodes(portal=portal, volume=volume, transform=transform)


def place_visit_registration(
    segmentation: slicer.vtkMRMLSegmentationNode,
    from_parent: vtk.vtkAbstractTransform,
    *,
    baseline: slicer.vtkMRMLScalarVolumeNode,
    followup: slicer.vtkMRMLScalarVolumeNode,
) -> slicer.vtkMRMLTransformNode:
    """Return the node of the registration of a follow-up, whose segmentation is given, onto its baseline.

    from_parent: from points of the baseline to points of the follow-up, in the world.
    """
    transform = _placed_transform(
        segmentation, VISIT_TRANSFORM_REFERENCE, from_parent, fixed=baseline, moving=followup
    )
    transform.SetDescription(_VISIT_DESCRIPTION)
    return transform


def _placed_transform(
    segmentation: slicer.vtkMRMLSegmentationNode,
    role: str,
    from_parent: vtk.vtkAbstractTransform,
    *,
    fixed: slicer.vtkMRMLScalarVolumeNode,
    moving: slicer.vtkMRMLScalarVolumeNode,
) -> slicer.vtkMRMLTransformNode:
    """Return the transform of a role. One above a volume of the run is not overwritten but replaced."""
    transform = segmentation.GetNodeReference(role)
    if transform is None or _is_above(transform, fixed) or _is_above(transform, moving):
        transform = fixed.GetScene().AddNewNodeByClass("vtkMRMLTransformNode")
    name_after(transform, f"{moving.GetName()} to {fixed.GetName()}")
    transform.SetAndObserveTransformNodeID(None)
    transform.SetAndObserveTransformFromParent(from_parent)
    segmentation.SetNodeReferenceID(role, transform.GetID())
    place_in_folder_of(fixed, transform)
    return transform


def place_registered(
    segmentation: slicer.vtkMRMLSegmentationNode,
    phase: str,
    registered: VoxelsInWorld,
    *,
    portal: slicer.vtkMRMLScalarVolumeNode,
    source: slicer.vtkMRMLScalarVolumeNode,
    under_transform: bool,
) -> slicer.vtkMRMLScalarVolumeNode:
    """Return the node of a registered phase, one of `PHASE_NAMES`. source: the volume as it was acquired.

    A node that was an input of the run is not overwritten but replaced.
    """
    names = PHASE_NAMES[phase]
    volume = segmentation.GetNodeReference(names.reference)
    if volume is None or volume in (portal, source):
        volume = portal.GetScene().AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    name_after(volume, f"{source.GetName()} registered")
    _fill_volume(volume, registered, portal, under_transform)
    volume.SetAttribute(ROLE_ATTRIBUTE, names.registered_role)
    volume.SetAttribute(SOURCE_ATTRIBUTE, source.GetAttribute(INSTANCES_ATTRIBUTE))
    shown = source.GetScalarVolumeDisplayNode()
    if shown is not None:
        display = volume.GetScalarVolumeDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(shown.GetWindow(), shown.GetLevel())
    segmentation.SetNodeReferenceID(names.reference, volume.GetID())
    place_in_folder_of(portal, volume)
    return volume


def place_probability(
    segmentation: slicer.vtkMRMLSegmentationNode,
    probability: VoxelsInWorld,
    *,
    portal: slicer.vtkMRMLScalarVolumeNode,
    under_transform: bool,
) -> slicer.vtkMRMLScalarVolumeNode:
    """Return the volume with the probability of tumor."""
    node = segmentation.GetNodeReference(PROBABILITY_REFERENCE)
    if node is None or not node.IsA("vtkMRMLScalarVolumeNode") or node is portal:
        node = portal.GetScene().AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    name_after(node, f"{portal.GetName()} tumor probability")
    _fill_volume(node, probability, portal, under_transform)
    display = node.GetScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, 1.0)
    segmentation.SetNodeReferenceID(PROBABILITY_REFERENCE, node.GetID())
    place_in_folder_of(portal, node)
    return node


def _fill_volume(
    node: slicer.vtkMRMLScalarVolumeNode,
    voxels: VoxelsInWorld,
    portal: slicer.vtkMRMLScalarVolumeNode,
    under_transform: bool,
) -> None:
    image, ijk_to_world = voxels
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(below_transform_of(portal, ijk_to_world) if under_transform else ijk_to_world)
    node.SetAndObserveTransformNodeID(portal.GetTransformNodeID() if under_transform else None)
    node.CreateDefaultDisplayNodes()


def _show_segmentation(node: slicer.vtkMRMLSegmentationNode) -> None:
    """Show outlines in slice views and surfaces in 3D views, the liver transparent so that tumors are visible in it."""
    node.CreateDefaultDisplayNodes()
    node.CreateClosedSurfaceRepresentation()
    display = node.GetDisplayNode()
    display.SetVisibility(True)
    display.SetVisibility2D(True)
    display.SetVisibility3D(True)
    liver = node.GetSegmentation().GetSegmentIdBySegmentName(LIVER_SEGMENT)
    display.SetSegmentOpacity3D(liver, 0.4)
    display.SetSegmentOpacity2DFill(liver, 0.2)


def _is_above(transform: slicer.vtkMRMLTransformNode, volume: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Return whether a volume stands under a transform, directly or not."""
    parent = volume.GetParentTransformNode()
    while parent is not None and parent is not transform:
        parent = parent.GetParentTransformNode()
    return parent is not None


def fill_tumor_table(
    segmentation: slicer.vtkMRMLSegmentationNode,
    tumors: Sequence[Any],
    columns: Sequence[TumorColumn] = NODE_COLUMNS,
) -> slicer.vtkMRMLTableNode:
    """Fill the table of a segmentation, one row a tumor; a column without values is left out.

    tumors: `TumorReview`s, or the tumors of a run's report (JSON values).
    """
    node = segmentation.GetNodeReference(TABLE_REFERENCE)
    if node is None:
        scene = segmentation.GetScene()
        node = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{segmentation.GetName()} table")
        segmentation.SetNodeReferenceID(TABLE_REFERENCE, node.GetID())
    place_in_folder_of(segmentation, node)
    modified = node.StartModify()
    node.RemoveAllColumns()
    name = TUMOR_COLUMNS["tumor"]
    _add_column(node, name.header, vtk.vtkStringArray(), [name.text(tumor) for tumor in tumors])
    for column in columns:
        values = [column.value(tumor) for tumor in tumors]
        if tumors and all(value is None for value in values):
            continue  # such as those of a missing arterial volume
        if column.csv_digits is None:
            texts = [column.text(tumor, missing="") for tumor in tumors]
            _add_column(node, column.header, vtk.vtkStringArray(), texts)
        else:
            numbers = [_rounded(value, column.node_digits) for value in values]
            _add_column(node, column.header, vtk.vtkDoubleArray(), numbers)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.EndModify(modified)
    return node


def _add_column(
    node: slicer.vtkMRMLTableNode, title: str, array: vtk.vtkAbstractArray, values: Sequence[str | float]
) -> None:
    array.SetName(title)
    for value in values:
        array.InsertNextValue(value)
    node.AddColumn(array)


def _rounded(value: float | None, digits: int) -> float:
    return float("nan") if value is None else round(float(value), digits)
