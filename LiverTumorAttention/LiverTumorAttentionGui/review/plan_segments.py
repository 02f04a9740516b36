"""The segments of a plan, in a segmentation of their own, where no tool takes them for tumors or organs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import slicer

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.labelmap_layers import LabelLayers
from LiverTumorAttentionGui.scene.node_attributes import PLAN_REFERENCE
from LiverTumorAttentionGui.scene.node_links import add_referenced_node, referenced_nodes
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

if TYPE_CHECKING:
    import SimpleITK as sitk

MARGIN_SEGMENT = "Margin"
RESECTED_SEGMENT = "ResectedPart"
NAMED_RESECTED_SEGMENT = "NamedResectedPart"
CURVED_RESECTED_SEGMENT = "CurvedResectedPart"
_COLORS = {
    MARGIN_SEGMENT: (1.0, 0.86, 0.25),
    RESECTED_SEGMENT: (0.35, 0.55, 0.95),
    NAMED_RESECTED_SEGMENT: (0.85, 0.35, 0.75),
    CURVED_RESECTED_SEGMENT: (0.3, 0.75, 0.65),
}


class PlanSegments:
    """The margin and the resected parts. The segmentation node exists while it has a segment."""

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def node(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The segmentation of the plan."""
        return _node_of(self._study.segmentation)

    def has(self, segment_id: str) -> bool:
        """Whether the plan has a segment."""
        return has_segment(self._study.segmentation, segment_id)

    def show(self, segment_id: str, name: str, mask: sitk.Image) -> None:
        """Add a segment or replace its content; remove it when the mask is empty. mask: 0 or 1 on the portal grid."""
        import SimpleITK as sitk

        from LiverTumorAttentionLib.voxels.boxes import bounding_box

        voxels = sitk.GetArrayViewFromImage(mask)
        box = bounding_box(voxels)
        if box is None:
            self.remove(segment_id)
            return
        node = self.node or self._add_node()
        segmentation = node.GetSegmentation()
        if segmentation.GetSegment(segment_id) is None:
            segmentation.AddEmptySegment(segment_id, name, _COLORS[segment_id])
        segmentation.GetSegment(segment_id).SetName(name)
        slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(
            self._label_map(node, voxels[box], box),
            node,
            segment_id,
            slicer.vtkSlicerSegmentationsModuleLogic.MODE_REPLACE,
        )
        display = node.GetDisplayNode()
        display.SetSegmentVisibility2DFill(segment_id, segment_id != MARGIN_SEGMENT)  # a margin is a border
        node.CreateClosedSurfaceRepresentation()  # of the segment that was added or replaced

    def remove(self, segment_id: str) -> None:
        """Remove a segment if there is one; the last one with the node."""
        node = self.node
        if node is None:
            return
        node.GetSegmentation().RemoveSegment(segment_id)
        if node.GetSegmentation().GetNumberOfSegments() == 0:
            node.GetScene().RemoveNode(node)

    def _add_node(self) -> slicer.vtkMRMLSegmentationNode:
        study = self._study.segmentation
        node = add_referenced_node(
            study, "vtkMRMLSegmentationNode", f"{study.GetName()} plan", PLAN_REFERENCE
        )
        node.SetDescription(_("Planned; not for clinical use."))
        node.SetReferenceImageGeometryParameterFromVolumeNode(self._study.portal)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetOpacity3D(0.4)
        display.SetOpacity2DFill(0.3)
        return node

    def _label_map(
        self, node: slicer.vtkMRMLSegmentationNode, voxels: np.ndarray, box: tuple[slice, ...]
    ) -> slicer.vtkOrientedImageData:
        """Return the voxels of a box (z, y, x) of the portal grid as an image in the coordinates of the node."""
        image = LabelLayers(node, self._study.grid).new_image(box)
        voxel_array(image)[...] = voxels
        return image


def has_segment(segmentation: slicer.vtkMRMLSegmentationNode, segment_id: str) -> bool:
    """Whether the plan of a study's segmentation has a segment."""
    node = _node_of(segmentation)
    return node is not None and node.GetSegmentation().GetSegment(segment_id) is not None


def _node_of(segmentation: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLSegmentationNode | None:
    return next(iter(referenced_nodes(segmentation, PLAN_REFERENCE)), None)
