"""Segmentation of a worklist's cases in the background: one child process at a time, from files to files.

The scene is not touched, so that the reader can correct another case meanwhile. A case that fails does not stop the
others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.segmentation import RunSettings
from LiverTumorAttentionLib.pipeline.worklist import WorklistCase

PARTS = ".*.part.*"
"""Files that the library has not finished; see `io.atomic_write`."""


class CaseRun(ChildRun[Path]):
    """One segmentation of a case on the disk, into its folder: all of its files, or none. Used once."""

    def __init__(self, case: WorklistCase, settings: RunSettings, **options: Any) -> None:
        """options: see `ChildRun`."""
        super().__init__(**options)
        self._case = case
        self._settings = settings
        self._parts_before: set[Path] = set()

    def prepare(self, folder: Path) -> list[str]:
        """Make the folder of the result. Raises `PanelError`, also where there is a segmentation already."""
        case = self._case
        with as_panel_error():
            if case.checksum():
                raise PanelError(
                    _("The case {name} was segmented meanwhile, and that was left alone: open it.").format(
                        name=case.name
                    )
                )
        try:
            case.result.mkdir(exist_ok=True)
            self._parts_before = set(case.result.glob(PARTS))
        except OSError as error:
            raise PanelError(
                _(
                    "The folder of the result, {result}, cannot be made ({strerror}): allow writing "
                    "there, or copy the case elsewhere."
                ).format(result=case.result, strerror=error.strerror)
            ) from error
        files = {**case.inputs(), **case.outputs()}
        options = [text for field, path in files.items() for text in (f"--{field.replace('_', '-')}", path)]
        return ["segment", *options, *self._settings.arguments()]

    def collect(self, folder: Path) -> Path:
        """Return the segmentation that was written."""
        if not self._case.segmentation.is_file():
            raise PanelError(_("The computation left no segmentation behind: please report this."))
        return self._case.segmentation

    def _remove_folder(self) -> None:
        """Remove the temporary folder, and what a child that was killed left in that of the result."""
        super()._remove_folder()
        case = self._case
        with contextlib.suppress(OSError):
            if not case.segmentation.exists():
                for part in set(case.result.glob(PARTS)) - self._parts_before:
                    part.unlink()
                case.result.rmdir()  # unless it holds something


class Batch:
    """Segments cases one after another. Used once.

    on_progress: called with the fraction of the whole (0 to 1) and what is being done, in words. on_case: called when a
    case begins and when it has ended. on_finished: called once, when no case is left or the batch was cancelled; never
    after `abandon`. run_factory: makes the run of a case; for tests.

    failures: why cases were not segmented, by their names. questions: of the cases among these whose volumes the user
    may know better, see `Outcome`; with the case. done: names of those that were. left: of those that were
    not begun. current: the case that is being segmented; None between and after. cancelled: whether the user ended it.
    """

    def __init__(
        self,
        cases: Sequence[WorklistCase],
        settings: RunSettings,
        *,
        on_progress: Callable[[float, str], None],
        on_case: Callable[[], None],
        on_finished: Callable[[], None],
        run_factory: Callable[..., CaseRun] = CaseRun,
    ) -> None:
        self._waiting = list(cases)
        self._total = len(self._waiting)
        self.settings = settings
        self._on_progress, self._on_case, self._on_finished = on_progress, on_case, on_finished
        self._run_factory = run_factory
        self._run: CaseRun | None = None
        self.current: WorklistCase | None = None
        self.failures: dict[str, str] = {}
        self.questions: list[tuple[WorklistCase, str]] = []
        self.done: list[str] = []
        self.cancelled = False

    @property
    def left(self) -> list[str]:
        return [case.name for case in self._waiting]

    def start(self) -> None:
        """Begin with the first case."""
        self._next()

    def cancel(self) -> None:
        """Terminate the child, and begin with no further case; `on_finished` follows."""
        self.cancelled = True
        if self._run is not None:
            self._run.cancel()

    def abandon(self) -> None:
        """Kill the child without calling anything: the scene or the window is being closed."""
        run, self._run = self._run, None
        self._waiting, self.current = [], None
        if run is not None:
            run.abandon()

    def _next(self) -> None:
        while self._waiting and not self.cancelled:
            case = self.current = self._waiting.pop(0)
            run = self._run = self._run_factory(
                case,
                self.settings,
                on_progress=self._progress,
                on_warning=lambda _message: None,  # it stands in the report of the case
                on_finished=self._finished,
            )
            self._progress(0.0, _("Starting"))
            try:
                run.start()
            except (PanelError, OSError) as error:
                self._end_case(str(error))
                continue
            self._on_case()
            return
        self._on_finished()

    def _progress(self, fraction: float, stage: str) -> None:
        if self.current is None:
            return
        begun = self._total - len(self._waiting)
        self._on_progress(
            (begun - 1 + fraction) / self._total,
            _("Case {begun} of {total}, {name}: {first}{rest}").format(
                begun=begun,
                total=self._total,
                name=self.current.name,
                first=stage[:1].lower(),
                rest=stage[1:],
            ),
        )

    def _finished(self, outcome: Outcome, _result: Path | None) -> None:
        if self._run is None:
            return
        if outcome.status == "cancelled":
            self.cancelled = True
        if outcome.question and self.current is not None:
            self.questions.append((self.current, outcome.question))
        self._end_case(outcome.message if outcome.status == "failed" else "", ended=outcome.status)
        self._next()

    def _end_case(self, failure: str, ended: str = "failed") -> None:
        case, self.current, self._run = self.current, None, None
        if case is None:
            return
        if failure:
            self.failures[case.name] = failure
        elif ended == "done":
            self.done.append(case.name)
        self._on_case()
