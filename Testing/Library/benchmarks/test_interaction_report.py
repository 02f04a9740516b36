"""The benchmark of corrections: what is counted, the tables, and going on where it stopped."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from Testing.benchmarks.interaction import report, trials
from Testing.benchmarks.interaction.counting import Count, clicks_to, count


def row(dice: list[float], *, tool: str = "ours", start: str = "nothing", **more: Any) -> dict[str, Any]:
    about = {"seed": 300, "lesion": 2, "kind": "HCC", "diameter_mm": 20.0, "found": start == "network"}
    return about | {"start": start, "tool": tool, "dice": dice, "seconds": [0.1] * (len(dice) - 1)} | more


def test_clicks_are_counted_to_the_first_time_that_an_aim_is_reached() -> None:
    dice = [0.0, 0.84, 0.86, 0.7, 0.91]
    assert [clicks_to(dice, aim) for aim in (0.8, 0.85, 0.9, 0.95)] == [1, 2, 4, None]
    assert clicks_to([0.85], 0.85) == 0


def test_what_was_not_reached_counts_as_ten_and_what_was_there_not_at_all() -> None:
    rows = [row([0.0, 0.9]), row([0.2, 0.3, 0.86]), row([0.0, 0.4]), row([0.85, 0.9])]
    assert count(rows, 0.85) == Count(lesions=3, median=2.0, mean=pytest.approx(13 / 3), reached=2 / 3)
    assert count(rows[3:], 0.85) is None


def test_a_line_for_all_and_one_a_type_and_tool() -> None:
    rows = [row([0.0, 0.9]), row([0.0, 0.1], kind="FNH"), row([0.0, 0.82, 0.9], tool="GrowCut")]
    assert list(report.table(rows, "nothing"))[2:] == [
        "| all | ours | 5.5 (5.50), 50 % of 2 | 5.5 (5.50), 50 % of 2 | 5.5 (5.50), 50 % of 2 |",
        "| all | GrowCut | 1 (1.00), 100 % of 1 | 2 (2.00), 100 % of 1 | 2 (2.00), 100 % of 1 |",
        "| FNH | ours | 10 (10.00), 0 % of 1 | 10 (10.00), 0 % of 1 | 10 (10.00), 0 % of 1 |",
        "| HCC | ours | 1 (1.00), 100 % of 1 | 1 (1.00), 100 % of 1 | 1 (1.00), 100 % of 1 |",
        "| HCC | GrowCut | 1 (1.00), 100 % of 1 | 2 (2.00), 100 % of 1 | 2 (2.00), 100 % of 1 |",
    ]


def test_what_the_network_did_not_find_stands_apart() -> None:
    rows = [row([0.82, 0.9], start="network"), row([0.0, 0.9], start="network", found=False)]
    lines = list(report.table(rows, "network"))[2:]
    assert lines[0] == "| all | ours | none begins below | 1 (1.00), 100 % of 1 | 1 (1.00), 100 % of 1 |"
    assert lines[-1].startswith("| not found | ours | 1 (1.00), 100 % of 1 |")


SETTING = {
    "command": "the command",
    "seeds": [300, 301],
    "size": "small",
    "cores": 2,
    "processor": "P",
    "versions": "V",
}


def speed(add: float, *, others: float = 0.0) -> dict[str, Any]:
    clicks = [{"click": kind, "ours": add, "GrowCut": 2 * add} for kind in report.CLICKS for _ in range(4)]
    before = [{"click": "open", "ours": 0.5}, {"click": "first", "ours": 0.7}]
    return {"matrix": 512, "others": others, "rows": before + clicks}


def test_the_page_says_whether_the_aims_are_met(tmp_path: Path) -> None:
    rows = [row([0.0, 0.9]), row([0.0, 0.2]), row([0.0, 0.87]), row([0.5, 0.7, 0.8, 0.86], start="network")]
    text = report.write(tmp_path, SETTING, rows, speed(0.4))
    assert "at most 3 clicks to 0.85 with ours: met by the median (1), not met by the mean (4.00)" in text
    assert "at most 2 clicks to 0.85 with ours: not met by the median (3), not met by the mean (3.00)" in text
    assert "| include | 4 | 0.400 | 0.400 | 0.800 | 0.800 | 0.50 |" in text
    assert "for the median, 0.3 s: not met (0.40 s)" in text
    assert "for the 95th percentile, 0.6 s: met (0.40 s)" in text
    assert "opening the session 0.50 s" in text
    assert "not for clinical use" in text
    assert "not representative" not in text
    assert (tmp_path / "interaction.md").read_text(encoding="utf-8") == text


def test_a_network_s_seconds_stand_beside_ours_where_it_was_measured() -> None:
    measured = speed(0.2)
    for each in measured["rows"]:
        each["click network"] = 0.3
    lines = list(report.speed_lines(measured))
    (head,) = (line for line in lines if line.startswith("| click |"))
    assert "| click network, median | click network, 95th percentile | GrowCut, median |" in head
    assert "| add | 4 | 0.200 | 0.200 | 0.300 | 0.300 | 0.400 | 0.400 | 0.50 |" in lines


def test_the_seconds_of_all_trials_are_told_by_tool() -> None:
    rows = [
        row([0.0] * 21, seconds=[0.1] * 19 + [1.0]),
        row([0.0, 0.9], tool="click network", seconds=[0.4]),
        row([0.95], tool="threshold", seconds=[]),
    ]
    lines = list(report.trial_seconds(rows))
    assert "| tool | clicks | median | 95th percentile |" in lines
    assert lines[-2:] == ["| ours | 20 | 0.100 | 0.145 |", "| click network | 1 | 0.400 | 0.400 |"]


def test_the_tables_of_another_run_have_a_name_of_their_own(tmp_path: Path) -> None:
    report.write(tmp_path, SETTING, [row([0.0, 0.9])], None, "interaction-full")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["interaction-full.csv", "interaction-full.md"]


def test_the_page_says_when_the_machine_was_busy() -> None:
    assert "not representative" in "\n".join(report.speed_lines(speed(0.1, others=0.6)))


def test_every_trial_is_a_line_of_the_csv(tmp_path: Path) -> None:
    report.write(tmp_path, SETTING, [row([0.0, 0.82, 0.87]), row([0.9], start="network")], None)
    with (tmp_path / "interaction.csv").open(encoding="utf-8", newline="") as stream:
        first, second = csv.DictReader(stream)
    names = ("clicks_to_0.80", "clicks_to_0.85", "clicks_to_0.90", "dice", "seconds")
    assert [first[name] for name in names] == ["1", "2", "", "0 0.82 0.87", "0.1 0.1"]
    assert [second[name] for name in names] == ["0", "0", "0", "0.9", ""]


def test_trials_that_were_made_are_not_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[int] = []

    def scene_of(seed: int, size: str) -> SimpleNamespace:
        made.append(seed)
        return SimpleNamespace(lesions=())

    monkeypatch.setattr(trials, "scene_of", scene_of)
    assert trials.trials_of(7, "small", tmp_path) == trials.trials_of(7, "small", tmp_path) == []
    trials.trials_of(8, "small", tmp_path)
    monkeypatch.setattr(trials, "fingerprint", lambda sources: "other-code")
    trials.trials_of(8, "small", tmp_path)
    assert made == [7, 8, 8]


def test_what_trials_depend_on_is_there() -> None:
    for pattern in trials.SOURCES:
        assert list(trials.ROOT.glob(pattern)), pattern
