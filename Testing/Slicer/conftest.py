"""Fixtures: Slicer's look, a fresh scene for each test, and no exception lost inside a slot."""

from __future__ import annotations

import gc
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from Testing.bench import slicer_like
from Testing.patience import PATIENCE_S
from Testing.Slicer import panel_cases

COLLECT_EVERY = 10
"""Tests after which cycles are collected."""
_ended = itertools.count(1)


@pytest.fixture(scope="package", autouse=True)
def cycles_of_the_main_thread() -> Iterator[None]:
    """Collect cycles in the main thread alone.

    Python collects them in whatever thread allocates, that of pytest-xdist which talks to the other processes too; a
    timer or a widget that is deleted there takes the event loop with it.
    """
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def collected_now_and_then(cycles_of_the_main_thread: None) -> Iterator[None]:
    """Collect cycles after every few tests, so that memory does not grow."""
    yield
    if next(_ended) % COLLECT_EVERY == 0:
        gc.collect()


@pytest.fixture(scope="session")
def application() -> Any:
    """The Qt application of a process that looks like Slicer; skips with the reason where it cannot start."""
    for package in ("slicer", "PySide6.QtWidgets", "PySide6.QtUiTools"):
        pytest.importorskip(package, reason=f"{package} cannot be imported", exc_type=ImportError)
    return slicer_like.start()


@pytest.fixture
def scene(application: Any) -> Iterator[Any]:
    """A fresh scene, which is also `slicer.mrmlScene`."""
    yield slicer_like.new_scene()
    slicer_like.new_scene()


@pytest.fixture
def panel(scene: Any) -> Iterator[Any]:
    """A panel that has been entered, without models."""
    made = panel_cases.make_panel()
    yield made
    made.cleanup()


@pytest.fixture
def study(panel: Any, scene: Any, tmp_path: Path) -> Any:
    """A study with three tumors and a probability, chosen in the panel."""
    return panel_cases.choose_study(panel, scene, tmp_path)


@pytest.fixture
def database(application: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Slicer's DICOM database with one instance a series: {uid: {tag: value}}."""
    import slicer

    values: dict[str, dict[str, str]] = {}
    told = SimpleNamespace(isOpen=True, instanceValue=lambda uid, tag: values.get(uid, {}).get(tag, ""))
    monkeypatch.setattr(slicer, "dicomDatabase", told, raising=False)
    return values


@pytest.fixture(autouse=True)
def no_lost_exceptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test for what was raised in a slot or an observer, where Qt and VTK only print it."""
    raised: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: raised.append(error))
    yield
    if raised:
        raise raised[0]


@pytest.fixture
def wait_until(application: Any) -> Callable[..., None]:
    """Return a function that runs the event loop until a condition holds, and fails after a while."""

    def wait(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, f"timed out waiting until {what}"
            application.processEvents()
            time.sleep(0.005)

    return wait
