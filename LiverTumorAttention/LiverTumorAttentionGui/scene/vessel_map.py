"""Vessels of any segmentation node on the voxels of the portal venous volume."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import slicer

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP
from LiverTumorAttentionGui.scene.segments import VESSEL_KINDS, kind_of
from LiverTumorAttentionGui.scene.segments_on_grid import label_maps_to_world, sampled_on_grid
from LiverTumorAttentionGui.scene.voxel_grid import VoxelGrid, voxel_array
from LiverTumorAttentionLib.analysis import Vessels


def vessels_on_grid(grid: VoxelGrid, node: slicer.vtkMRMLSegmentationNode) -> Vessels | None:
    """Return the segments of a node that are no liver, lesion or other organ, on a grid; None without a voxel there.

    The node may lie on another grid and under a linear transform; then the nearest voxel counts. Where two segments
    overlap, the later one counts. Raises `PanelError` for a transform that is not linear, or surfaces alone.
    """
    vessel_to_world = label_maps_to_world(node, _("The vessels"))
    segmentation = node.GetSegmentation()
    labels = np.zeros(grid.shape, np.uint16)
    names: dict[int, str] = {}
    for segment_id in segmentation.GetSegmentIDs():
        if kind_of(segmentation, segment_id) not in VESSEL_KINDS:
            continue
        segment = segmentation.GetSegment(segment_id)
        image = segment.GetRepresentation(BINARY_LABELMAP)
        if image is None or not voxel_array(image).size:
            continue
        box, inside = sampled_on_grid(grid, image, vessel_to_world, {segment.GetLabelValue(): 1})
        if inside.any():
            value = len(names) + 1
            labels[box][inside > 0] = value
            names[value] = _unique_name(segment.GetName() or f"vessel {value}", names.values())
    left = {value: name for value, name in names.items() if (labels == value).any()}
    return Vessels(labels=grid.image(labels), names=left) if left else None


def _unique_name(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number where it is taken already."""
    known = set(taken)
    number = 2
    while name in known:
        name, number = f"{name.removesuffix(f' ({number - 1})')} ({number})", number + 1
    return name
