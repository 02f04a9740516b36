"""Correction tools that are used by clicks in the slice views, which Slicer's markups place mode receives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import slicer

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.signals import Connections, Debounce, Slot

if TYPE_CHECKING:
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Action

Ras = tuple[float, float, float]
POINT_CLASS = "vtkMRMLMarkupsFiducialNode"
POINT_NAME = "Correction point"
_INTERACTION_ID = "vtkMRMLInteractionNodeSingleton"
_SELECTION_ID = "vtkMRMLSelectionNodeSingleton"


@dataclass(frozen=True, kw_only=True)
class ClickTool:
    """A checkable button.

    button: name of the widget. tool: the library's name of the tool. points: clicks per action.
    tip: first sentence of the tooltip.
    """

    button: str
    tool: str
    points: int
    tip: str


CLICK_TOOLS = (
    ClickTool(
        button="addButton", tool="add", points=1, tip=_("Click on a tumor that is not marked: it is drawn.")
    ),
    ClickTool(
        button="lineButton",
        tool="line",
        points=2,
        tip=_(
            "Click on both ends of a tumor's longest diameter: the tumor is drawn between them, "
            "no longer than the line."
        ),
    ),
    ClickTool(
        button="includeButton",
        tool="include",
        points=1,
        tip=_("Click where the nearest tumor lacks something: it is redrawn to hold the point."),
    ),
    ClickTool(
        button="excludeButton",
        tool="exclude",
        points=1,
        tip=_("Click where the nearest tumor reaches too far: it is redrawn without the point."),
    ),
    ClickTool(
        button="removeButton", tool="remove", points=1, tip=_("Click on a tumor that is none: it is removed.")
    ),
    ClickTool(
        button="mergeButton",
        tool="merge",
        points=2,
        tip=_(
            "Click on one tumor, then on another: they become one. Tumors whose rows are "
            "selected are merged at once."
        ),
    ),
    ClickTool(
        button="splitButton",
        tool="split",
        points=2,
        tip=_("Click on one part of a tumor, then on another part of it: they become two."),
    ),
)


class ClickTools:
    """The buttons of `CLICK_TOOLS`, at most one of them active, and the actions that clicks make.

    study: returns the study under work, None for none. selected: returns the numbers of the selected tumors.
    on_start: called before a tool becomes active. on_end: called when place mode ended by itself; has to call `stop`.
    perform: performs an action and shows why it was refused.
    """

    def __init__(
        self,
        ui: Any,
        *,
        study: Callable[[], Study | None],
        selected: Callable[[], Sequence[int]],
        on_start: Callable[[], None],
        on_end: Callable[[], None],
        perform: Callable[[Action], object],
    ) -> None:
        self._study = study
        self._selected = selected
        self._on_start = on_start
        self._perform = perform
        self._placer = PointPlacer(self._clicked, on_end)
        self._current: ClickTool | None = None
        self._buttons = {tool.tool: getattr(ui, tool.button) for tool in CLICK_TOOLS}
        for tool in CLICK_TOOLS:
            tip = _("{tip} The tool stays on until you press its button again or Escape.").format(
                tip=tool.tip
            )
            self._buttons[tool.tool].toolTip = tip
        self._connections = Connections(
            *((self._buttons[tool.tool], "clicked(bool)", self._slot(tool)) for tool in CLICK_TOOLS)
        )

    @property
    def current(self) -> str:
        """The library's name of the active tool; empty for none."""
        return self._current.tool if self._current is not None else ""

    def stop(self) -> None:
        """Deactivate the active tool."""
        self._placer.stop()
        self._current = None
        for button in self._buttons.values():
            button.checked = False

    def disconnect(self) -> None:
        """Deactivate the active tool and disconnect the buttons."""
        self.stop()
        self._connections.disconnect()

    def _slot(self, tool: ClickTool) -> Slot:
        def pressed(checked: bool = False) -> None:
            self._pressed(tool, checked)

        return pressed

    def _pressed(self, tool: ClickTool, checked: bool) -> None:
        self.stop()
        study = self._study()
        if not checked or study is None:
            return
        self._on_start()
        if tool.tool == "merge" and len(self._selected()) > 1:
            from LiverTumorAttentionLib.correction import Merge

            self._perform(Merge(lesions=tuple(self._selected())))
            return
        self._current = tool
        self._buttons[tool.tool].checked = True
        self._placer.start(study.segmentation.GetScene(), tool.points)

    def _clicked(self, points: list[Ras]) -> None:
        study = self._study()
        if study is None or self._current is None:
            self.stop()
            return
        self._perform(_action(self._current.tool, tuple(study.to_lps(point) for point in points)))


def _action(tool: str, points_lps_mm: tuple[Ras, ...]) -> Action:
    """Return the library's action for clicks."""
    from LiverTumorAttentionLib.correction import TOOLS

    make = cast("Callable[..., Action]", TOOLS[tool])
    if tool in ("merge", "split", "line"):
        return make(points=points_lps_mm)
    if tool in ("include", "exclude"):
        return make(stroke=points_lps_mm)
    return make(point=points_lps_mm[0])


class PointPlacer:
    """Persistent place mode with a temporary point list: every n clicks make one call and the points are removed.

    on_points: called with n points (world RAS mm), after the event of the last click was handled.
    on_stopped: called when place mode ended other than by `stop`: by Escape, a right click or another module.
    """

    def __init__(self, on_points: Callable[[list[Ras]], None], on_stopped: Callable[[], None]) -> None:
        self._on_points = on_points
        self._on_stopped = on_stopped
        self._points_per_call = 1
        self._node: slicer.vtkMRMLMarkupsFiducialNode | None = None
        self._observed: list[tuple[slicer.vtkMRMLNode, int]] = []
        self._collect_later = Debounce(self._collect, 0, restart=False)
        self._check_later = Debounce(self._check_mode, 0, restart=False)

    @property
    def active(self) -> bool:
        """Whether clicks are received."""
        return self._node is not None

    def start(self, scene: slicer.vtkMRMLScene, points: int = 1) -> None:
        """Receive clicks, `points` of them a call, until `stop`."""
        self.stop()
        self._points_per_call = points
        node = self._node = _point_list(scene)
        interaction, selection = interaction_node(scene), selection_node(scene)
        selection.SetReferenceActivePlaceNodeClassName(POINT_CLASS)
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
        if self._node is None:
            return
        points = _defined_points(self._node)
        if len(points) < self._points_per_call:
            return
        self._node.RemoveAllControlPoints()
        self._on_points(points[: self._points_per_call])

    def _check_mode(self) -> None:
        """Stop if the interaction mode or the point list that is placed has changed."""
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


def interaction_node(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLInteractionNode:
    """Return the scene's interaction node, which holds the mouse mode."""
    return scene.GetNodeByID(_INTERACTION_ID) or scene.AddNode(slicer.vtkMRMLInteractionNode())


def selection_node(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLSelectionNode:
    """Return the scene's selection node, which holds the node that is being placed."""
    return scene.GetNodeByID(_SELECTION_ID) or scene.AddNode(slicer.vtkMRMLSelectionNode())


def _point_list(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLMarkupsFiducialNode:
    """Return a new point list that is hidden in other modules and not saved with the scene."""
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


def _defined_points(node: slicer.vtkMRMLMarkupsFiducialNode) -> list[Ras]:
    """Return the placed points, without the preview point that follows the mouse."""
    points = []
    for index in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(index, position)
            points.append((position[0], position[1], position[2]))
    return points
