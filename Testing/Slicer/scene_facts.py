"""What is in a scene, so that two moments can be compared; and what a run must not leave behind."""

from __future__ import annotations

import time
import zlib
from pathlib import Path
from typing import Any

from Testing.patience import PATIENCE_S


def facts(scene: Any) -> dict[str, Any]:
    """Return each node that a user works on by its id: name, attributes, references, and what it holds.

    Nodes that belong to the window (views, selection, interaction) and storage are left out.
    """
    kinds = ("Volume", "Segmentation", "Markups", "Table", "Transform")
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    wanted = [
        node
        for node in nodes
        if any(word in node.GetClassName() for word in kinds)
        and not any(word in node.GetClassName() for word in ("Storage", "Display", "Color"))
    ]
    return {node.GetID(): _of(node) for node in wanted}


def _of(node: Any) -> dict[str, Any]:
    roles: list[str] = []
    node.GetNodeReferenceRoles(roles)
    held: Any = None
    if node.IsA("vtkMRMLVolumeNode") and node.GetImageData() is not None:
        held = _voxels(node.GetImageData())
    elif node.IsA("vtkMRMLSegmentationNode"):
        held = _segments(node)
    elif node.IsA("vtkMRMLMarkupsNode"):
        held = [
            tuple(node.GetNthControlPointPositionWorld(n)) for n in range(node.GetNumberOfControlPoints())
        ]
    elif node.IsA("vtkMRMLTableNode"):
        table = node.GetTable()
        held = [
            [table.GetValue(row, column).ToString() for column in range(table.GetNumberOfColumns())]
            for row in range(table.GetNumberOfRows())
        ]
    return {
        "name": node.GetName(),
        "attributes": {name: node.GetAttribute(name) for name in node.GetAttributeNames()},
        "references": {
            role: [node.GetNthNodeReferenceID(role, n) for n in range(node.GetNumberOfNodeReferences(role))]
            for role in roles
            if "isplay" not in role and "torage" not in role
        },
        "held": held,
    }


def _segments(node: Any) -> dict[str, Any]:
    import vtk

    segmentation, found = node.GetSegmentation(), {}
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        lesion = vtk.mutable("")
        segment.GetTag("LiverTumorAttention.Lesion", lesion)
        image = segment.GetRepresentation("Binary labelmap")
        found[segment_id] = (
            segment.GetName(),
            str(lesion),
            segment.GetColor(),
            _places(image, segment.GetLabelValue()) if image is not None else None,
        )
    return found


def _places(image: Any, value: int) -> int:
    """Return a checksum of the voxels that have a value, wherever the image begins."""
    import numpy as np

    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    x, _, y, _, z, _ = image.GetExtent()
    return zlib.crc32((np.argwhere(voxel_array(image) == value) + (z, y, x)).astype(np.int32).tobytes())


def _voxels(image: Any) -> tuple[Any, ...]:
    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    return image.GetDimensions(), zlib.crc32(voxel_array(image).tobytes())


def children() -> set[int]:
    """Return the processes that this one has started and that have not ended."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text().split()}
    return {pid for pid in found if "Z" not in _state(pid)}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which only waits to be reaped, does not."""
    return _state(pid) != "Z"


def wait_dead(pid: int) -> None:
    """Wait until a process has ended, and fail after a while."""
    end = time.monotonic() + PATIENCE_S
    while alive(pid):
        assert time.monotonic() < end, f"process {pid} is still there"
        time.sleep(0.02)
