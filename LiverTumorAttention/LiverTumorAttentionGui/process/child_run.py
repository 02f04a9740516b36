"""One run of the command line for the panel: a folder of its own, the child process, the result."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.process import child
from LiverTumorAttentionGui.process.child_process import ChildProcess
from LiverTumorAttentionGui.process.protocol import Outcome, progress_of
from LiverTumorAttentionGui.segmentation import python_executable

CHILD_SCRIPT = Path(child.__file__)

Result = TypeVar("Result")


class ChildRun(ABC, Generic[Result]):
    """Runs the child once. Its temporary folder is gone when it ends, however it ends.

    on_progress: (fraction 0 to 1, stage in words). on_warning: a sentence.
    on_finished: (outcome, result), the result None unless the outcome is "done".
    script, program: what to run, and with which Python; both for tests.
    """

    def __init__(
        self,
        *,
        on_progress: Callable[[float, str], None],
        on_warning: Callable[[str], None],
        on_finished: Callable[[Outcome, Result | None], None],
        script: Path = CHILD_SCRIPT,
        program: str | None = None,
    ) -> None:
        self._on_progress = on_progress
        self._on_warning = on_warning
        self._on_finished = on_finished
        self._script = script
        self._program = program or python_executable()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process = ChildProcess(self._event, self._ended)

    @abstractmethod
    def prepare(self, folder: Path) -> list[str]:
        """Write what the child reads into `folder`; return the command line's arguments. Raises `PanelError`."""

    @abstractmethod
    def collect(self, folder: Path) -> Result:
        """Take what the child left in `folder`. Raises `PanelError`, and then nothing has changed."""

    @property
    def pid(self) -> int:
        """The child's process id; 0 before it has started."""
        return self._process.pid

    def start(self) -> None:
        """Write the files and start the child. Raises `PanelError` when they cannot be used."""
        self._folder = tempfile.TemporaryDirectory(prefix="LiverTumorAttention-", ignore_cleanup_errors=True)
        try:
            arguments = self.prepare(Path(self._folder.name))
        except BaseException:
            self._clean()
            raise
        self._process.start(self._program, [str(self._script), *arguments])

    def cancel(self) -> None:
        """Ask the child to end; `on_finished` follows with "cancelled"."""
        self._process.cancel()

    def abandon(self) -> None:
        """End the child now and tell nobody."""
        self._process.abandon()
        self._clean()

    def _event(self, event: dict[str, Any]) -> None:
        if event["event"] == "warning":
            self._on_warning(str(event.get("message", "")))
        elif progress := progress_of(event):
            self._on_progress(*progress)

    def _ended(self, outcome: Outcome) -> None:
        result = None
        try:
            if outcome.status == "done" and self._folder is not None:
                result = self.collect(Path(self._folder.name))
        except PanelError as error:
            outcome = Outcome(status="failed", message=str(error))
        finally:
            self._clean()
        self._on_finished(outcome, result)

    def _clean(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
