"""Correction tools that are used by clicks in the slice views, which Slicer's markups place mode receives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.point_placer import PointPlacer, Ras
from LiverTumorAttentionGui.signals import Connections, Slot

if TYPE_CHECKING:
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Action


@dataclass(frozen=True, kw_only=True)
class ClickTool:
    """A checkable button.

    button: name of the widget. tool: the library's name of the tool. points: clicks per action; None for an outline.
    tip: first sentence of the tooltip. by_phase: whether one phase alone can answer it.
    """

    button: str
    tool: str
    points: int | None
    tip: str
    by_phase: bool = False


CLICK_TOOLS = (
    ClickTool(
        button="addButton",
        tool="add",
        points=1,
        tip=_("Click on a tumor that is not marked: it is drawn."),
        by_phase=True,
    ),
    ClickTool(
        button="lineButton",
        tool="line",
        points=2,
        tip=_(
            "Click on both ends of a tumor's longest diameter: the tumor is drawn between them, "
            "no longer than the line."
        ),
        by_phase=True,
    ),
    ClickTool(
        button="boxButton",
        tool="box",
        points=2,
        tip=_(
            "Click on two opposite corners of a box around a tumor, in the slice where it is largest or in two slices: "
            "the tumor is drawn within it and reaches its sides."
        ),
        by_phase=True,
    ),
    ClickTool(
        button="lassoButton",
        tool="lasso",
        points=None,
        tip=_(
            "Click around a tumor in one slice, and double-click or right-click to close the outline: there the tumor "
            "is what you drew, and the slices beside it follow. Around a draft, it is redrawn."
        ),
        by_phase=True,
    ),
    ClickTool(
        button="includeButton",
        tool="include",
        points=1,
        tip=_("Click where the nearest tumor lacks something: it is redrawn to hold the point."),
        by_phase=True,
    ),
    ClickTool(
        button="excludeButton",
        tool="exclude",
        points=1,
        tip=_("Click where the nearest tumor reaches too far: it is redrawn without the point."),
        by_phase=True,
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
    phase: returns the phase that is to answer alone, None for both; raises `PanelError` where it cannot be told.
    perform: performs an action and shows why it was refused. refuse: shows why a click was not answered.
    """

    def __init__(
        self,
        ui: Any,
        *,
        study: Callable[[], Study | None],
        selected: Callable[[], Sequence[int]],
        on_start: Callable[[], None],
        on_end: Callable[[], None],
        phase: Callable[[], str | None],
        perform: Callable[[Action], object],
        refuse: Callable[[str], object],
    ) -> None:
        self._study = study
        self._selected = selected
        self._on_start = on_start
        self._phase = phase
        self._perform = perform
        self._refuse = refuse
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
        tool = self._current
        try:
            phase = self._phase() if tool.by_phase else None
        except PanelError as error:
            self._refuse(str(error))
        else:
            self._perform(_action(tool.tool, tuple(study.to_lps(point) for point in points), phase))
        scene = study.segmentation.GetScene()
        if self._current is tool and not self._placer.active and scene is not None:
            self._placer.start(scene, tool.points)  # an outline ends place mode


def _action(tool: str, points_lps_mm: tuple[Ras, ...], phase: str | None) -> Action:
    """Return the library's action for clicks. phase: that answers alone."""
    from LiverTumorAttentionLib.correction import TOOLS

    make = cast("Callable[..., Action]", TOOLS[tool])
    by = {} if phase is None else {"phase": phase}
    if tool in ("merge", "split", "line", "box", "lasso"):
        return make(points=points_lps_mm, **by)
    if tool in ("include", "exclude"):
        return make(stroke=points_lps_mm, **by)
    return make(point=points_lps_mm[0], **by)
