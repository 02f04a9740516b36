"""Everything about a study that a scene has to keep, as JSON values that two processes can compare."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import slicer

from Testing.Slicer.story.truth import lesions_in_scene

_REFERENCES = ("PortalVenous", "TumorProbability")
_DIGITS = 3


def scene_memory(segmentation: Any) -> dict[str, Any]:
    """Return what hangs on a study's segmentation node: lesions, log, plan, references, table."""
    from LiverTumorAttentionGui.scene.node_attributes import REGISTERED_REFERENCE, TABLE_REFERENCE

    portal = segmentation.GetNodeReference("PortalVenous")
    names = segmentation.GetAttributeNames()
    return {
        "name": segmentation.GetName(),
        "attributes": {name: segmentation.GetAttribute(name) for name in sorted(names)},
        "lesions": _lesions(segmentation, portal),
        "segments": _segments(segmentation, portal),
        "volumes": {
            role: _volume(segmentation.GetNodeReference(role))
            for role in (*_REFERENCES, REGISTERED_REFERENCE)
            if segmentation.GetNodeReference(role) is not None
        },
        "role": portal.GetAttribute("LiverRole"),
        "plan": [_segments(node, portal) for node in _referenced(segmentation, "MarginSegmentation")],
        "planes": [_plane(node) for node in _referenced(segmentation, "ResectionPlane")],
        "diameters": [_line(node) for node in _referenced(segmentation, "TumorDiameters")],
        "table": _table(segmentation.GetNodeReference(TABLE_REFERENCE)),
    }


def panel_memory(panel: Any) -> dict[str, Any]:
    """Return what the panel shows of a study and of its own choices."""
    ui = panel.ui
    table = ui.lesionTable
    return {
        "tumors": [
            [table.item(row, column).text() for column in range(table.columnCount)]
            for row in range(table.rowCount)
        ],
        "nodes": {
            name: getattr(ui, name).currentNode() and getattr(ui, name).currentNode().GetName()
            for name in ("portalSelector", "arterialSelector", "outputSelector", "studySelector")
        },
        "model": ui.modelComboBox.currentData,
        "device": ui.deviceComboBox.currentData,
        "threshold": ui.thresholdSpinBox.value,
        "kept": [ui.keepRegisteredCheckBox.checked, ui.keepProbabilityCheckBox.checked],
        "distance_mm": ui.distanceSpinBox.value,
        "margin": [ui.marginGroupBox.checked, ui.marginSlider.value],
        "diameters": ui.diametersCheckBox.checked,
        "weight_kg": ui.weightSpinBox.value,
        "planes": ui.planesList.count,
    }


def _lesions(segmentation: Any, portal: Any) -> dict[str, Any]:
    """Return name, tag, status and voxels of each lesion, by number."""
    from LiverTumorAttentionGui.scene.segments import lesions_of, status_of

    told = {}
    masks = lesions_in_scene(segmentation, portal)
    for number, segment_id in lesions_of(segmentation.GetSegmentation()).items():
        segment = segmentation.GetSegmentation().GetSegment(segment_id)
        told[str(number)] = [
            segment.GetName(),
            status_of(segment),
            int(masks[number].sum()),
            _digest(masks[number]),
        ]
    return told


def _segments(segmentation: Any, portal: Any) -> dict[str, str]:
    """Return a digest of the voxels of every segment by its name."""
    segments = segmentation.GetSegmentation()
    ids = [segments.GetNthSegmentID(index) for index in range(segments.GetNumberOfSegments())]
    return {
        segments.GetSegment(each).GetName(): _digest(
            slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, each, portal) != 0
        )
        for each in ids
    }


def _volume(node: Any) -> list[Any]:
    return [node.GetName(), _digest(slicer.util.arrayFromVolume(node)), _rounded(node.GetOrigin())]


def _plane(node: Any) -> list[Any]:
    places = node.GetOriginWorld(), node.GetNormalWorld(), node.GetSize()
    return [node.GetName(), *(_rounded(place) for place in places)]


def _line(node: Any) -> list[Any]:
    ends = [node.GetNthControlPointPositionWorld(index) for index in range(node.GetNumberOfControlPoints())]
    return [node.GetName(), *(_rounded(end) for end in ends)]


def _table(node: Any) -> list[list[str]]:
    columns = range(node.GetNumberOfColumns())
    return [[node.GetCellText(row, column) for column in columns] for row in range(node.GetNumberOfRows())]


def _referenced(segmentation: Any, role: str) -> list[Any]:
    count = segmentation.GetNumberOfNodeReferences(role)
    return [segmentation.GetNthNodeReference(role, index) for index in range(count)]


def _rounded(numbers: Any) -> list[float]:
    return [round(float(number), _DIGITS) + 0.0 for number in numbers]


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
