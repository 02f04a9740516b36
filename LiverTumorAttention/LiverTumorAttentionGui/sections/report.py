"""The button Export report…: asks for the file and shows the run that writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.signals import Connections
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.report_run import ReportRun
    from LiverTumorAttentionGui.scene.study import Study

TITLE = _("Export report")
FILTER = _("Report (*.html)")


def ask_for_file(parent: Any, suggested: str) -> str:
    """Ask the user where to write the page; return an empty string when the dialog is cancelled."""
    return str(qt.QFileDialog.getSaveFileName(parent, TITLE, suggested, FILTER))


class ReportExport:
    """Writes a page with its numbers beside it, in a child process, and shows the progress.

    bar, cancel_button: of the section. say: shows a message. ensure: installs missing Python packages. plan: returns
    the plan as `review --plan` reads it, None for none. on_change: called when a report begins or ends.
    choose_file: asks for the file; replaced in tests.
    """

    def __init__(
        self,
        *,
        bar: Any,
        cancel_button: Any,
        active_case: ActiveCase,
        say: Callable[..., None],
        ensure: Callable[[], None],
        plan: Callable[[], dict[str, Any] | None],
        on_change: Callable[[], None],
        choose_file: Callable[[Any, str], str] = ask_for_file,
    ) -> None:
        self._bar = bar
        self._button = cancel_button
        self._active_case = active_case
        self._say = say
        self._ensure = ensure
        self._plan = plan
        self._on_change = on_change
        self.choose_file = choose_file
        self._run: ReportRun | None = None
        self._warnings: list[str] = []
        self._connections = Connections((cancel_button, "clicked(bool)", self._cancel_clicked))

    @property
    def running(self) -> bool:
        """Whether a report is being written."""
        return self._run is not None

    def start(self) -> None:
        """Ask for the file and start the run."""
        study = self._active_case.study
        if self._run is not None or study is None:
            return
        chosen = self.choose_file(self._button, f"{study.segmentation.GetName()}.html")
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix.lower() != ".html":
            path = path.with_name(f"{path.name}.html")
        try:
            self._start(study, path)
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

    def _start(self, study: Study, path: Path) -> None:
        from LiverTumorAttentionGui.review.report_run import ReportRun

        self._ensure()
        if self._active_case.study is not study:
            return  # the module was left or the scene was closed while packages were installed
        self._warnings = []
        self._run = ReportRun(
            study,
            self._active_case.instances(),
            path,
            plan=self._plan(),
            log=self._active_case.log_text(),
            on_progress=self._show_progress,
            on_warning=self._warnings.append,
            on_finished=lambda outcome: self._finished(outcome, path),
        )
        self._show_progress(0.0, _("Writing volumes"))
        self._on_change()
        self._run.start()

    def _cancel_clicked(self, _checked: bool = False) -> None:
        if self._run is not None:
            self._button.enabled = False
            self._run.cancel()

    def _show_progress(self, fraction: float, stage: str) -> None:
        self._bar.visible = self._button.enabled = True
        self._bar.value = round(100 * fraction)
        self._say(_("Report: {stage}").format(stage=stage))

    def _finished(self, outcome: Outcome, path: Path) -> None:
        self._run = None
        self._show_idle()
        if outcome.status == "done":
            done = _("{path} is written, with its numbers as CSV and JSON beside it. {notice}").format(
                path=path, notice=NOT_FOR_CLINICAL_USE
            )
            self._say(
                "\n".join(
                    [done, *(_("Warning: {warning}").format(warning=warning) for warning in self._warnings)]
                )
            )
        else:
            self._say(outcome.message, error=outcome.status == "failed")

    def _show_idle(self) -> None:
        self._bar.value = 0
        self._bar.visible = self._button.enabled = False
        self._on_change()
