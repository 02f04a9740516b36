"""Processes of this computer: one that dies ends no other case, and is tried once more."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from LiverTumorAttentionLib.cohort import engines, local_engine
from LiverTumorAttentionLib.cohort.engine import ANSWERED, Event
from LiverTumorAttentionLib.cohort.job import CohortJob
from LiverTumorAttentionLib.cohort.local_engine import LocalEngine, ending, planned_workers
from LiverTumorAttentionLib.cohort.run import run_cohort
from LiverTumorAttentionLib.cohort.task import Task
from LiverTumorAttentionLib.errors import DeviceError
from Testing.Library.cohort.stub import RUNNER, write_cases


def test_a_worker_that_is_killed_ends_no_other_case(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", a="\x01", b="\x02die once", c="\x03die", d="\x04")
    job = CohortJob(input=str(tmp_path / "in"), output=str(tmp_path / "out"))
    engine = LocalEngine(1, ["cpu"], 3.0)
    told: list[tuple[str, str]] = []
    summary = run_cohort(
        job, on_case=lambda name, state, _: told.append((name, state)), engine=engine, runner=RUNNER
    )
    assert told == [("a", "done"), ("d", "done"), ("b", "done"), ("c", "failed")]
    assert list(summary.failures) == ["c"]
    assert (
        "was ended by the signal SIGKILL, as the system does where memory runs out" in summary.failures["c"]
    )
    with (tmp_path / "out/cases.csv").open(newline="") as file:
        assert [row["tumor_volume_ml"] for row in csv.DictReader(file)] == ["1.000", "2.000", "4.000"]


def test_how_many_cases_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine, "left_bytes", lambda: 10 * 2**30)
    assert planned_workers(16, 0, 3.0) == 3  # by memory
    assert planned_workers(4, 0, 1.0) == 2  # by cores
    assert planned_workers(16, 2, 1.0) == 2  # by cards
    assert planned_workers(1, 0, 64.0) == 1
    monkeypatch.setattr(local_engine, "left_bytes", lambda: None)
    assert planned_workers(8, 0, 64.0) == 4


def test_how_a_process_ended_in_words() -> None:
    assert ending(1) == "ended by itself with code 1"
    assert ending(-11) == "was ended by the signal SIGSEGV"


def test_graphics_cards_are_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "count_cards", lambda: 2)
    assert engines.local_devices("auto") == ["cuda:0", "cuda:1"]
    assert engines.local_devices("1,1") == ["cuda:1"]
    assert engines.local_devices("none") == ["cpu"]
    with pytest.raises(DeviceError, match="there is no graphics card 2"):
        engines.local_devices("0,2")
    monkeypatch.setattr(engines, "count_cards", lambda: 0)
    assert engines.local_devices("auto") == ["cpu"]
    with pytest.raises(DeviceError, match="give --gpus none"):
        engines.local_devices("all")


def test_a_task_that_is_cancelled_ends_and_the_other_does_not(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", a="\x01", b="\x02")

    def task(name: str, runner: str) -> Task:
        inputs = {"portal": str(tmp_path / "in" / name / "portal.nii.gz")}
        return Task(
            name=name,
            inputs=inputs,
            settings={},
            identity={},
            folder=str(tmp_path / name),
            version="0",
            runner=runner,
        )

    engine = LocalEngine(2, ["cpu"], 3.0)
    try:
        endless, short = task("a", "Testing.Library.cohort.stub:hang"), task("b", RUNNER)
        engine.submit(endless)
        engine.submit(short)
        ended: list[Event] = []
        while not ended:
            ended = [event for event in engine.events(0.25) if event.kind == ANSWERED]
        assert [event.task.name for event in ended] == ["b"]
        (worker,) = [worker for worker in engine._workers if worker.task == endless]
        engine.cancel(endless)
        assert not worker.process.is_alive()
        assert engine.events(0.1) == []
        engine.cancel(endless)  # it is gone already
    finally:
        engine.close()
