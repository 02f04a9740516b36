"""Signals that end a run: requests to cancel, and blocks that are finished before a signal takes effect."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.standard_streams import hold_closed_streams
from LiverTumorAttentionLib.supervised import supervised, with_limited_memory
from LiverTumorAttentionLib.threads import prepare_threads

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl-C, a request to terminate, a closed terminal, and Ctrl-Break of Windows."""

AT_ONCE = "cancelled at once; every file that has its final name is whole"


class _State:
    """Depth of blocks that are not interrupted, and whether a `KeyboardInterrupt` waits for their end."""

    depth = 0
    waiting = False


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Finish this block before a second signal ends the program; meant for moving files and for cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
        if _State.waiting and not _State.depth:
            _State.waiting = False
            raise KeyboardInterrupt


@contextlib.contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder in `parent`; it is removed with what it holds, even where a second signal comes meanwhile."""
    made: list[Path] = []
    try:
        with uninterrupted():
            made.append(Path(tempfile.mkdtemp(prefix=prefix, dir=parent)))
        yield made[0]
    finally:
        with uninterrupted():
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def ending_signals() -> Iterator[Callable[[], bool]]:
    """Turn signals that end a program into a request to cancel; yields the function that tells whether there is one.

    A second signal raises `KeyboardInterrupt` at once, or at the end of a block that is `uninterrupted`. SIGHUP stays
    ignored where it is, as `nohup` wants it. Outside the main thread signals are left alone.
    """
    request = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield request.is_set
        return

    def on_signal(number: int, frame: object) -> None:
        if not request.is_set():
            request.set()
        elif _State.depth:
            _State.waiting = True
        else:
            raise KeyboardInterrupt

    previous = {number: signal.signal(number, on_signal) for number in _numbers()}
    try:
        yield request.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def end_quietly() -> None:
    """Until `ending_signals` takes over, end at a signal with one line and exit code 130, not with a traceback.

    Called first by programs, before they import what takes its time.
    """

    def on_signal(number: int, frame: object) -> None:
        with contextlib.suppress(OSError):
            os.write(2, f"error: {Cancelled()}\n".encode())
        os._exit(Cancelled.exit_code)

    for number in _numbers():
        signal.signal(number, on_signal)


def as_program(load: Callable[[], Callable[[], int]], *, spin: bool = False) -> int:
    """Run a command line that ends quietly at a signal from its first moment to its last; return its exit code.

    load: imports the command line, which takes its time, and returns it. spin: as in `prepare_threads`.
    """
    hold_closed_streams()
    prepare_threads(spin=spin)

    def work() -> int:
        end_quietly()
        code = load()()
        ignore_signals()
        return code

    return supervised(work) if with_limited_memory() else work()


def ignore_signals() -> None:
    """Let nothing change the outcome any more: the work is done, or its end is being told."""
    if threading.current_thread() is threading.main_thread():
        for number in _numbers():
            signal.signal(number, signal.SIG_IGN)


def _numbers() -> list[signal.Signals]:
    known = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    hangup = getattr(signal, "SIGHUP", None)
    return [n for n in known if n != hangup or signal.getsignal(n) is not signal.SIG_IGN]
