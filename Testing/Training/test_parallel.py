"""Work in several processes: all results come back, whatever becomes of a process."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from Testing.patience import PATIENCE_S
from training.parallel import each


def halve(number: int) -> int:
    """Return half of an even number; an odd one is an error, 13 the end of the process."""
    if number == 13:
        os._exit(1)
    if number == 99:
        time.sleep(2 * PATIENCE_S)
    if number % 2:
        raise InputError(f"{number} is odd: choose another")
    return number // 2


def test_results_and_errors_come_back_by_number():
    events: list[ProgressEvent] = []
    results = dict(each(halve, [8, 3, 6], processes=1, progress=Progress(events.append)))
    assert (results[0], results[2]) == (4, 3)
    assert isinstance(results[1], InputError)
    assert [event.message for event in events] == ["", "8", "3", "6"]
    assert events[-1].fraction == 1.0


def test_a_process_that_dies_costs_its_own_item_alone():
    numbers = [8, 13, 3, 6, 4]
    results = dict(each(halve, numbers, processes=2))
    assert {key: value for key, value in results.items() if isinstance(value, int)} == {0: 4, 3: 3, 4: 2}
    assert str(results[2]) == "3 is odd: choose another"
    with pytest.raises(InputError, match="the process died"):
        raise results[1]


def test_the_wish_to_cancel_ends_work_that_is_under_way():
    begun = time.monotonic()
    wish = Progress(None, lambda: time.monotonic() > begun + 2)
    with pytest.raises(Cancelled, match="cancelled"):
        list(each(halve, [99, 99, 8], processes=2, progress=wish))
    while multiprocessing.active_children() and time.monotonic() < begun + PATIENCE_S:
        time.sleep(0.05)
    assert not multiprocessing.active_children()
    assert time.monotonic() < begun + PATIENCE_S


def test_no_items_are_no_work_and_no_processes_are_refused():
    assert list(each(halve, [])) == []
    with pytest.raises(InputError, match="at least 1, got 0"):
        list(each(halve, [2], processes=0))
