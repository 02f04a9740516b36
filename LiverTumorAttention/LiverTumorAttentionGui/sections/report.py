"""The button Export report…: asks for the file and starts the run that writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.child_task import ChildTask
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.report_run import ReportRun
    from LiverTumorAttentionGui.scene.study import Study

TITLE = _("Export report")
FILTER = _("Report (*.html)")


def ask_for_file(parent: Any, suggested: str) -> str:
    """Ask the user where to write the page; return an empty string when the dialog is cancelled."""
    return str(qt.QFileDialog.getSaveFileName(parent, TITLE, suggested, FILTER))


def page_path(chosen: str) -> Path:
    """Return the page's path of the file that the user chose, which ends with .html."""
    path = Path(chosen)
    return path if path.suffix.lower() == ".html" else path.with_name(f"{path.name}.html")


class ReportExport:
    """Writes a page with its numbers beside it, in a child process.

    task: shows the run. button: of the dialog. ensure: installs missing Python packages. plan: returns the plan as
    `review --plan` reads it, None for none. choose_file: asks for the file; replaced in tests.
    """

    def __init__(
        self,
        task: ChildTask,
        *,
        button: Any,
        active_case: ActiveCase,
        ensure: Callable[[], None],
        plan: Callable[[], dict[str, Any] | None],
        choose_file: Callable[[Any, str], str] = ask_for_file,
    ) -> None:
        self._task = task
        self._button = button
        self._active_case = active_case
        self._ensure = ensure
        self._plan = plan
        self.choose_file = choose_file

    @property
    def running(self) -> bool:
        """Whether a report is being written."""
        return self._task.running

    def start(self) -> None:
        """Ask for the file and start the run."""
        study = self._active_case.study
        if self._task.running or study is None:
            return
        chosen = self.choose_file(self._button, f"{study.segmentation.GetName()}.html")
        if not chosen:
            return
        path = page_path(chosen)
        done = _("{path} is written, with its numbers as CSV and JSON beside it. {notice}").format(
            path=path, notice=NOT_FOR_CLINICAL_USE
        )
        self._task.start(lambda **listeners: self._make(study, path, **listeners), lambda _result: done)

    def _make(self, study: Study, path: Path, **listeners: Any) -> ReportRun | None:
        from LiverTumorAttentionGui.review.report_run import ReportRun

        self._ensure()
        if self._active_case.study is not study:
            return None  # the module was left or the scene was closed while packages were installed
        instances, plan = self._active_case.instances(), self._plan()
        return ReportRun(study, instances, path, plan=plan, log=self._active_case.log_text(), **listeners)
