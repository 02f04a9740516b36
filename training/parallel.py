"""A process pool that survives the death of a worker."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")
POLL_SECONDS = 0.3
"""Interval at which cancellation is checked."""


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    processes: int | None = None,
    progress: Progress | None = None,
    name: Callable[[Item], str] = str,
) -> Iterator[tuple[int, Result | Exception]]:
    """Yield (number of the item, what `work` returned, or the exception that it raised), as they are done.

    work: a function of a module, since other processes must find it. processes: None takes every core; 1 works in
    this process. name: what to show of an item that is done.
    An item whose process dies (for want of memory, or in a faulty reader) is tried once more alone; when that dies
    as well, its result is an `InputError`. Cancellation ends all processes and raises `Cancelled`.
    """
    progress = progress or Progress()
    workers = min(processes or usable_cores(), len(items))
    if processes is not None and processes < 1:
        raise InputError(f"the number of processes must be at least 1, got {processes}: give a larger number")
    results = _here(work, items) if workers <= 1 else _apart(work, items, workers, progress)
    progress.update(0.0)
    for done, (number, result) in enumerate(results, start=1):
        progress.update(done / len(items), name(items[number]))
        yield number, result


def _here(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[int, Result | Exception]]:
    for number, item in enumerate(items):
        try:
            yield number, work(item)
        except Exception as error:
            yield number, error


def _apart(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int, progress: Progress
) -> Iterator[tuple[int, Result | Exception]]:
    """Work in `workers` processes; then alone on what was under way or waiting when one of them died."""
    lost: list[int] = []
    for number, result in _pool(work, items, range(len(items)), workers, progress):
        if isinstance(result, BrokenProcessPool):
            lost.append(number)
        else:
            yield number, result
    for number in sorted(lost):
        for _, result in _pool(work, items, [number], 1, progress):
            if isinstance(result, BrokenProcessPool):
                yield (
                    number,
                    InputError("the process died, most likely for want of memory: use fewer processes"),
                )
            else:
                yield number, result


def _pool(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    numbers: Sequence[int],
    workers: int,
    progress: Progress,
) -> Iterator[tuple[int, Result | Exception]]:
    others = set(multiprocessing.active_children())
    # A fresh interpreter for every worker: threads of ITK and torch do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    whole = False
    try:
        futures: dict[Future[Result], int] = {pool.submit(work, items[number]): number for number in numbers}
        waiting = set(futures)
        while waiting:
            done, waiting = concurrent.futures.wait(
                waiting, timeout=POLL_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
            )
            progress.check()
            for future in done:
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield futures[future], future.result() if error is None else error
        whole = True
    finally:
        pool.shutdown(wait=whole, cancel_futures=True)
        if not whole:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()


def _begin_worker() -> None:
    """Use one thread, and end without a traceback at Ctrl-C and with the parent process."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch are imported, which comes after
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent has ended, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
