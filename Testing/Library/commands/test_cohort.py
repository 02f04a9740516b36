"""The command `cohort`: what it says of cases that are done, that fail and that are done already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.cohort import run as cohort_run
from LiverTumorAttentionLib.cohort.task import SEGMENT
from Testing.Library.cohort.stub import RUNNER, InlineEngine, write_cases


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command over two cases, one of which is refused; a stub runs them."""
    write_cases(tmp_path / "in", a="\x05", bad="\x01refuse")

    class StubEngine(InlineEngine):
        def submit(self, task: Any, *, again: bool = False) -> None:
            assert task.runner == SEGMENT
            assert task.settings["seed"] == 3
            object.__setattr__(task, "runner", RUNNER)
            super().submit(task, again=again)

    monkeypatch.setattr(cohort_run, "make_engine", lambda job: StubEngine())
    return ["cohort", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--seed", "3"]


def test_every_case_is_an_event(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--progress", "json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [event for event in events if event["event"] != "progress"]
    assert [(event["event"], event.get("case"), event.get("state")) for event in told] == [
        ("case", "a", "done"),
        ("warning", None, None),
        ("case", "bad", "failed"),
        ("done", None, None),
    ]
    assert told[1]["message"].startswith("bad: the volume '")
    assert [told[-1][name] for name in ("cases", "done", "skipped", "failed")] == [2, 1, 0, 1]


def test_a_second_run_is_refused_without_resume(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--progress", "none"]) == 0
    assert "2 cases: 1 segmented, 0 done before and unchanged, 1 failed" in capsys.readouterr().out
    assert main([*command, "--progress", "none"]) == 2
    assert "go on with it by --resume" in capsys.readouterr().err
    assert main([*command, "--progress", "none", "--resume"]) == 0
    assert "2 cases: 0 segmented, 1 done before and unchanged, 1 failed" in capsys.readouterr().out
