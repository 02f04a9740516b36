"""A process of this computer that runs cases, one after another: models and libraries stay loaded.

Its pipe carries JSON: a task in, progress and answers out. The process ends when the pipe closes, so that none outlives
the run however that ends; a thread that waits at the pipe sees to that while a case is computed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

REPORT_S = 0.5
"""Seconds between two reports of progress, at least."""


def work(pipe: Connection, threads: int, device: str, parent: int) -> None:
    """Run tasks until the pipe closes. threads: for each numerical library. device: of a `SegmentationJob`."""
    _prepare(threads, parent)
    tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, tasks), daemon=True).start()
    from LiverTumorAttentionLib.cohort.task import run_task

    while True:
        values = tasks.get()
        send(pipe, {"answer": run_task(values, device, _Reporter(pipe))})


def send(pipe: Connection, values: dict[str, Any]) -> None:
    """Send JSON values; end this process where nobody reads them."""
    try:
        pipe.send_bytes(json.dumps(values).encode())
    except OSError:
        os._exit(1)


class _Reporter:
    """Sends progress, not too often."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._last = 0.0

    def __call__(self, fraction: float, stage: str) -> None:
        now = time.monotonic()
        if now - self._last >= REPORT_S:
            self._last = now
            send(self._pipe, {"fraction": fraction, "stage": stage})


def _prepare(threads: int, parent: int) -> None:
    """Set what has to be set before the numerical libraries are imported."""
    from LiverTumorAttentionLib.supervised import end_with
    from LiverTumorAttentionLib.threads import ITK_THREADS, prepare_threads

    end_with(parent)
    for name in ("SIGINT", "SIGHUP"):  # the terminal sends them to all; the run ends its workers itself
        with contextlib.suppress(AttributeError, ValueError):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.environ |= {ITK_THREADS: str(threads), "OMP_NUM_THREADS": str(threads)}
    prepare_threads()
    # What a library prints belongs to no command's output.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout = sys.stderr


def _listen(pipe: Connection, tasks: queue.SimpleQueue[dict[str, Any]]) -> None:
    try:
        while True:
            tasks.put(json.loads(pipe.recv_bytes()))
    except (EOFError, OSError):
        os._exit(1)
