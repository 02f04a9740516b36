"""The proposed vessels of a study as a segmentation node, which a reader may correct in any segment editor."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.label_checksum import label_checksum
from LiverTumorAttentionGui.scene.node_attributes import (
    VESSELS_LIVER_ATTRIBUTE,
    VESSELS_REFERENCE,
    VESSELS_SOURCE_ATTRIBUTE,
    VESSELS_VOXELS_ATTRIBUTE,
    VESSELS_WARNINGS_ATTRIBUTE,
)
from LiverTumorAttentionGui.scene.node_links import add_referenced_node
from LiverTumorAttentionGui.scene.result_nodes import fill_segmentation
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.vessel_map import vessels_on_grid
from LiverTumorAttentionGui.scene.voxel_grid import WorldVolume

if TYPE_CHECKING:
    import SimpleITK as sitk


class SceneVessels:
    """The vessels of a study, where they were proposed here; chosen ones of another origin are left alone."""

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def proposed(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The vessels of the study where they were proposed; None for none, and for those that were chosen."""
        node = self._study.vessels
        return node if node is not None and node.GetAttribute(VESSELS_SOURCE_ATTRIBUTE) else None

    @property
    def by_hand(self) -> bool:
        """Whether the proposal or its names have been corrected by hand since; so is one that cannot be read."""
        node = self.proposed
        return node is not None and node.GetAttribute(VESSELS_VOXELS_ATTRIBUTE) != self._checksum(node)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the proposal warned of, a sentence each; also after corrections."""
        node = self.proposed
        try:
            told = json.loads("[]" if node is None else node.GetAttribute(VESSELS_WARNINGS_ATTRIBUTE) or "[]")
        except ValueError:
            return ()
        return tuple(each for each in told if isinstance(each, str)) if isinstance(told, list) else ()

    def is_of_earlier_liver(self, instances: sitk.Image) -> bool:
        """Whether the liver has been corrected since its vessels were proposed."""
        from LiverTumorAttentionGui.review.couinaud import liver_checksum

        node = self.proposed
        return node is not None and node.GetAttribute(VESSELS_LIVER_ATTRIBUTE) != liver_checksum(instances)

    def place(
        self, segmentation: slicer.vtkSegmentation, source: str, liver: str, warnings: Sequence[str] = ()
    ) -> bool:
        """Make vessels those of the study. A proposal that was corrected by hand stays in the scene, unused.

        segmentation: in the world. source: who told them. liver: `liver_checksum` of the liver that they were told for.
        warnings: kept with them. Returns whether corrected ones were left so.
        """
        kept, owner = self.by_hand, self._study.segmentation
        node = None if kept else self.proposed
        if node is None:
            owner.RemoveNodeReferenceIDs(VESSELS_REFERENCE)
            node = add_referenced_node(
                owner, "vtkMRMLSegmentationNode", f"{owner.GetName()} vessels", VESSELS_REFERENCE
            )
        moves = WorldVolume(self._study.portal, _("portal venous")).moves_with_transform
        fill_segmentation(node, segmentation, portal=self._study.portal, under_transform=moves)
        node.SetDescription(_("Not for clinical use."))
        node.CreateDefaultDisplayNodes()
        node.CreateClosedSurfaceRepresentation()
        node.SetAttribute(VESSELS_SOURCE_ATTRIBUTE, source)
        node.SetAttribute(VESSELS_LIVER_ATTRIBUTE, liver)
        node.SetAttribute(VESSELS_WARNINGS_ATTRIBUTE, json.dumps(list(warnings)))
        node.SetAttribute(VESSELS_VOXELS_ATTRIBUTE, self._checksum(node))
        return kept

    def _checksum(self, node: slicer.vtkMRMLSegmentationNode) -> str:
        try:
            vessels = vessels_on_grid(self._study.grid, node)
        except PanelError:
            return ""
        if vessels is None:
            return ""
        names = json.dumps(list(vessels.names.values()))
        return f"{label_checksum(vessels.labels)} {zlib.crc32(names.encode()):08x}"
