"""Volumes read side by side: images, errors and warnings as when they are read one after the other."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import (
    InputWarning,
    collected_warnings,
    read_side_by_side,
    read_volume,
    side_by_side,
)
from LiverTumorAttentionLib.memory import MemoryWarning
from Testing.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 2)


def image(value: int) -> sitk.Image:
    made = sitk.Image([2, 2, 2], sitk.sitkInt16)
    made[0, 0, 0] = value
    return made


def reader(
    value: int, *, waits: float = 0.0, warns: tuple[Warning, ...] = (), fails: str = ""
) -> Callable[[], sitk.Image]:
    def read() -> sitk.Image:
        time.sleep(waits)
        for warning in warns:
            warnings.warn(warning, stacklevel=1)
        if fails:
            raise InputError(fails)
        return image(value)

    return read


def test_they_run_at_the_same_time_and_come_in_their_order() -> None:
    both = threading.Barrier(2, timeout=PATIENCE_S)

    def meeting(value: int) -> Callable[[], sitk.Image]:
        def read() -> sitk.Image:
            both.wait()
            return image(value)

        return read

    assert [one[0, 0, 0] for one in read_side_by_side([meeting(7), meeting(8)])] == [7, 8]


def test_warnings_come_in_the_order_of_the_readers() -> None:
    slow = reader(
        1, waits=0.2, warns=(InputWarning("first"), UserWarning("of a library"), MemoryWarning("second"))
    )
    with collected_warnings() as texts:
        read_side_by_side([slow, reader(2, warns=(InputWarning("third"),))])
    assert texts == ["first", "second", "third"]


def test_the_first_error_counts_and_nothing_is_told_of_what_comes_after_it() -> None:
    failing = reader(1, waits=0.2, warns=(InputWarning("kept"),), fails="the portal volume")
    with collected_warnings() as texts, pytest.raises(InputError, match="the portal volume"):
        read_side_by_side([failing, reader(2, warns=(InputWarning("dropped"),), fails="the arterial volume")])
    assert texts == ["kept"]


def test_memory_that_two_at_a_time_do_not_have_is_tried_again_by_one() -> None:
    threads = []

    def short() -> sitk.Image:
        threads.append(threading.current_thread())
        if threads[-1] is not threading.main_thread():
            raise MemoryError
        return image(5)

    assert [one[0, 0, 0] for one in read_side_by_side([short, reader(6)])] == [5, 6]
    assert len(threads) == 2


@pytest.mark.parametrize("name", ["usable_cores", "with_limited_memory"])
def test_one_after_the_other_where_that_is_better(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, name, lambda: True)  # one core, or a limit
    names = []

    def read() -> sitk.Image:
        names.append(threading.current_thread())
        return image(1)

    read_side_by_side([read, read])
    assert names == [threading.main_thread()] * 2


def test_files_and_the_state_of_the_process(tmp_path: Path) -> None:
    """What each reader sets for the whole process is as it was, whichever ends first."""
    shown, before = sitk.ProcessObject.GetGlobalWarningDisplay(), dict(os.environ)
    paths = []
    for number in range(6):
        voxels = (
            np.random.default_rng(number).integers(-1000, 1000, (20 + 9 * number, 40, 40)).astype(np.int16)
        )
        paths.append(tmp_path / f"{number}.nii.gz")
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(paths[-1]))
    images = read_side_by_side([lambda path=path: read_volume(path) for path in paths])
    for path, one in zip(paths, images, strict=True):
        np.testing.assert_array_equal(
            sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        )
    assert sitk.ProcessObject.GetGlobalWarningDisplay() == shown
    assert dict(os.environ) == before
