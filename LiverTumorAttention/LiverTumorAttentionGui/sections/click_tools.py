"""The tools that are used by clicks: one is on, or none; a click in a slice view uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionGui.correction.point_placement import PointPlacer, Ras


@dataclass(frozen=True, kw_only=True)
class ClickTool:
    """A button that can be on. tool: the library's name of it; points: how many clicks make one action."""

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
    """Keeps at most one button on, and turns clicks into actions.

    study: returns the study under work, None for none. selected: returns the numbers of the selected tumours.
    on_start: called before a tool goes on. on_end: called when place mode ended by itself; it has to `stop`.
    perform: does an action; it says itself what went wrong.
    """

    def __init__(
        self,
        ui: Any,
        *,
        study: Callable[[], Any],
        selected: Callable[[], Sequence[int]],
        on_start: Callable[[], None],
        on_end: Callable[[], None],
        perform: Callable[[Any], Any],
    ) -> None:
        self._study = study
        self._selected = selected
        self._on_start = on_start
        self._perform = perform
        self._placer = PointPlacer(self._clicked, on_end)
        self._current: ClickTool | None = None
        self._buttons = {tool.tool: getattr(ui, tool.button) for tool in CLICK_TOOLS}
        self._slots: list[tuple[Any, Callable[[bool], None]]] = []
        for tool in CLICK_TOOLS:
            button = self._buttons[tool.tool]
            button.toolTip = f"{tool.tip} The tool stays on until you press its button again or Escape."
            slot = self._slot(tool)
            button.connect("clicked(bool)", slot)
            self._slots.append((button, slot))

    @property
    def current(self) -> str:
        """The library's name of the tool that is on; empty for none."""
        return self._current.tool if self._current is not None else ""

    def stop(self) -> None:
        """Switch whatever is on off."""
        self._placer.stop()
        self._current = None
        for button in self._buttons.values():
            button.checked = False

    def disconnect(self) -> None:
        """Let go of the widgets."""
        self.stop()
        for button, slot in self._slots:
            button.disconnect("clicked(bool)", slot)
        self._slots = []

    def _slot(self, tool: ClickTool) -> Callable[[bool], None]:
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


def _action(tool: str, points: tuple[Any, ...]) -> Any:
    """Return the library's action for clicks at points (LPS mm)."""
    from LiverTumorAttentionLib.correction import TOOLS

    if tool in ("merge", "split"):
        return TOOLS[tool](points=points)
    if tool in ("include", "exclude"):
        return TOOLS[tool](stroke=points)
    return TOOLS[tool](point=points[0])
