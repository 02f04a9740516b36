"""The planes of a resection as markups that a user drags: their normal points to what is taken out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import slicer
import vtk

from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.scene.node_attributes import PLANE_REFERENCE
from LiverTumorAttentionGui.scene.node_links import add_referenced_node, referenced_nodes
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import CutPlane

DRAGGED_MS = 20
"""So long after a plane has moved the listener hears of it: 50 times a second at most."""
_COLOR = (0.35, 0.55, 0.95)


class CutPlanes:
    """The plane nodes of one study.

    on_changed: called from the event loop when a plane was moved, turned, added or removed, by whomever.
    """

    def __init__(self, study: Study, on_changed: Callable[[], None]) -> None:
        self._study = study
        self._on_changed = on_changed
        self._settle = Debounce(self._look, DRAGGED_MS, restart=False)
        self._scene = study.segmentation.GetScene()
        self._observed: dict[str, tuple[slicer.vtkMRMLMarkupsPlaneNode, list[int]]] = {}
        self._removed_tag: int | None = self._scene.AddObserver(
            slicer.vtkMRMLScene.NodeRemovedEvent, self._heard
        )
        self._observe()
        self._known = self.cuts()

    def nodes(self) -> list[slicer.vtkMRMLMarkupsPlaneNode]:
        """Return the planes that have a place."""
        return [
            node
            for node in referenced_nodes(self._study.segmentation, PLANE_REFERENCE)
            if node.GetIsPlaneValid()
        ]

    def cuts(self) -> tuple[CutPlane, ...]:
        """Return the planes as the library takes them."""
        from LiverTumorAttentionLib.analysis.planning import CutPlane

        to_lps = self._study.to_lps
        return tuple(
            CutPlane(
                point_lps_mm=to_lps(tuple(node.GetOriginWorld())),
                normal_lps=_turned(tuple(node.GetNormalWorld())),
            )
            for node in self.nodes()
        )

    def add(self, cut: CutPlane, size_mm: float) -> slicer.vtkMRMLMarkupsPlaneNode:
        """Add a plane and return its node. size_mm: the length of the sides that are drawn."""
        number = len(referenced_nodes(self._study.segmentation, PLANE_REFERENCE)) + 1
        node = add_referenced_node(
            self._study.segmentation, "vtkMRMLMarkupsPlaneNode", f"Resection plane {number}", PLANE_REFERENCE
        )
        node.SetDescription(f"What lies on the side of the arrow is taken out. {NOT_FOR_CLINICAL_USE}")
        node.SetSizeMode(slicer.vtkMRMLMarkupsPlaneNode.SizeModeAbsolute)
        node.SetSize(size_mm, size_mm)
        # As sequences: given as three numbers, MRML takes the origin for one in the node's own frame.
        node.SetOriginWorld(list(self._study.to_ras(cut.point_lps_mm)))
        node.SetNormalWorld(list(_turned(cut.normal_lps)))
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSelectedColor(*_COLOR)
        display.SetNormalVisibility(True)
        display.SetHandlesInteractive(True)
        display.SetPointLabelsVisibility(False)
        display.SetFillOpacity(0.35)
        self._observe()
        self._settle.request()
        return node

    def remove(self, node: slicer.vtkMRMLMarkupsPlaneNode) -> None:
        """Remove a plane of this study."""
        self._scene.RemoveNode(node)

    def close(self) -> None:
        """Listen no longer."""
        self._settle.cancel()
        self._let_go()

    def __del__(self) -> None:
        # A node that outlives its listeners would call into what is being collected.
        self._let_go()

    def _let_go(self) -> None:
        for node, tags in self._observed.values():
            for tag in tags:
                node.RemoveObserver(tag)
        self._observed.clear()
        if self._removed_tag is not None:
            self._scene.RemoveObserver(self._removed_tag)
            self._removed_tag = None

    def _observe(self) -> None:
        """Listen to every plane that is referred to now."""
        wanted = {node.GetID(): node for node in referenced_nodes(self._study.segmentation, PLANE_REFERENCE)}
        for gone in set(self._observed) - set(wanted):
            node, tags = self._observed.pop(gone)
            for tag in tags:
                node.RemoveObserver(tag)
        for new in set(wanted) - set(self._observed):
            events = (
                vtk.vtkCommand.ModifiedEvent,
                slicer.vtkMRMLMarkupsNode.PointModifiedEvent,
                slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
            )
            node = wanted[new]
            self._observed[new] = (node, [node.AddObserver(event, self._heard) for event in events])

    def _heard(self, _node: object, _event: str) -> None:
        self._settle.request()

    def _look(self) -> None:
        """Tell the listener when what is planned has changed: planes are modified for other reasons, too."""
        self._observe()
        cuts = self.cuts()
        if cuts != self._known:
            self._known = cuts
            self._on_changed()


def _turned(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a direction of RAS as one of LPS, or the other way round."""
    return -vector[0], -vector[1], vector[2]
