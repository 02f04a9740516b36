"""Volumes read at the same time: unpacking a compressed file keeps one core busy and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from LiverTumorAttentionLib.io.input_checks import quiet_itk
from LiverTumorAttentionLib.io.itk_reader import sheared_too
from LiverTumorAttentionLib.io.user_warnings import held_warnings, say_again
from LiverTumorAttentionLib.memory import is_out_of_memory
from LiverTumorAttentionLib.supervised import with_limited_memory
from LiverTumorAttentionLib.threads import usable_cores

T = TypeVar("T")
"""What a reader returns: a volume, or a volume and what its headers tell."""


def read_side_by_side(readers: Sequence[Callable[[], T]]) -> list[T]:
    """Return what readers of volumes return, in their order.

    Errors and warnings are those of reading one after the other: the first reader's error is raised, and nothing of the
    later ones is told. Where the address space is limited they run one after the other, and where memory runs out once
    more so.
    """
    if len(readers) < 2 or usable_cores() < 2 or with_limited_memory():
        return [read() for read in readers]
    # What the readers set for the whole process and set back is held here, so that none sets it back for another.
    with quiet_itk(), sheared_too(), ThreadPoolExecutor(len(readers)) as pool:
        outcomes = [future.result() for future in [pool.submit(_outcome, read) for read in readers]]
    images = []
    for read, (outcome, warned) in zip(readers, outcomes, strict=True):
        if isinstance(outcome, Exception) and is_out_of_memory(outcome):
            images.append(read())
            continue
        say_again(warned)
        if isinstance(outcome, Exception):
            raise outcome
        images.append(outcome)
    return images


def _outcome(read: Callable[[], T]) -> tuple[T | Exception, list[Warning]]:
    with held_warnings() as warned:
        try:
            return read(), warned
        except Exception as error:  # raised in the order of the readers
            return error, warned
