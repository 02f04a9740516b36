"""The Couinaud segments of a study: what is told of the liver by them, and whether they are of the present liver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import SimpleITK as sitk
import slicer

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.label_checksum import label_checksum
from LiverTumorAttentionGui.scene.node_attributes import (
    COUINAUD_LIVER_ATTRIBUTE,
    COUINAUD_SOURCE_ATTRIBUTE,
    COUINAUD_VOXELS_ATTRIBUTE,
)
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.segments import LiverSegments

NOT_TOLD = _("There are no Couinaud segments yet: propose them, or import a segmentation that has them.")
_BY_HAND = "corrected by hand"
_EARLIER_LIVER = "told before the liver was corrected"


class SceneCouinaud:
    """The node of a study's Couinaud segments, which a reader may correct in any segment editor."""

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def node(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The segmentation; None while no segments are known."""
        return self._study.couinaud

    def on_liver(self, instances: sitk.Image) -> LiverSegments:
        """Return the segment of every voxel of the present liver; one that has none takes the nearest.

        instances: uint16 on the portal grid in world coordinates: 0 background, 1 liver, n + 1 tumor n. The source says
        when segments were corrected by hand, or told before the liver was. Raises `PanelError`.
        """
        from LiverTumorAttentionLib.analysis.segments import LiverSegments

        node = self.node
        if node is None:
            raise PanelError(NOT_TOLD)
        labels = self._labels(node)
        parts = [node.GetAttribute(COUINAUD_SOURCE_ATTRIBUTE) or "as drawn by hand"]
        if node.GetAttribute(COUINAUD_VOXELS_ATTRIBUTE) not in (None, label_checksum(labels)):
            parts.append(_BY_HAND)
        if self.is_of_earlier_liver(instances):
            parts.append(_EARLIER_LIVER)
        with as_panel_error():
            return LiverSegments.on_liver(labels, instances, ", ".join(parts))

    def is_of_earlier_liver(self, instances: sitk.Image) -> bool:
        """Whether the liver has been corrected since its segments were told."""
        node = self.node
        return node is not None and node.GetAttribute(COUINAUD_LIVER_ATTRIBUTE) != liver_checksum(instances)

    @property
    def by_hand(self) -> bool:
        """Whether the segments have been corrected by hand since they were told; so are those that cannot be read."""
        node = self.node
        if node is None:
            return False
        try:
            now = label_checksum(self._labels(node))
        except PanelError:
            return True
        return node.GetAttribute(COUINAUD_VOXELS_ATTRIBUTE) != now

    def place(self, segmentation: slicer.vtkSegmentation, source: str, liver: str) -> bool:
        """Make segments those of the study. Segments that were corrected by hand stay in the scene, unused.

        segmentation: in the world. source: who told them, in words. liver: `liver_checksum` of the liver that they were
        told for. Returns whether corrected ones were left so.
        """
        kept = self.by_hand
        from LiverTumorAttentionGui.scene.couinaud_nodes import place_couinaud

        node = place_couinaud(self._study, segmentation, None if kept else self.node)
        node.SetAttribute(COUINAUD_SOURCE_ATTRIBUTE, source)
        node.SetAttribute(COUINAUD_LIVER_ATTRIBUTE, liver)
        node.SetAttribute(COUINAUD_VOXELS_ATTRIBUTE, label_checksum(self._labels(node)))
        return kept

    def _labels(self, node: slicer.vtkMRMLSegmentationNode) -> sitk.Image:
        from LiverTumorAttentionGui.scene.couinaud_nodes import couinaud_labels

        return self._study.grid.image(couinaud_labels(self._study.grid, node))


def liver_checksum(instances: sitk.Image) -> str:
    """Return a checksum of the whole liver, tumors included, so that it does not change with them."""
    return label_checksum(instances > 0)
