"""Windows of a network computed several at a time on the CPU, each by one thread.

The sums of a convolution or a matrix product run in an order that depends on how many threads share them. Here they
share none: a window is computed by one thread, as many windows at a time as there are threads, and their results are
taken in the windows' own order. So the number of threads changes no bit of a result.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

import torch

from LiverTumorAttentionLib.memory import MemoryWarning, is_out_of_memory, left_bytes
from LiverTumorAttentionLib.wording import counted

MOST_AT_ONCE = 32
ITEM_BYTES = 2**30
"""Memory that is left for each item that is computed at a time; the bundled model takes a tenth of it."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    compute: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Generator[Result, None, None]:
    """Yield what `compute` returns for each item, in the order of the items.

    threads: items that are computed at a time, or fewer where the memory that is left holds fewer; each is computed by
    one thread of torch's. When memory runs out, the items that are left are computed fewer at a time, with the same
    result, and a `MemoryWarning` says so; what one alone raises is raised.
    """
    done, first = 0, max(1, min(threads, len(items), _room()))
    at_once = first
    try:
        while done < len(items):
            try:
                with closing(_at_once(compute, items[done:], at_once)) as results:
                    for result in results:
                        yield result
                        done += 1
                return
            except Exception as error:
                if at_once <= 1 or not is_out_of_memory(error):
                    raise
            at_once //= 2
    finally:
        if at_once < first:
            warnings.warn(
                f"memory ran short, so the network ran on {counted(at_once, 'part')} of the volume at a time instead "
                f"of {first}, which takes longer; the result is the same",
                MemoryWarning,
                stacklevel=2,
            )


def _room() -> int:
    """Return for how many items at a time there is room in what memory is left."""
    left = left_bytes()
    return MOST_AT_ONCE if left is None else min(MOST_AT_ONCE, left // ITEM_BYTES)


def _at_once(
    compute: Callable[[Item], Result], items: Sequence[Item], at_once: int
) -> Generator[Result, None, None]:
    if at_once <= 1:
        for item in items:
            with one_thread():
                result = compute(item)
            yield result
        return
    with one_thread(), ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(compute, item))
                if len(waiting) > at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch use one thread in this block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
