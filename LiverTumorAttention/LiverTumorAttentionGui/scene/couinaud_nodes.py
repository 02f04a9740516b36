"""Couinaud segments as a segmentation node: read from any one on a grid, and the node of a study."""

from __future__ import annotations

import numpy as np
import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP
from LiverTumorAttentionGui.scene.node_attributes import COUINAUD_REFERENCE, TERMINOLOGY_TAG
from LiverTumorAttentionGui.scene.node_links import add_referenced_node
from LiverTumorAttentionGui.scene.result_nodes import fill_segmentation
from LiverTumorAttentionGui.scene.segments import tag_of
from LiverTumorAttentionGui.scene.segments_on_grid import label_maps_to_world, sampled_on_grid
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.voxel_grid import VoxelGrid, WorldVolume, voxel_array
from LiverTumorAttentionLib.io.couinaud_segments import couinaud_number
from LiverTumorAttentionLib.io.terminology import described_by_entry
from LiverTumorAttentionLib.voxels.boxes import bounding_box

_FILL_OPACITY = 0.35


def couinaud_labels(grid: VoxelGrid, node: slicer.vtkMRMLSegmentationNode) -> np.ndarray:
    """Return the Couinaud segments of a node on a grid (z, y, x; uint8): 0 none, 1 to 8 for I to VIII.

    They are known by code, else by name; the nearest voxel counts. Raises `PanelError` where there is none of them on
    the grid, where two share a voxel, and for what `label_maps_to_world` refuses.
    """
    to_world = label_maps_to_world(node, _("The Couinaud segments"))
    labels = np.zeros(grid.shape, np.uint8)
    others: list[str] = []
    for image, table in _label_maps(node.GetSegmentation(), others):
        box, values = sampled_on_grid(grid, image, to_world, table)
        known = labels[box]
        if ((known > 0) & (values > 0) & (known != values)).any():
            raise PanelError(
                _(
                    "Two Couinaud segments of {node} share voxels: a voxel of the liver lies in one of them. Correct "
                    "them in the Segment Editor, with masking set to overwrite other segments."
                ).format(node=node.GetName())
            )
        np.copyto(known, values, where=values > 0, casting="unsafe")
    if not labels.any():
        raise PanelError(
            _(
                "The segmentation {node} has no Couinaud segment where this CT lies; it holds {names}. Choose another "
                "segmentation, or name its segments Segment I to Segment VIII."
            ).format(node=node.GetName(), names=", ".join(others) or _("no other segment"))
        )
    return labels


def _label_maps(
    segmentation: slicer.vtkSegmentation, others: list[str]
) -> list[tuple[slicer.vtkOrientedImageData, dict[int, int]]]:
    """Return the label maps with voxels, each with the number of the Couinaud segment by label.

    others: takes the names of segments that are none.
    """
    found: dict[int, tuple[slicer.vtkOrientedImageData, dict[int, int]]] = {}
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        name = segment.GetName() or segment_id
        number = couinaud_number(described_by_entry(name, tag_of(segment, TERMINOLOGY_TAG)))
        image = segment.GetRepresentation(BINARY_LABELMAP)
        if number is None:
            others.append(name)
        elif image is not None and voxel_array(image).size:
            found.setdefault(id(image), (image, {}))[1][segment.GetLabelValue()] = number
    return list(found.values())


def place_couinaud(
    study: Study, segmentation: slicer.vtkSegmentation, target: slicer.vtkMRMLSegmentationNode | None
) -> slicer.vtkMRMLSegmentationNode:
    """Return the node of a study's Couinaud segments, filled: `target`, or a new one that takes its place.

    segmentation: in the world.
    """
    owner = study.segmentation
    if target is None:
        owner.RemoveNodeReferenceIDs(COUINAUD_REFERENCE)
        target = add_referenced_node(
            owner, "vtkMRMLSegmentationNode", f"{owner.GetName()} Couinaud segments", COUINAUD_REFERENCE
        )
    moves = WorldVolume(study.portal, _("portal venous")).moves_with_transform
    fill_segmentation(target, segmentation, portal=study.portal, under_transform=moves)
    _crop(target.GetSegmentation())
    target.SetDescription(_("Not for clinical use."))
    target.CreateDefaultDisplayNodes()
    show_couinaud(target, True)
    return target


def _crop(segmentation: slicer.vtkSegmentation) -> None:
    """Crop the label map that the segments share to their voxels, so that reading it costs what the liver costs."""
    image = segmentation.GetLayerDataObject(0)
    voxels = voxel_array(image)
    box = bounding_box(voxels)
    if box is None or segmentation.GetNumberOfLayers() != 1:
        return
    first = image.GetExtent()[::2]
    cropped = slicer.vtkOrientedImageData()
    bounds = [
        (part.start + start, part.stop - 1 + start) for part, start in zip(box[::-1], first, strict=True)
    ]
    cropped.SetExtent(*(bound for side in bounds for bound in side))
    cropped.AllocateScalars(image.GetScalarType(), 1)
    cropped.CopyDirections(image)
    cropped.SetOrigin(image.GetOrigin())
    cropped.SetSpacing(image.GetSpacing())
    voxel_array(cropped)[...] = voxels[box]
    for segment_id in segmentation.GetSegmentIDs():
        segmentation.GetSegment(segment_id).AddRepresentation(BINARY_LABELMAP, cropped)


def show_couinaud(node: slicer.vtkMRMLSegmentationNode, shown: bool) -> None:
    """Show the segments in slice and 3D views, or hide them."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if shown:
        display.SetOpacity2DFill(_FILL_OPACITY)
        display.SetVisibility2D(True)
        display.SetVisibility3D(True)
        node.CreateClosedSurfaceRepresentation()
    display.SetVisibility(shown)
