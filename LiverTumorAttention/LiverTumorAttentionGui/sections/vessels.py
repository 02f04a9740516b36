"""The button Propose vessels: runs the proposal, and says what it warned of and when the liver was corrected since."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.child_task import ChildTask
from LiverTumorAttentionGui.signals import Connections, Debounce
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.vessels_run import ToldVessels, VesselsRun
    from LiverTumorAttentionGui.scene.study import Study

STALE = _(
    "The liver has been corrected since its vessels were proposed: propose them again, or correct them."
)
KEPT = _("Vessels that were corrected by hand stay in the scene, and are no longer used.")
_CHECK_MS = 400


class VesselsSection:
    """Connects the button to the vessels of the active case.

    task: shows the run. say: shows a message of the section. ensure: installs what a proposal needs. on_change: called
    when the study got other vessels.
    """

    def __init__(
        self,
        ui: Any,
        active_case: ActiveCase,
        task: ChildTask,
        *,
        ensure: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        self._button, self._active_case, self._task = ui.proposeVesselsButton, active_case, task
        self._ensure, self._on_change = ensure, on_change
        self._stale = MessageLine(ui.vesselsStaleLabel)
        self._check_later = Debounce(self.check, _CHECK_MS, restart=True)
        self._connections = Connections((self._button, "clicked(bool)", self._clicked))
        active_case.on_outcome(lambda _outcome: self._check_later.request())

    def update(self, *, idle: bool) -> None:
        """Show whether a run may be started."""
        self._button.enabled = idle

    def check(self) -> None:
        """Say what the proposal warned of, and whether the liver has been corrected since."""
        study = self._active_case.study
        if study is None or study.vessels is None:
            self._stale.say("")
            return
        if self._active_case.busy:
            return
        from LiverTumorAttentionGui.review.vessel_nodes import SceneVessels
        from LiverTumorAttentionGui.review.vessels_run import as_sentence

        vessels = SceneVessels(study)
        try:
            stale = vessels.is_of_earlier_liver(self._active_case.instances())
        except PanelError as error:
            self._stale.say(str(error), error=True)
            return
        said = [*([STALE] if stale else []), *map(as_sentence, vessels.warnings)]
        self._stale.say("\n".join(said), error=stale)

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._check_later.cancel()
        self._connections.disconnect()

    def _clicked(self, _checked: bool = False) -> None:
        study = self._active_case.study
        if study is None:
            return
        self._task.start(
            lambda **listeners: self._make(study, **listeners), lambda result: self._told(study, result)
        )

    def _make(self, study: Study, **listeners: Any) -> VesselsRun | None:
        from LiverTumorAttentionGui.review.vessels_run import VesselsRun

        self._ensure()
        if self._active_case.study is not study:
            return None  # the module was left or the scene was closed while packages were installed
        return VesselsRun(study, self._active_case.instances(), **listeners)

    def _told(self, study: Study, result: ToldVessels) -> str:
        """Show what a run proposed, and return the message for it."""
        if self._active_case.study is study:
            self._active_case.reopen()  # the vessels are a node of the study from now on
            self._on_change()
            self.check()
        said = f"{result.text} {NOT_FOR_CLINICAL_USE}"
        return f"{said}\n{KEPT}" if result.kept else said
