"""The child's output: bytes to lines, lines to events, and its exit to an outcome with a message."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionGui.i18n import _

CANCELLED_EXIT_CODE = 130
KILLED_BY_SYSTEM = 9

_LINE_END = re.compile(rb"[\r\n]+")
_MEMORY_ERROR = re.compile(r"\b\w*MemoryError\b")
_CUDA = re.compile(r"CUDA error|cuDNN|cublas|NVIDIA driver", re.I)
_FATAL = re.compile(r"(?:Fatal Python error|Windows fatal exception): (?P<what>.+)")
_LAUNCHED_CRASHED = re.compile(r"\[.*\] exit abnormally")
"""What PythonSlicer, a launcher, says of a python-real that a signal ended; which one, it does not say."""
_MISSING_PACKAGE = re.compile(r"No module named '([^']+)'")


class LineSplitter:
    """Splits a byte stream that arrives in pieces into its complete, non-empty lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Add the next piece; return the lines that it completes."""
        *lines, self._rest = _LINE_END.split(self._rest + data)
        return [line.decode("utf-8", errors="replace") for line in lines if line]

    def finish(self) -> list[str]:
        """Return the last line where it has no line end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", errors="replace")] if rest else []


def parse_event(line: str) -> dict[str, Any] | None:
    """Return the event on a line of standard output; None for any other output, such as that of libraries."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def progress_of(event: dict[str, Any]) -> tuple[float, str] | None:
    """Return fraction (0 to 1) and stage of a progress event; None for any other event."""
    if event["event"] != "progress":
        return None
    try:
        fraction = min(max(float(event.get("fraction", 0.0)), 0.0), 1.0)
    except (TypeError, ValueError):
        return None
    return fraction, str(event.get("stage") or event.get("message") or "")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    status: "done", "cancelled" or "failed".
    message: one sentence for the panel.
    question: what the run found that the user may know better, such as phases that look swapped; empty for none.
    """

    status: str
    message: str
    question: str = ""


def crash_of(line: str) -> str:
    """Return what a line of standard error says of a crash in native code, such as "Segmentation fault"; else ""."""
    fatal = _FATAL.match(line)
    return fatal["what"].strip() if fatal else ""


def outcome_of_exit(
    *,
    exit_code: int,
    crashed: bool,
    cancelled: bool,
    done: bool,
    error: str,
    stderr: str,
    crash: str = "",
    question: str = "",
) -> Outcome:
    """Return the outcome of a child that has ended.

    exit_code: the code, or the number of the signal where `crashed`.
    cancelled: the user pressed Cancel. done: a "done" event was received.
    error: message of the "error" event, empty without one. stderr: the last lines of standard error.
    crash: what `crash_of` found in all of standard error. question: the question in the "error" event.
    """
    if cancelled or (exit_code == CANCELLED_EXIT_CODE and not crashed):
        return Outcome(status="cancelled", message=_("Cancelled. The scene is unchanged."))
    if error:
        return Outcome(status="failed", message=_sentence(error), question=question)
    if exit_code == 0 and not crashed:
        if done:
            return Outcome(status="done", message=_("Done."))
        return Outcome(
            status="failed", message=_("The computation ended without a result: please report this.")
        )
    return Outcome(status="failed", message=_probable_cause(exit_code, crashed, stderr, crash))


def _probable_cause(exit_code: int, crashed: bool, stderr: str, crash: str) -> str:
    """Return the likeliest cause, and what to do, for a child that ended without an "error" event."""
    missing = _MISSING_PACKAGE.search(stderr)
    if missing:
        return _(
            "The Python package {package} is missing in Slicer: press Segment tumors again to "
            "install what is needed, or install the extension again."
        ).format(package=missing.group(1))
    from LiverTumorAttentionLib.memory import HELP, WORDS

    out_of_memory = _MEMORY_ERROR.search(stderr) or WORDS.search(stderr)
    if _CUDA.search(stderr) and not out_of_memory:
        return _("The graphics card reported a fault: choose the device CPU, or update the graphics driver.")
    launched_crashed = not crashed and _LAUNCHED_CRASHED.search(stderr) is not None
    killed = (crashed and exit_code == KILLED_BY_SYSTEM) or (launched_crashed and not crash)
    if out_of_memory or killed:
        return _("The computation ran out of memory: {help}.").format(help=HELP)
    last = next((line for line in reversed(stderr.splitlines()) if line.strip()), "")
    if exit_code == 2 and last:
        return _sentence(last)
    if crash:
        return _("The computation crashed ({crash}): please report this, with Slicer's error log.").format(
            crash=crash
        )
    cause = (
        _("signal {exit_code}").format(exit_code=exit_code)
        if crashed
        else _("exit code {exit_code}").format(exit_code=exit_code)
    )
    return _("The computation stopped unexpectedly ({cause}): {value}").format(
        cause=cause, value=_sentence(last) if last else _("it gave no reason.")
    )


def _sentence(text: str) -> str:
    """Return the text with a capital first letter and a full stop, without the command line's own prefix."""
    text = re.sub(r"^\s*(error|liver-tumor-attention[^:]*):\s*", "", text.strip(), flags=re.I)
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
