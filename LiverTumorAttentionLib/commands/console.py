"""What the command line shows: a bar for people, JSON lines for programs, one line for an error."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.progress import Progress, ProgressEvent

STYLES = ("bar", "json", "none")


class Console:
    """Shows progress, warnings, results and errors in one style.

    style: "bar" draws on stderr; "json" prints one JSON object a line on stdout, each with an "event" of
    "progress", "warning", "done" or "error"; "none" shows no progress.
    """

    def __init__(self, style: str) -> None:
        self.style = style

    @contextlib.contextmanager
    def shown(self, cancelled: Callable[[], bool]) -> Iterator[Progress]:
        """Show the progress of the work done in this block."""
        if self.style == "json":
            yield Progress(self._print_event, cancelled)
        elif self.style == "bar":
            with _bar() as report:
                yield Progress(report, cancelled)
        else:
            yield Progress(None, cancelled)

    def say(self, text: str = "") -> None:
        """Print a line for a person on stdout; programs that read JSON lines do not get it."""
        if self.style != "json":
            print(text)

    def warn(self, message: str) -> None:
        """Show a warning."""
        if self.style == "json":
            self._print({"event": "warning", "message": message})
        else:
            print(f"warning: {message}", file=sys.stderr)

    def done(self, **values: Any) -> None:
        """Say that the work is done, with what a program wants to know of it."""
        if self.style == "json":
            self._print({"event": "done", **values})

    def error(self, error: Exception) -> None:
        """Show an error as one line on stderr, and as an event."""
        message = " ".join(str(error).split())
        if not isinstance(error, LiverTumorAttentionError):
            message = (
                "there is not enough memory for this volume: close other programs, "
                f"or use a computer with more ({message or type(error).__name__})"
            )
        if self.style == "json":
            self._print({"event": "error", "kind": type(error).__name__, "message": message})
        print(f"error: {message}", file=sys.stderr)

    def _print_event(self, event: ProgressEvent) -> None:
        self._print(
            {
                "event": "progress",
                "stage": event.stage,
                "fraction": round(event.fraction, 4),
                "message": event.message,
            }
        )

    def _print(self, values: dict[str, Any]) -> None:
        print(json.dumps(values, ensure_ascii=False), flush=True)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[ProgressEvent], None]]:
    """Draw a progress bar on stderr, which goes away when the work ends."""
    import rich.console
    import rich.progress

    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("[dim]{task.fields[message]}"),
    )
    with rich.progress.Progress(
        *columns, console=rich.console.Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task("starting", total=1.0, message="")

        def report(event: ProgressEvent) -> None:
            progress.update(
                task, completed=event.fraction, description=event.stage or "working", message=event.message
            )

        yield report


@contextlib.contextmanager
def ending_signals() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and a request to terminate into a wish to cancel; yields the question whether there is one.

    A second signal ends the program at once, as usual. Outside of the main thread signals are left alone.
    """
    wish = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wish.is_set
        return

    def on_signal(number: int, frame: object) -> None:
        if wish.is_set():
            raise KeyboardInterrupt
        wish.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
