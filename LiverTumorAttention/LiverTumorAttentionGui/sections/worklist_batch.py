"""The batch of the section Worklist: its button, progress and Cancel, and what became of each case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.segmentation import PHASES_TITLE, RunSettings
from LiverTumorAttentionGui.signals import Connections
from LiverTumorAttentionGui.worklist.batch import Batch, CaseRun
from LiverTumorAttentionLib.pipeline.worklist import WorklistCase
from LiverTumorAttentionLib.wording import counted

BLOCKS = _("The cases of the worklist are being segmented: wait until that has ended, or cancel it.")
NO_MODEL = _("No model is chosen: choose one under Inputs.")
NONE_UNREAD = _("Every case of this list has a segmentation already.")
WAITING, RUNNING, FAILED = _("waiting"), _("being segmented"), _("failed")


class BatchBox:
    """Connects the widgets of the batch.

    ensure: installs missing packages, or raises `PanelError`. settings: returns the settings of a run. run_problem:
    returns why no run can start now; empty when it can. cases: returns those without a segmentation. on_case: called
    when a case begins and ends; on_change: when the batch does. say: shows a message. run_factory: for tests.
    """

    def __init__(
        self,
        ui: Any,
        *,
        ensure: Callable[[], None],
        settings: Callable[[], RunSettings],
        run_problem: Callable[[], str],
        cases: Callable[[], list[WorklistCase]],
        on_case: Callable[[], None],
        on_change: Callable[[], None],
        say: Callable[..., None],
        run_factory: Callable[..., CaseRun] | None = None,
    ) -> None:
        self._button, self._cancel = ui.batchButton, ui.cancelBatchButton
        self._bar, self._stage = ui.batchProgressBar, ui.batchStageLabel
        self._ensure, self._settings, self._run_problem = ensure, settings, run_problem
        self._cases, self._on_case, self._on_change, self._say = cases, on_case, on_change, say
        self.run_factory = run_factory or CaseRun
        self._batch: Batch | None = None
        self._closed = False
        self._failures: dict[str, str] = {}
        self._connections = Connections(
            (self._button, "clicked(bool)", self._start_clicked),
            (self._cancel, "clicked(bool)", self._cancel_clicked),
        )

    @property
    def running(self) -> bool:
        """Whether cases are being segmented."""
        return self._batch is not None

    @property
    def current(self) -> WorklistCase | None:
        """The case that is being segmented."""
        return self._batch.current if self._batch is not None else None

    def state_of(self, case: WorklistCase) -> tuple[str, str] | None:
        """Return what the batch says of a case, and why; None where the disk says more."""
        if self._batch is not None and self._batch.current is case:
            return RUNNING, ""
        if self._batch is not None and case.name in self._batch.left:
            return WAITING, ""
        failures = self._batch.failures if self._batch is not None else self._failures
        if case.name in failures and not case.segmentation.exists():
            return FAILED, failures[case.name]
        return None

    def update(self, listed: bool) -> None:
        """Show whether the batch can be started. listed: whether a folder is open."""
        self._button.enabled = listed and not self.running and not self._run_problem()
        self._cancel.enabled = self._batch is not None and not self._batch.cancelled
        self._cancel.visible = self._bar.visible = self._stage.visible = self.running

    def abandon(self) -> None:
        """Kill the child without a message."""
        batch, self._batch = self._batch, None
        if batch is not None:
            batch.abandon()
            self._failures = batch.failures
            self._on_change()

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._closed = True
        self._connections.disconnect()

    def _start_clicked(self, _checked: bool = False) -> None:
        if self.running or self._run_problem():
            return
        cases = self._cases()
        if not cases:
            self._say(NONE_UNREAD)
            return
        try:
            self._ensure()
        except PanelError as error:
            if not self._closed:
                self._say(str(error), error=True)
            return
        if self._closed or self.running or self._run_problem():
            return
        settings = self._settings()
        if not settings.model:
            self._say(NO_MODEL, error=True)
            return
        self._begin(cases, settings)

    def _begin(self, cases: list[WorklistCase], settings: RunSettings) -> None:
        self._say("")
        self._failures = {}
        self._batch = Batch(
            cases,
            settings,
            on_progress=self._show_progress,
            on_case=self._on_case,
            on_finished=self._finished,
            run_factory=self.run_factory,
        )
        self._on_change()
        self._batch.start()

    def _cancel_clicked(self, _checked: bool = False) -> None:
        if self._batch is not None:
            self._batch.cancel()
            self._on_change()

    def _show_progress(self, fraction: float, words: str) -> None:
        self._bar.value = round(100 * fraction)
        self._stage.text = words

    def _finished(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        self._failures = batch.failures
        self._bar.value, self._stage.text = 0, ""
        self._on_case()
        self._on_change()
        self._say(_summary(batch), error=bool(batch.failures))
        asked = [] if batch.cancelled else batch.questions
        agreed = bool(asked) and confirmed([f"{case.name}: {question}" for case, question in asked])
        if agreed and not (self._closed or self.running or self._run_problem()):
            self._begin([case for case, _question in asked], replace(batch.settings, phases_as_given=True))


def confirmed(questions: list[str]) -> bool:
    """Ask whether volumes are used as they are, once for all cases that were not segmented for that."""
    text = _("These cases were not segmented:\n\n{questions}\n\nUse their volumes as they are?").format(
        questions="\n".join(questions)
    )
    return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle=PHASES_TITLE))


def _summary(batch: Batch) -> str:
    """Return what became of a batch, with the reason of each failure."""
    cases, failed = counted(len(batch.done), "case"), len(batch.failures)
    if batch.cancelled:
        words = (
            _("Cancelled: {cases} segmented, {failed} failed.")
            if failed
            else _("Cancelled: {cases} segmented.")
        )
    else:
        words = _("{cases} segmented, {failed} failed.") if failed else _("{cases} segmented.")
    head = words.format(cases=cases, failed=failed)
    return "\n".join([head, *(f"{name}: {why}" for name, why in batch.failures.items())])
