"""The box Couinaud segments: proposes or imports them, and says who told them and where the tumors lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine, wait_cursor
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.child_task import ChildTask
from LiverTumorAttentionGui.sections.formatting import segments_text
from LiverTumorAttentionGui.signals import Connections, Debounce, ProgrammaticUpdate
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.couinaud_run import CouinaudRun, ToldSegments
    from LiverTumorAttentionGui.scene.study import Study

HINT = _("Propose the eight segments from the liver's shape, or import a segmentation that has them.")
STALE = _("The liver has been corrected since its segments were told: have them told again.")
KEPT = _("Segments that were corrected by hand stay in the scene, and are no longer used.")
CHOOSE_FIRST = _("Choose the segmentation to import the segments from.")
_CHECK_MS = 400


class CouinaudSection:
    """Connects the box's widgets to the segments of the active case.

    task: shows the run. say: shows a message of the section. ensure: installs what a proposal needs. ensure_import:
    installs what an import needs. on_change: called when the study got segments, other ones, or lost them.
    """

    def __init__(
        self,
        ui: Any,
        active_case: ActiveCase,
        task: ChildTask,
        *,
        say: Callable[..., None],
        ensure: Callable[[], None],
        ensure_import: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        self._ui, self._active_case, self._task, self._say = ui, active_case, task, say
        self._ensure, self._ensure_import, self._on_change = ensure, ensure_import, on_change
        self._label, self._stale = ui.couinaudLabel, MessageLine(ui.couinaudStaleLabel)
        self._shown: tuple[object, object] = (None, None)
        self._update = ProgrammaticUpdate()
        self._check_later = Debounce(self.check, _CHECK_MS, restart=True)
        self._connections = Connections(
            (ui.proposeSegmentsButton, "clicked(bool)", self._propose_clicked),
            (ui.importSegmentsButton, "clicked(bool)", self._import_clicked),
            (ui.showSegmentsCheckBox, "toggled(bool)", self._show_toggled),
        )
        active_case.on_outcome(lambda _outcome: self._check_later.request())

    @property
    def known(self) -> bool:
        """Whether the study has segments."""
        study = self._active_case.study
        return study is not None and study.couinaud is not None

    def update(self, *, idle: bool) -> None:
        """Show the active case. idle: whether a run may be started."""
        ui, study = self._ui, self._active_case.study
        for widget in (ui.proposeSegmentsButton, ui.importSegmentsButton, ui.couinaudSelector):
            widget.enabled = idle
        node = None if study is None else study.couinaud
        ui.showSegmentsCheckBox.enabled = node is not None
        controller, (shown_controller, shown_node) = self._active_case.controller, self._shown
        if (controller, node) == self._shown:
            return
        self._shown = (controller, node)
        with self._update.running():
            display = None if node is None else node.GetDisplayNode()
            ui.showSegmentsCheckBox.checked = display is not None and bool(display.GetVisibility())
        self._label.text = HINT
        self._stale.say("")
        if node is not None:
            self._label.text = _("Segments are known; measure to see in which the tumors lie.")
            self.check()
        if controller is shown_controller and node is not shown_node:
            self._on_change()

    def check(self) -> None:
        """Say whether the liver has been corrected since its segments were told."""
        study = self._active_case.study
        if study is None or study.couinaud is None or self._active_case.busy:
            return
        from LiverTumorAttentionGui.review.couinaud import SceneCouinaud

        try:
            stale = SceneCouinaud(study).is_of_earlier_liver(self._active_case.instances())
        except PanelError as error:
            self._stale.say(str(error), error=True)
            return
        self._stale.say(STALE if stale else "", error=True)

    def tell(self) -> None:
        """Show who told the segments, their volumes, and in which each tumor lies."""
        study = self._active_case.study
        if study is None or study.couinaud is None:
            return
        from LiverTumorAttentionGui.review.couinaud import SceneCouinaud

        try:
            with wait_cursor():
                instances = self._active_case.instances()
                told = SceneCouinaud(study).on_liver(instances)
                self._label.text = segments_text(told, told.shares(instances))
        except PanelError as error:
            self._label.text = str(error)
        self.check()

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._check_later.cancel()
        self._connections.disconnect()

    def _propose_clicked(self, _checked: bool = False) -> None:
        self._start(None, self._ensure)

    def _import_clicked(self, _checked: bool = False) -> None:
        given = self._ui.couinaudSelector.currentNode()
        if given is None:
            self._say(CHOOSE_FIRST, error=True)
            return
        self._start(given, self._ensure_import)

    def _start(self, given: slicer.vtkMRMLSegmentationNode | None, ensure: Callable[[], None]) -> None:
        study = self._active_case.study
        if study is None:
            return
        self._task.start(
            lambda **listeners: self._make(study, given, ensure, **listeners),
            lambda result: self._told(study, result),
        )

    def _make(
        self,
        study: Study,
        given: slicer.vtkMRMLSegmentationNode | None,
        ensure: Callable[[], None],
        **listeners: Any,
    ) -> CouinaudRun | None:
        from LiverTumorAttentionGui.review.couinaud_run import CouinaudRun

        ensure()
        if self._active_case.study is not study:
            return None  # the module was left or the scene was closed while packages were installed
        return CouinaudRun(study, self._active_case.instances(), given, **listeners)

    def _told(self, study: Study, result: ToldSegments) -> str:
        """Show what a run told, and return the message for it."""
        if self._active_case.study is study:
            self._active_case.reopen()  # the segments are a node of the study from now on
            self._on_change()
            self.tell()
        said = _("Couinaud segments {source}. {notice}").format(
            source=result.source, notice=NOT_FOR_CLINICAL_USE
        )
        return f"{said}\n{KEPT}" if result.kept else said

    def _show_toggled(self, on: bool) -> None:
        study = self._active_case.study
        if self._update.active or study is None or study.couinaud is None:
            return
        from LiverTumorAttentionGui.scene.couinaud_nodes import show_couinaud

        with wait_cursor():
            show_couinaud(study.couinaud, on)
