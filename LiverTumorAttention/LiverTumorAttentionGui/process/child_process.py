"""The child process that runs the command line, and one run in it: from the files it reads to its result."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import qt

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process import child
from LiverTumorAttentionGui.process.child import APPLICATION, PROCESS_EVENT
from LiverTumorAttentionGui.process.process_tree import terminate_tree
from LiverTumorAttentionGui.process.protocol import (
    LineSplitter,
    Outcome,
    crash_of,
    outcome_of_exit,
    parse_event,
    progress_of,
)

CHILD_SCRIPT = Path(child.__file__)
TERMINATE_TIMEOUT_MS = 2000
KILL_TIMEOUT_MS = 3000
STDERR_LINES = 40

Event = dict[str, Any]
Result = TypeVar("Result")
OnProgress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and the stage in words."""


class Run(Protocol):
    """A run that can be ended; both as in `ChildRun`."""

    def cancel(self) -> None: ...

    def abandon(self) -> None: ...


def python_executable() -> str:
    """Return Slicer's own Python: `PythonSlicer` in the application, this interpreter outside it."""
    return shutil.which("PythonSlicer") or sys.executable


class ChildProcess:
    """One run of a Python script that prints JSON lines. Used once.

    on_event: called with every event but "done" and "error". on_finished: called once, with the outcome, from
    the event loop, when the process and its tree have ended; never after `abandon`.
    """

    def __init__(self, on_event: Callable[[Event], None], on_finished: Callable[[Outcome], None]) -> None:
        self._on_event = on_event
        self._on_finished = on_finished
        self._lines = LineSplitter()
        self._stderr_lines = LineSplitter()
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._error = self._question = ""
        self._done_received = False
        self._cancelled = False
        self._ended = False
        self._outcome: Outcome | None = None
        self._pid = self._announced = 0
        self._crash = ""
        self._program = ""
        self._process = qt.QProcess()
        self._slots: tuple[tuple[str, Callable[..., None]], ...] = (
            ("started()", self._started),
            ("readyReadStandardOutput()", self._read_stdout),
            ("readyReadStandardError()", self._read_stderr),
            ("finished(int,QProcess::ExitStatus)", self._finished),
            ("errorOccurred(QProcess::ProcessError)", self._process_error),
        )
        for name, slot in self._slots:
            self._process.connect(name, slot)
        self._kill_timer = qt.QTimer()
        self._kill_timer.setSingleShot(True)
        self._kill_timer.connect("timeout()", self._kill)

    @property
    def pid(self) -> int:
        """The id of the process that computes, which differs from the one started where that is a launcher; else 0."""
        return self._announced or self._pid

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return bool(self._program) and not self._ended

    def start(self, program: str, arguments: Sequence[str]) -> None:
        """Start the program. Whatever goes wrong reaches `on_finished`, never the caller."""
        environment = qt.QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        environment.insert("PYTHONIOENCODING", "utf-8")
        environment.insert("PYTHONFAULTHANDLER", "1")  # tells a crash from a kill, which a launcher does not
        environment.insert(APPLICATION, str(os.getpid()))
        self._process.setProcessEnvironment(environment)
        self._program = program
        self._process.start(program, list(arguments))

    def cancel(self) -> None:
        """Terminate the child, and kill it after `TERMINATE_TIMEOUT_MS`; `on_finished` follows."""
        if not self.running or self._cancelled:
            return
        self._cancelled = True
        if not self._terminate(force=False):
            self._process.terminate()
        self._kill_timer.start(TERMINATE_TIMEOUT_MS)

    def abandon(self) -> None:
        """Kill the child and its process tree without calling `on_finished`: module or scene is being closed."""
        was_running = self.running
        self._disconnect()
        self._ended = True
        self._outcome = None
        if was_running:
            self._kill()
            self._process.waitForFinished(KILL_TIMEOUT_MS)
            self._terminate(force=True)

    def _kill(self) -> None:
        self._terminate(force=True)
        self._process.kill()

    def _terminate(self, *, force: bool) -> bool:
        """Terminate the child and what was started for it, each with its process tree; return whether there was any."""
        found = [terminate_tree(pid, force=force) for pid in {self._announced, self._pid}]
        return True in found

    def _started(self) -> None:
        self._pid = int(self._process.processId())

    def _read_stdout(self) -> None:
        for line in self._lines.feed(_bytes(self._process.readAllStandardOutput())):
            self._handle_line(line)

    def _read_stderr(self) -> None:
        self._keep_stderr(self._stderr_lines.feed(_bytes(self._process.readAllStandardError())))

    def _keep_stderr(self, lines: list[str]) -> None:
        self._stderr.extend(lines)
        self._crash = self._crash or next(filter(None, map(crash_of, lines)), "")

    def _handle_line(self, line: str) -> None:
        event = parse_event(line)
        if event is None:
            logging.debug("child: %s", line)
        elif event["event"] == PROCESS_EVENT:
            self._announced = int(event["pid"])
        elif event["event"] == "done":
            self._done_received = True
        elif event["event"] == "error":
            self._error = str(event.get("message", ""))
            self._question = str(event.get("question", ""))
        else:
            self._on_event(event)

    def _finished(self, exit_code: int, exit_status: Any) -> None:
        self._read_stdout()
        self._read_stderr()
        for line in self._lines.finish():
            self._handle_line(line)
        self._keep_stderr(self._stderr_lines.finish())
        self._terminate(force=True)
        outcome = outcome_of_exit(
            exit_code=exit_code,
            crashed=exit_status == qt.QProcess.CrashExit,
            cancelled=self._cancelled,
            done=self._done_received,
            error=self._error,
            question=self._question,
            stderr="\n".join(self._stderr),
            crash=self._crash,
        )
        if outcome.status == "failed":
            logging.error("Liver Tumor Attention: %s\n%s", outcome.message, "\n".join(self._stderr))
        self._end(outcome)

    def _process_error(self, error: Any) -> None:
        if error != qt.QProcess.FailedToStart:
            return  # a crash also emits `finished`, with more detail
        self._end(
            Outcome(
                status="failed",
                message=_("Slicer's Python could not be started ({program}): install Slicer again.").format(
                    program=self._program
                ),
            )
        )

    def _end(self, outcome: Outcome) -> None:
        if self._ended:
            return
        self._ended = True
        self._outcome = outcome
        self._disconnect()
        # From the event loop: the listener may delete this object, and with it a QProcess that is emitting a signal.
        qt.QTimer.singleShot(0, self._deliver)

    def _deliver(self) -> None:
        if self._outcome is not None:
            self._on_finished(self._outcome)

    def _disconnect(self) -> None:
        self._kill_timer.stop()
        for name, slot in self._slots:
            self._process.disconnect(name, slot)
        self._slots = ()


class ChildRun(ABC, Generic[Result]):
    """One run of the command line in a temporary folder, which is removed when the run ends in any way.

    on_warning: called with a sentence.
    on_finished: called with the outcome and the result, which is None unless the outcome is "done".
    script, program: what to run, and with which Python; for tests.
    """

    def __init__(
        self,
        *,
        on_progress: OnProgress,
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
        self._process = ChildProcess(self._handle_event, self._process_finished)

    @abstractmethod
    def prepare(self, folder: Path) -> list[str]:
        """Write what the child reads into `folder`; return the command line's arguments. Raises `PanelError`."""

    @abstractmethod
    def collect(self, folder: Path) -> Result:
        """Return the result from the files in `folder`. Raises `PanelError`, and then nothing has changed."""

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
            self._remove_folder()
            raise
        self._process.start(self._program, [str(self._script), *arguments])

    def cancel(self) -> None:
        """Terminate the child; `on_finished` follows with "cancelled"."""
        self._process.cancel()

    def abandon(self) -> None:
        """Kill the child without calling `on_finished`."""
        self._process.abandon()
        self._remove_folder()

    def _handle_event(self, event: Event) -> None:
        if event["event"] == "warning":
            self._on_warning(str(event.get("message", "")))
        elif progress := progress_of(event):
            self._on_progress(*progress)

    def _process_finished(self, outcome: Outcome) -> None:
        result = None
        try:
            if outcome.status == "done" and self._folder is not None:
                result = self.collect(Path(self._folder.name))
        except PanelError as error:
            outcome = Outcome(status="failed", message=str(error))
        except Exception as error:  # whatever it is, the listener has to hear that the run is over
            logging.exception("Liver Tumor Attention: the result could not be loaded")
            message = _(
                "The result could not be loaded, so the scene is as it was ({error}): please report this."
            ).format(error=error)
            outcome = Outcome(status="failed", message=message)
        finally:
            self._remove_folder()
        self._on_finished(outcome, result)

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _bytes(array: Any) -> bytes:
    """Return the content of a QByteArray."""
    data = array.data()
    return data.encode("utf-8", errors="replace") if isinstance(data, str) else bytes(data)
