"""The child process as the window sees it: started, listened to, cancelled, and never left behind."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import qt

from LiverTumorAttentionGui.process.child import WATCH_PARENT
from LiverTumorAttentionGui.process.process_tree import end_tree
from LiverTumorAttentionGui.process.protocol import LineSplitter, Outcome, judge, parse_event

GRACE_MS = 2000
STDERR_LINES = 40


class ChildProcess:
    """One run of a Python script that prints JSON lines. Used once.

    on_event: called with every event but "done" and "error". on_finished: called once, with the outcome, from
    the event loop, when the process and its tree are gone; never called after `abandon`.
    """

    def __init__(
        self, on_event: Callable[[dict[str, Any]], None], on_finished: Callable[[Outcome], None]
    ) -> None:
        self._on_event = on_event
        self._on_finished = on_finished
        self._lines = LineSplitter()
        self._stderr_lines = LineSplitter()
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._error = ""
        self._done = False
        self._cancelled = False
        self._ended = False
        self._outcome: Outcome | None = None
        self._pid = 0
        self._program = ""
        self._process = qt.QProcess()
        self._slots: tuple[tuple[str, Callable[..., None]], ...] = (
            ("started()", self._started),
            ("readyReadStandardOutput()", self._read_output),
            ("readyReadStandardError()", self._read_error),
            ("finished(int,QProcess::ExitStatus)", self._finished),
            ("errorOccurred(QProcess::ProcessError)", self._error_occurred),
        )
        for signal, slot in self._slots:
            self._process.connect(signal, slot)
        self._patience = qt.QTimer()
        self._patience.setSingleShot(True)
        self._patience.connect("timeout()", self._force)

    @property
    def pid(self) -> int:
        """The child's process id; 0 before it has started."""
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return bool(self._program) and not self._ended

    def start(self, program: str, arguments: Sequence[str]) -> None:
        """Start the program. Whatever goes wrong reaches `on_finished`, never the caller."""
        environment = qt.QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        environment.insert("PYTHONIOENCODING", "utf-8")
        environment.insert(WATCH_PARENT, "1")
        self._process.setProcessEnvironment(environment)
        self._program = program
        self._process.start(program, list(arguments))

    def cancel(self) -> None:
        """Ask the child to end; insist after two seconds. `on_finished` follows."""
        if not self.running or self._cancelled:
            return
        self._cancelled = True
        if not end_tree(self._pid, force=False):
            self._process.terminate()
        self._patience.start(GRACE_MS)

    def abandon(self) -> None:
        """End the child and its tree now and tell nobody: the module or the scene is going away."""
        was_running = self.running
        self._disconnect()
        self._ended = True
        self._outcome = None
        if was_running:
            self._force()
            self._process.waitForFinished(3000)
            end_tree(self._pid, force=True)

    def _force(self) -> None:
        end_tree(self._pid, force=True)
        self._process.kill()

    def _started(self) -> None:
        self._pid = int(self._process.processId())

    def _read_output(self) -> None:
        for line in self._lines.feed(_bytes(self._process.readAllStandardOutput())):
            self._take(line)

    def _read_error(self) -> None:
        self._stderr.extend(self._stderr_lines.feed(_bytes(self._process.readAllStandardError())))

    def _take(self, line: str) -> None:
        event = parse_event(line)
        if event is None:
            logging.debug("child: %s", line)
        elif event["event"] == "done":
            self._done = True
        elif event["event"] == "error":
            self._error = str(event.get("message", ""))
        else:
            self._on_event(event)

    def _finished(self, exit_code: int, exit_status: Any) -> None:
        self._read_output()
        self._read_error()
        for line in self._lines.finish():
            self._take(line)
        self._stderr.extend(self._stderr_lines.finish())
        end_tree(self._pid, force=True)
        outcome = judge(
            exit_code=exit_code,
            crashed=exit_status == qt.QProcess.CrashExit,
            cancelled=self._cancelled,
            done=self._done,
            error=self._error,
            stderr="\n".join(self._stderr),
        )
        if outcome.status == "failed":
            logging.error("Liver Tumor Attention: %s\n%s", outcome.message, "\n".join(self._stderr))
        self._end(outcome)

    def _error_occurred(self, error: Any) -> None:
        if error != qt.QProcess.FailedToStart:
            return  # a crash also ends in `finished`, which tells more
        self._end(
            Outcome(
                status="failed",
                message=f"Slicer's Python could not be started ({self._program}): install Slicer again.",
            )
        )

    def _end(self, outcome: Outcome) -> None:
        if self._ended:
            return
        self._ended = True
        self._outcome = outcome
        self._disconnect()
        # From the event loop: the listener may drop this object, and with it a process still inside its signal.
        qt.QTimer.singleShot(0, self._deliver)

    def _deliver(self) -> None:
        if self._outcome is not None:
            self._on_finished(self._outcome)

    def _disconnect(self) -> None:
        self._patience.stop()
        for signal, slot in self._slots:
            self._process.disconnect(signal, slot)
        self._slots = ()


def _bytes(array: Any) -> bytes:
    """Return the content of a QByteArray."""
    data = array.data()
    return data.encode("utf-8", errors="replace") if isinstance(data, str) else bytes(data)
