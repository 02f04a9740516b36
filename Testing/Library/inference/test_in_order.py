"""Windows computed several at a time: in their order, each by one thread, and fewer when memory runs out."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.inference import in_order as module
from LiverTumorAttentionLib.inference.in_order import in_order, one_thread
from LiverTumorAttentionLib.memory import MemoryWarning


@pytest.fixture
def four_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 5, 40])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.002 * (10 - item))
        return 3 * item

    assert list(in_order(slow_at_first, range(10), threads)) == [3 * item for item in range(10)]


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("threads", [1, 3])
def test_each_item_is_computed_by_one_thread_of_torch(threads: int) -> None:
    found = list(in_order(lambda _: torch.get_num_threads(), range(6), threads))
    assert found == [1] * 6
    assert torch.get_num_threads() == 4
    # Threads that begin later get their share again.
    with one_thread():
        pass
    assert list(_in_new_thread(torch.get_num_threads)) == [4]


@pytest.mark.usefixtures("four_threads")
def test_one_thread_computes_in_its_block() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4


def _in_new_thread(work: Callable[[], int]) -> list[int]:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found


def test_items_that_are_left_are_computed_fewer_at_a_time_when_memory_runs_out() -> None:
    running, most, lock = 0, 0, threading.Lock()
    calls: list[int] = []

    def greedy(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            calls.append(item)
            crowded = running > 2
        time.sleep(0.01)
        with lock:
            running -= 1
        if crowded:
            raise RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 67108864 bytes"
            )
        return item * item

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = list(in_order(greedy, range(12), 8))
    assert found == [item * item for item in range(12)]
    told = [str(w.message) for w in caught if w.category is MemoryWarning]
    assert len(told) == 1
    assert "of the volume at a time instead of 8, which takes longer; the result is the same" in told[0]


def test_no_more_are_computed_at_a_time_than_memory_is_left_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "left_bytes", lambda: 5 * module.ITEM_BYTES // 2)
    running, most, lock = 0, 0, threading.Lock()

    def work(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
        return item

    assert list(in_order(work, range(20), 16)) == list(range(20))
    assert most == 2


@pytest.mark.parametrize("threads", [1, 4])
def test_what_one_item_alone_raises_is_raised(threads: int) -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("odd one out")
        return item

    results = in_order(work, range(8), threads)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="odd one out"):
        next(results)


def test_nothing_more_begins_once_the_results_are_not_wanted() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.005)
        return item

    results = in_order(work, range(1000), 4)
    next(results)
    results.close()
    assert len(begun) < 20


def test_sums_do_not_depend_on_the_number_of_threads() -> None:
    """A convolution and a product whose sums are long, as in the deepest level of a network."""
    generator = torch.Generator().manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(64 * 24 * 24, 64)
    ).eval()
    inputs = [torch.rand(1, 64, 24, 24, generator=generator) for _ in range(7)]

    def compute(image: torch.Tensor) -> np.ndarray:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return network(image).float().numpy()

    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append(np.stack(list(in_order(compute, inputs, threads))))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
