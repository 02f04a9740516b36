"""Slicer's markups place mode with a temporary markup: clicks in the views become points, or a closed outline."""

from __future__ import annotations

from collections.abc import Callable

import slicer

from LiverTumorAttentionGui.signals import Debounce

Ras = tuple[float, float, float]
POINT_CLASS, OUTLINE_CLASS = "vtkMRMLMarkupsFiducialNode", "vtkMRMLMarkupsClosedCurveNode"
POINT_NAME = "Correction point"
FEWEST_POINTS = 3
"""Of an outline."""
_INTERACTION_ID = "vtkMRMLInteractionNodeSingleton"
_SELECTION_ID = "vtkMRMLSelectionNodeSingleton"


class PointPlacer:
    """Persistent place mode with a temporary markup: every n clicks make one call and the points are removed.

    Of an outline, which is shown closed while it is drawn, a double click or a right click in the view makes the call,
    with all of its points; place mode then ends, and has to be started again.
    on_points: called with the points (world RAS mm), after the event of the last click was handled.
    on_stopped: called when place mode ended other than by `stop`: by Escape, a right click or another module.
    """

    def __init__(self, on_points: Callable[[list[Ras]], None], on_stopped: Callable[[], None]) -> None:
        self._on_points = on_points
        self._on_stopped = on_stopped
        self._points_per_call = 1
        self._outline = False
        self._node: slicer.vtkMRMLMarkupsNode | None = None
        self._observed: list[tuple[slicer.vtkMRMLNode, int]] = []
        self._collect_later = Debounce(self._collect, 0, restart=False)
        self._check_later = Debounce(self._check_mode, 0, restart=False)

    @property
    def active(self) -> bool:
        """Whether clicks are received."""
        return self._node is not None

    def start(self, scene: slicer.vtkMRMLScene, points: int | None = 1) -> None:
        """Receive clicks, `points` of them a call, until `stop`; None for an outline of any number."""
        self.stop()
        self._outline = points is None
        self._points_per_call = points or 0
        node = self._node = _markup(scene, OUTLINE_CLASS if self._outline else POINT_CLASS)
        interaction, selection = interaction_node(scene), selection_node(scene)
        selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
        selection.SetActivePlaceNodeID(node.GetID())
        interaction.SetPlaceModePersistence(1)
        interaction.SetCurrentInteractionMode(interaction.Place)
        self._observe(node, node.PointPositionDefinedEvent, self._collect_later.request)
        self._observe(interaction, interaction.InteractionModeChangedEvent, self._check_later.request)
        self._observe(selection, selection.ActivePlaceNodeIDChangedEvent, self._check_later.request)

    def stop(self) -> None:
        """End place mode and remove the point list. Safe to call at any time, also after the scene was closed."""
        node, self._node = self._node, None
        self._collect_later.cancel()
        self._check_later.cancel()
        while self._observed:
            observed, tag = self._observed.pop()
            observed.RemoveObserver(tag)
        if node is None or node.GetScene() is None:
            return
        scene = node.GetScene()
        interaction, selection = interaction_node(scene), selection_node(scene)
        if selection.GetActivePlaceNodeID() == node.GetID():
            if interaction.GetCurrentInteractionMode() == interaction.Place:
                interaction.SetCurrentInteractionMode(interaction.ViewTransform)
            interaction.SetPlaceModePersistence(0)
            selection.SetActivePlaceNodeID(None)
        scene.RemoveNode(node)

    def _observe(self, node: slicer.vtkMRMLNode, event: int, call: Callable[[], None]) -> None:
        self._observed.append((node, node.AddObserver(event, lambda *_: call())))

    def _collect(self) -> None:
        """Call `on_points` once there are enough points. Runs after the click was handled."""
        if self._node is None or self._outline:
            return
        points = _defined_points(self._node)
        if len(points) < self._points_per_call:
            return
        self._node.RemoveAllControlPoints()
        self._on_points(points[: self._points_per_call])

    def _check_mode(self) -> None:
        """Stop if the interaction mode or the markup that is placed has changed: an outline is closed by the first."""
        if self._node is None:
            return
        scene, closed = self._node.GetScene(), False
        if scene is not None:
            interaction = interaction_node(scene)
            active = selection_node(scene).GetActivePlaceNodeID()
            placing = interaction.GetCurrentInteractionMode() == interaction.Place
            if active == self._node.GetID() and placing:
                return
            closed = self._outline and not placing
        points = _defined_points(self._node) if closed else []
        self.stop()
        if len(points) >= FEWEST_POINTS:
            self._on_points(points)
        else:
            self._on_stopped()


def interaction_node(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLInteractionNode:
    """Return the scene's interaction node, which holds the mouse mode."""
    return scene.GetNodeByID(_INTERACTION_ID) or scene.AddNode(slicer.vtkMRMLInteractionNode())


def selection_node(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLSelectionNode:
    """Return the scene's selection node, which holds the node that is being placed."""
    return scene.GetNodeByID(_SELECTION_ID) or scene.AddNode(slicer.vtkMRMLSelectionNode())


def _markup(scene: slicer.vtkMRMLScene, class_name: str) -> slicer.vtkMRMLMarkupsNode:
    """Return a new markup that is hidden in other modules and not saved with the scene."""
    node = scene.CreateNodeByClass(class_name)
    node.UnRegister(None)
    node.SetName(POINT_NAME)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    if class_name == OUTLINE_CLASS:
        node.SetCurveTypeToLinear()  # what is enclosed is what the straight lines enclose
    node = scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if display is not None:
        display.SetSaveWithScene(False)
        display.SetPointLabelsVisibility(False)
        display.SetPropertiesLabelVisibility(False)
    return node


def _defined_points(node: slicer.vtkMRMLMarkupsNode) -> list[Ras]:
    """Return the placed points, without the preview point that follows the mouse."""
    points = []
    for index in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(index, position)
            points.append((position[0], position[1], position[2]))
    return points
