"""The benchmark of registration goes on past what fails, and goes on where it stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from Testing.benchmarks.registration import __main__ as driver
from Testing.benchmarks.registration import methods, pair_store, report
from Testing.benchmarks.registration.methods import Method
from Testing.benchmarks.registration.pairs import write_pair
from Testing.Library.benchmarks.small_pair import shifted_pair

# A stand-in for the child processes; elastix would leave a file where it runs, and so does this.
CHILD = """
import json, os, signal, sys, time
import numpy as np
kind, pair, output, options = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    print(kind, file=calls)
open("deformationField.nii", "w").close()
if kind == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
if kind == "error":
    raise RuntimeError("the metric is not defined")
if kind == "slow":
    time.sleep(60)
if kind == "silent":
    sys.exit(0)
with np.load(os.path.join(pair, "truth.npz")) as content:
    found = content["displacement"] * json.loads(options)["share"]
if kind == "nan":
    found[0, 0, 0] = np.nan
np.save(os.path.join(output, "found.npy"), found)
measured = {"seconds": json.loads(options)["seconds"], "processor_seconds": 1.0, "peak_gib": 0.5, "others": 0.0}
measured["verdict"] = {"grade": json.loads(options).get("grade", "good")}
json.dump(measured, open(os.path.join(output, "measured.json"), "w"))
"""
OPTIONS: dict[str, dict[str, Any]] = {
    "exact": {"share": 1, "seconds": 2.0},
    "elastix-tuned": {"share": 0.5, "seconds": 8.0},
    "worse": {"share": -1, "seconds": 1.0},
    "refused": {"share": -1, "seconds": 1.0, "grade": "refused"},
    "nan": {"share": 1, "seconds": 1.0},
    **{kind: {} for kind in ("crash", "error", "slow", "silent")},
}


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a scratch folder; pairs are the small one, methods are the stand-ins."""
    known = {name: Method(title=name, child=name, options=options) for name, options in OPTIONS.items()}
    for module in (driver, methods, report):
        monkeypatch.setattr(module, "METHODS", known)
    monkeypatch.setattr(methods, "command_of", lambda method: [sys.executable, "-c", CHILD, method.child])
    monkeypatch.setattr(pair_store, "make", lambda name: shifted_pair())
    monkeypatch.setattr(driver, "stored", stored_here)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path


def stored_here(name: str, scratch: Path) -> Path:
    """Return the folder of the small pair."""
    folder = scratch / name
    if not folder.is_dir():
        write_pair(shifted_pair(), folder)
    return folder


def calls(scratch: Path) -> list[str]:
    path = scratch / "calls"
    return path.read_text().split() if path.is_file() else []


def measure(
    scratch: Path, *names: str, pairs: tuple[str, ...] = ("phantom-1",), minutes: float = 1.0
) -> dict[str, Any]:
    """Return the rows by method."""
    rows = driver.measure(pairs, names, scratch, cores=1, minutes=minutes)
    return {row["method"]: row for row in rows}


def test_what_was_measured_is_not_measured_again(scratch: Path, monkeypatch: pytest.MonkeyPatch):
    first = measure(scratch, "exact", "crash")
    assert first["exact"]["tre_after_mean_mm"] == pytest.approx(0.0, abs=1e-5)
    with (scratch / "results.jsonl").open("a") as file:
        file.write('{"pair": "phantom-1", "meth')  # a call that was ended in the middle of a line
    assert measure(scratch, "exact", "crash", "worse")["exact"] == first["exact"]
    assert calls(scratch) == ["exact", "crash", "crash", "worse"]
    changed = Method(title="exact", child="exact", options={**OPTIONS["exact"], "share": 0})
    monkeypatch.setitem(methods.METHODS, "exact", changed)
    assert measure(scratch, "exact", "worse")["exact"]["tre_after_mean_mm"] == pytest.approx(7.81, abs=0.01)
    assert calls(scratch)[4:] == ["exact"]


def test_a_line_cut_off_does_not_swallow_the_next(scratch: Path):
    (scratch / "results.jsonl").write_text('{"pair": "phantom-1", "meth')
    measure(scratch, "exact")
    measure(scratch, "exact")
    assert calls(scratch) == ["exact"]


def test_what_fails_is_a_row_that_says_why(scratch: Path):
    rows = measure(scratch, "crash", "error", "silent", "nan", "exact")
    assert "signal 11" in rows["crash"]["failed"]
    assert rows["error"]["failed"] == "RuntimeError: the metric is not defined"
    assert "no result" in rows["silent"]["failed"]
    assert "not finite" in rows["nan"]["failed"]
    assert rows["exact"]["tre_after_mean_mm"] == pytest.approx(0.0, abs=1e-5)
    text = report.tables(list(rows.values()))[0]
    assert "| crash | 1 | 1 | - |" in text
    assert "- phantom-1, crash: ended by signal 11" in text


def test_what_takes_too_long_is_ended(scratch: Path):
    assert measure(scratch, "slow", minutes=0.01)["slow"]["failed"].startswith("not done in")


def test_children_leave_nothing_where_the_driver_runs(scratch: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(scratch)
    measure(scratch, "exact")
    assert not list(scratch.rglob("deformationField.nii"))


def test_the_table_compares_with_before_and_with_tuned_elastix(scratch: Path):
    rows = [
        row
        for pair in ("phantom-1", "phantom-2")
        for row in measure(scratch, "exact", "elastix-tuned", "worse", "refused", pairs=(pair,)).values()
    ]
    (text,) = report.tables(rows)
    head, _, *lines = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    table = {
        line[0].strip(): {title.strip(): cell.strip() for title, cell in zip(head, line, strict=False)}
        for line in lines
    }
    assert table["before"]["TRE liver: mean, mm"] == "7.81"
    assert table["before"]["liver Dice"] == "0.427"
    assert table["exact"]["TRE liver: mean, mm"] == "0.00"
    assert table["exact"]["liver Dice"] == "1.000"
    assert table["exact"]["time / tuned elastix"] == "0.25"
    assert table["elastix-tuned"]["worst pair's mean, mm"] == "3.91"
    assert table["elastix-tuned"]["time / tuned elastix"] == "1.00"
    made_worse = {name: table[name]["pairs made worse"] for name in ("exact", "worse", "refused")}
    assert made_worse == {"exact": "0", "worse": "2", "refused": "0"}
    assert "refused by our verdict: phantom-1, phantom-2" in text


def test_the_command_writes_its_tables(
    scratch: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(driver.label_pairs, "available", lambda: False)
    named = ["--pairs", "phantom-1", "labels-amos-wall-8", "--methods", "exact", "crash"]
    driver.main([*named, "--large", "--scratch", str(scratch), "--output", str(scratch / "out")])
    said = capsys.readouterr().out
    assert "The label maps are not at hand" in said
    content = json.loads((scratch / "out" / "registration.json").read_text())
    assert content["command"].endswith("--pairs phantom-1 labels-amos-wall-8 --methods exact crash --large")
    assert [(row["pair"], row["method"]) for row in content["rows"]] == [
        (pair, method) for pair in ("phantom-1", "large-100") for method in ("exact", "crash")
    ]
    text = (scratch / "out" / "registration.md").read_text()
    assert said.strip().endswith(text.split("\n\n## ", 1)[1].strip())
    assert str(scratch) not in text + json.dumps(content)


def test_a_name_that_is_no_pair_is_refused(scratch: Path):
    with pytest.raises(SystemExit, match="'phantom-x' is no pair: expected phantom-SEED"):
        driver.main(["--pairs", "phantom-x", "--output", str(scratch)])
