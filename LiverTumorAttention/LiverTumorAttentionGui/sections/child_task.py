"""What the buttons that start a child process share: progress, Cancel, warnings and how the run ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import Run
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.signals import Connections


class StartableRun(Run, Protocol):
    """A run of the child process, which is not under way yet."""

    def start(self) -> None: ...


class ChildTask:
    """At most one run at a time, shown in a section's widgets.

    bar, cancel_button: of the section; several tasks may share them. say: shows a message. on_change: called when a run
    begins or ends. stages: the text that shows a stage of the run, with the place {stage}.
    """

    def __init__(
        self,
        *,
        bar: Any,
        cancel_button: Any,
        say: Callable[..., None],
        on_change: Callable[[], None],
        stages: str,
    ) -> None:
        self._bar, self._button = bar, cancel_button
        self._say = say
        self._on_change = on_change
        self._stages = stages
        self._run: StartableRun | None = None
        self._done: Callable[[Any], str] = str
        self.warnings: list[str] = []
        self._connections = Connections((cancel_button, "clicked(bool)", self._cancel_clicked))

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    def start(self, make: Callable[..., StartableRun | None], done: Callable[[Any], str]) -> None:
        """Make a run and start it; what stands in the way is shown.

        make: called with on_progress, on_warning and on_finished; returns None where there is nothing to run any more.
        done: returns what to say of the run's result.
        """
        if self._run is not None:
            return
        self.warnings, self._done = [], done
        try:
            run = make(
                on_progress=self._show_progress, on_warning=self.warnings.append, on_finished=self._finished
            )
            if run is None:
                return
            self._run = run
            self._show_progress(0.0, _("Writing volumes"))
            self._on_change()
            run.start()
        except (PanelError, OSError) as error:
            self._run = None
            self._show_idle()
            self._say(str(error), error=True)

    def abandon(self) -> None:
        """End the run without a message."""
        run, self._run = self._run, None
        if run is not None:
            run.abandon()
            self._show_idle()

    def disconnect(self) -> None:
        """End the run and disconnect the widgets."""
        self.abandon()
        self._connections.disconnect()

    def _cancel_clicked(self, _checked: bool = False) -> None:
        if self._run is not None:
            self._button.enabled = False
            self._run.cancel()

    def _show_progress(self, fraction: float, stage: str) -> None:
        self._bar.visible = self._button.enabled = True
        self._bar.value = round(100 * fraction)
        self._say(self._stages.format(stage=stage))

    def _finished(self, outcome: Outcome, result: Any = None) -> None:
        self._run = None
        self._show_idle()
        if outcome.status == "done":
            warnings = [_("Warning: {warning}").format(warning=warning) for warning in self.warnings]
            self._say("\n".join([self._done(result), *warnings]))
        else:
            self._say(outcome.message, error=outcome.status == "failed")

    def _show_idle(self) -> None:
        self._bar.value = 0
        self._bar.visible = self._button.enabled = False
        self._on_change()
