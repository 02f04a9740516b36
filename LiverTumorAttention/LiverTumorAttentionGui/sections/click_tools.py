"""Correction tools that are used by clicks in the slice views: at most one is active."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from LiverTumorAttentionGui.correction.point_placement import PointPlacer, Ras
from LiverTumorAttentionGui.sections.connections import Connections, Slot

if TYPE_CHECKING:
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Action


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
        button="addButton", tool="add", points=1, tip="Click on a tumor that is not marked: it is drawn."
    ),
    ClickTool(
        button="includeButton",
        tool="include",
        points=1,
        tip="Click where the nearest tumor lacks something: it is redrawn to hold the point.",
    ),
    ClickTool(
        button="excludeButton",
        tool="exclude",
        points=1,
        tip="Click where the nearest tumor reaches too far: it is redrawn without the point.",
    ),
    ClickTool(
        button="removeButton", tool="remove", points=1, tip="Click on a tumor that is none: it is removed."
    ),
    ClickTool(
        button="mergeButton",
        tool="merge",
        points=2,
        tip="Click on one tumor, then on another: they become one. Tumors whose rows are selected are merged at once.",
    ),
    ClickTool(
        button="splitButton",
        tool="split",
        points=2,
        tip="Click on one part of a tumor, then on another part of it: they become two.",
    ),
)


class ClickTools:
    """The buttons of `CLICK_TOOLS`, and the actions that clicks make.

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
            tip = f"{tool.tip} The tool stays on until you press its button again or Escape."
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
    if tool in ("merge", "split"):
        return make(points=points_lps_mm)
    if tool in ("include", "exclude"):
        return make(stroke=points_lps_mm)
    return make(point=points_lps_mm[0])
