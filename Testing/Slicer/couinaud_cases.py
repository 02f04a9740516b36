"""Couinaud segments whose places are known: bands across the liver of `study_cases`, from its first column on."""

from __future__ import annotations

from typing import Any

import numpy as np

from Testing.Slicer import study_cases

BAND = 5
"""Columns of a segment; eight of them fill the liver."""


def bands() -> np.ndarray:
    """Return the segments (z, y, x): 1 to 8 in every voxel of the liver."""
    labels = np.zeros(study_cases.SHAPE, np.uint8)
    column = np.arange(study_cases.SHAPE[2]) - study_cases.LIVER[2].start
    labels[study_cases.LIVER] = (1 + column // BAND)[study_cases.LIVER[2]]
    labels[1:3, 4:8, 4:9] = 2  # no plane of symmetry: a grid that is turned round is seen
    return labels


def add_node(scene: Any, study: Any, labels: np.ndarray | None = None, name: str = "Segment {}") -> Any:
    """Add a segmentation with a segment of its own for each value of labels, named by its numeral."""
    import slicer

    from LiverTumorAttentionLib.voxels.couinaud import roman

    labels = bands() if labels is None else labels
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "made elsewhere")
    node.SetReferenceImageGeometryParameterFromVolumeNode(study.portal)
    node.SetAndObserveTransformNodeID(study.portal.GetTransformNodeID())
    for value in range(1, 9):
        text = name.format(roman(value))
        segment = node.GetSegmentation().AddEmptySegment(text, text)
        mask = (labels == value).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, study.portal)
    return node


def labels_of(study: Any) -> np.ndarray:
    """Return the study's segments (z, y, x), by their codes, as Slicer's own function sees them."""
    import slicer

    from LiverTumorAttentionGui.scene.segments import tag_of
    from LiverTumorAttentionLib.io.terminology import terminology

    codes = {entry["codes"][0]: number for number, entry in enumerate(terminology()["couinaud"], start=1)}
    node = study.segmentation.GetNodeReference("CouinaudSegments")
    segmentation = node.GetSegmentation()
    labels = np.zeros(study_cases.SHAPE, np.uint8)
    for segment_id in segmentation.GetSegmentIDs():
        entry = tag_of(segmentation.GetSegment(segment_id), "TerminologyEntry")
        (number,) = {number for code, number in codes.items() if f"SCT^{code}^" in entry}
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, study.portal) != 0
        assert not labels[mask].any()
        labels[mask] = number
    return labels


def import_bands(panel: Any, scene: Any, study: Any, wait_until: Any) -> Any:
    """Import the bands in the panel, and return the node that they were imported from."""
    given = add_node(scene, study)
    panel.ui.couinaudSelector.setCurrentNode(given)
    panel.ui.importSegmentsButton.click()
    wait_until(lambda: not panel.review.busy, "the segments are imported")
    assert study.couinaud is not None, panel.ui.reviewStatusLabel.text
    return given
