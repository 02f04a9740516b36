"""Clicks in slice views, heard through Slicer's own way of placing points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from LiverTumorAttentionGui.debounce import Debounce

Ras = tuple[float, float, float]
POINT_CLASS = "vtkMRMLMarkupsFiducialNode"
POINT_NAME = "Correction point"
_INTERACTION_ID = "vtkMRMLInteractionNodeSingleton"
_SELECTION_ID = "vtkMRMLSelectionNodeSingleton"


class PointPlacer:
    """Place mode that stays on: every so many clicks make one call, and the points go away.

    on_points: called with as many world points (RAS mm) as were asked for, after the click's own event.
    on_stopped: called when place mode ended some other way than by `stop`: by Escape, a right click or another module.
    """

    def __init__(self, on_points: Callable[[list[Ras]], None], on_stopped: Callable[[], None]) -> None:
        self._on_points = on_points
        self._on_stopped = on_stopped
        self._wanted = 1
        self._node: Any = None
        self._observed: list[tuple[Any, int]] = []
        self._later = Debounce(self._take, 0, restart=False)
        self._check_later = Debounce(self._check_mode, 0, restart=False)

    @property
    def active(self) -> bool:
        """Whether clicks are being heard."""
        return self._node is not None

    def start(self, scene: Any, points: int = 1) -> None:
        """Hear clicks, `points` of them a call, until `stop`."""
        self.stop()
        self._wanted = points
        self._node = _point_list(scene)
        interaction, selection = interaction_node(scene), selection_node(scene)
        selection.SetReferenceActivePlaceNodeClassName(POINT_CLASS)
        selection.SetActivePlaceNodeID(self._node.GetID())
        interaction.SetPlaceModePersistence(1)
        interaction.SetCurrentInteractionMode(interaction.Place)
        self._observe(self._node, self._node.PointPositionDefinedEvent, self._later.request)
        self._observe(interaction, interaction.InteractionModeChangedEvent, self._check_later.request)
        self._observe(selection, selection.ActivePlaceNodeIDChangedEvent, self._check_later.request)

    def stop(self) -> None:
        """Hear no more clicks and give the mouse back. Safe to call at any time, also after the scene has gone."""
        node, self._node = self._node, None
        self._later.cancel()
        self._check_later.cancel()
        while self._observed:
            observed, tag = self._observed.pop()
            observed.RemoveObserver(tag)
        scene = node.GetScene() if node is not None else None
        if scene is None:
            return
        interaction, selection = interaction_node(scene), selection_node(scene)
        if selection.GetActivePlaceNodeID() == node.GetID():
            if interaction.GetCurrentInteractionMode() == interaction.Place:
                interaction.SetCurrentInteractionMode(interaction.ViewTransform)
            interaction.SetPlaceModePersistence(0)
            selection.SetActivePlaceNodeID(None)
        scene.RemoveNode(node)

    def _observe(self, node: Any, event: int, call: Callable[[], None]) -> None:
        self._observed.append((node, node.AddObserver(event, lambda *_: call())))

    def _take(self) -> None:
        """Hand on the points that were clicked, once there are enough. Runs after the click was handled."""
        if self._node is None:
            return
        points = _defined_points(self._node)
        if len(points) < self._wanted:
            return
        self._node.RemoveAllControlPoints()
        self._on_points(points[: self._wanted])

    def _check_mode(self) -> None:
        """End when the mouse does something else by now."""
        if self._node is None:
            return
        scene = self._node.GetScene()
        if scene is not None:
            interaction = interaction_node(scene)
            ours = selection_node(scene).GetActivePlaceNodeID() == self._node.GetID()
            if ours and interaction.GetCurrentInteractionMode() == interaction.Place:
                return
        self.stop()
        self._on_stopped()


def interaction_node(scene: Any) -> Any:
    """Return the scene's interaction node, which says what the mouse does."""
    return scene.GetNodeByID(_INTERACTION_ID) or scene.AddNode(slicer.vtkMRMLInteractionNode())


def selection_node(scene: Any) -> Any:
    """Return the scene's selection node, which says what is being placed."""
    return scene.GetNodeByID(_SELECTION_ID) or scene.AddNode(slicer.vtkMRMLSelectionNode())


def _point_list(scene: Any) -> Any:
    """Return a new list of points that no list of the user shows and no file keeps."""
    node = slicer.vtkMRMLMarkupsFiducialNode()
    node.SetName(POINT_NAME)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    node = scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetSaveWithScene(False)
        display.SetPointLabelsVisibility(False)
        display.SetPropertiesLabelVisibility(False)
    return node


def _defined_points(node: Any) -> list[Ras]:
    """Return the points that were clicked, without the one that follows the mouse."""
    points = []
    for index in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(index, position)
            points.append((position[0], position[1], position[2]))
    return points
