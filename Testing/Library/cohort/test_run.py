"""Runs of a cohort with a stub in place of `segment_case`: tables, resuming, what is never mixed or written over."""

from __future__ import annotations

import csv
import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.cohort import folder
from LiverTumorAttentionLib.cohort.job import CohortJob
from LiverTumorAttentionLib.cohort.run import CohortSummary, run_cohort
from LiverTumorAttentionLib.correction import Accept
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.pipeline import worklist
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.cohort.stub import RUNNER, InlineEngine, write_cases
from Testing.Library.pipeline.test_worklist import put_result, session

TABLES = ("cases.csv", "lesions.csv", "failures.csv")


def run(
    root: Path, engine: InlineEngine | None = None, *, progress: Progress | None = None, **values: Any
) -> CohortSummary:
    job = CohortJob(input=str(root / "in"), output=str(root / "out"), **values)
    return run_cohort(job, progress, engine=engine or InlineEngine(), runner=RUNNER)


def again(root: Path, **values: Any) -> list[str]:
    """Go on with a cohort; return the cases that were run."""
    engine = InlineEngine()
    run(root, engine, resume=True, **values)
    return engine.names


def rows(root: Path, name: str) -> list[dict[str, str]]:
    with (root / "out" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def tables(root: Path) -> dict[str, bytes]:
    return {name: (root / "out" / name).read_bytes() for name in TABLES}


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    write_cases(tmp_path / "in", case2="\x05good", case10="\x07", bad="\x01refuse", wrong="\x01fault")
    return tmp_path


def test_tables_hold_each_case_once(cohort: Path) -> None:
    summary = run(cohort)
    assert (summary.total, summary.done, summary.skipped, len(summary.failures)) == (4, 2, 0, 2)
    assert [(r["case"], r["tumor_volume_ml"], r["registration"]) for r in rows(cohort, "cases.csv")] == [
        ("case2", "5.000", "good"),
        ("case10", "7.000", ""),
    ]
    assert [(r["case"], r["tumor"], r["volume_ml"]) for r in rows(cohort, "lesions.csv")] == [
        ("case2", "1", "5.000"),
        ("case10", "1", "7.000"),
    ]
    failures = {r["case"]: r["reason"] for r in rows(cohort, "failures.csv")}
    assert failures["bad"] == "the volume '…' is no CT: choose another"
    assert failures["wrong"].startswith("a fault of the program (KeyError in stub.py, line ")
    manifest = json.loads((cohort / "out/cohort.json").read_text())
    assert (manifest["cases"], manifest["finished"], manifest["failed"]) == (4, 2, 2)
    assert len(manifest["identity"]["model_sha256"]) == 64
    assert not (cohort / "out/.work").exists()


def test_names_of_files_are_told_where_that_is_asked_for(cohort: Path) -> None:
    run(cohort, paths=True)
    assert str(cohort / "in/bad/portal.nii.gz") in rows(cohort, "failures.csv")[0]["reason"]


def test_the_worklist_opens_the_folder(cohort: Path) -> None:
    run(cohort)
    cases = worklist.find_cases(cohort / "out")
    assert [case.name for case in cases] == ["case2", "case10"]
    assert cases[0].inputs() == {"portal": str(cohort / "in/case2/portal.nii.gz")}
    assert cases[0].segmentation == cohort / "out/case2/result/segmentation.seg.nrrd"
    assert cases[0].checksum()
    (cohort / "out/case2/inputs.json").write_text('{"portall": "x", "portal": "y"}')
    with pytest.raises(InputError, match=r"the key 'portall' is unknown or no text; did you mean 'portal'"):
        worklist.find_case(cohort / "out/case2")


def test_what_is_done_and_unchanged_is_skipped_and_failures_are_tried_again(cohort: Path) -> None:
    run(cohort)
    before = tables(cohort)
    assert again(cohort) == ["bad", "wrong"]
    assert tables(cohort) == before


def test_a_touched_input_is_read_again_and_its_case_kept(cohort: Path) -> None:
    run(cohort)
    os.utime(cohort / "in/case2/portal.nii.gz", ns=(1, 1))
    written = (cohort / "out/case2/result/report.json").stat().st_mtime_ns
    assert "case2" in again(cohort)
    assert (cohort / "out/case2/result/report.json").stat().st_mtime_ns == written
    assert "case2" not in again(cohort)


def test_a_changed_input_and_a_new_one_are_segmented(cohort: Path) -> None:
    run(cohort)
    write_cases(cohort / "in", case2="\x09", new="\x03")
    assert again(cohort) == ["bad", "case2", "new", "wrong"]
    assert [r["tumor_volume_ml"] for r in rows(cohort, "cases.csv")] == ["9.000", "7.000", "3.000"]


@pytest.mark.parametrize("record", ["{", '{"files": [], "identity": "x"}'])
def test_a_result_without_its_record_or_report_is_made_anew(cohort: Path, record: str) -> None:
    run(cohort)
    (cohort / "out/case2/done.json").write_text(record)
    (cohort / "out/case10/result/report.json").unlink()
    before = tables(cohort)
    assert again(cohort) == ["bad", "case2", "case10", "wrong"]
    assert tables(cohort) == before


@pytest.mark.parametrize("is_damaged", [False, True])
def test_what_a_reader_has_decided_is_never_written_over(cohort: Path, is_damaged: bool) -> None:
    run(cohort)
    made = session()
    made.do(Accept(lesion=1))
    put_result(cohort / "out/case2", made)
    segmentation = cohort / "out/case2/result/segmentation.seg.nrrd"
    if is_damaged:  # what was decided cannot be told then
        segmentation.write_bytes(b"no NRRD")
    before = segmentation.read_bytes()
    write_cases(cohort / "in", case2="\x09")
    again(cohort)
    reason = {r["case"]: r["reason"] for r in rows(cohort, "failures.csv")}["case2"]
    assert "a reader has corrected or signed: move that result elsewhere" in reason
    assert segmentation.read_bytes() == before
    assert [r["case"] for r in rows(cohort, "cases.csv")] == ["case10"]


def test_a_folder_never_mixes_models_or_settings(cohort: Path) -> None:
    run(cohort)
    with pytest.raises(InputError, match=r"holds a cohort already: go on with it by --resume"):
        run(cohort)
    with pytest.raises(InputError, match=r"other settings \(seed 0 there, 1 now\).* give a new folder"):
        run(cohort, resume=True, settings={"seed": 1})
    with pytest.raises(InputError, match=r"\(volumes True there, False now\)"):
        run(cohort, resume=True, volumes=False)
    manifest = cohort / "out/cohort.json"
    manifest.write_text(manifest.read_text().replace('"model_sha256": "', '"model_sha256": "0'))
    with pytest.raises(InputError, match=r"another model .*model_sha256"):
        run(cohort, resume=True)


def test_a_folder_of_something_else_is_refused_and_left_alone(cohort: Path) -> None:
    (cohort / "out").mkdir()
    (cohort / "out/thesis.txt").touch()
    with pytest.raises(InputError, match=r"holds 'thesis.txt' and is none of a cohort: give a new folder"):
        run(cohort)
    assert [path.name for path in (cohort / "out").iterdir()] == ["thesis.txt"]


def test_two_runs_at_once_are_refused(cohort: Path) -> None:
    def other(count: int) -> None:
        with pytest.raises(InputError, match=r"another run works in .* wait for it"):
            run(cohort, resume=True)

    assert run(cohort, InlineEngine(other)).done == 2


def test_a_disk_that_knows_no_locks_is_told(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_locks(handle: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(folder, "_lock", without_locks)
    with pytest.raises(InputError, match=r"cannot be locked against a second run \(no locks available\)"):
        run(cohort)


def test_cancelling_keeps_what_is_done(cohort: Path) -> None:
    requested: list[int] = []
    engine = InlineEngine(lambda count: requested.append(count) if count == 2 else None)
    with pytest.raises(Cancelled, match=r"1 of 4 cases are done and stay: go on with --resume"):
        run(cohort, engine, progress=Progress(None, lambda: bool(requested)))
    assert engine.closed
    assert not (cohort / "out/.work").exists()
    assert len(rows(cohort, "cases.csv")) == 1
    manifest = json.loads((cohort / "out/cohort.json").read_text())
    assert (manifest["finished"], manifest["failed"]) == (1, 1)
    interrupted = again(cohort)
    assert "case2" not in interrupted
    run_whole = cohort / "whole"
    os.symlink(cohort / "in", run_whole.parent / "link")
    run_cohort(
        CohortJob(input=str(cohort / "link"), output=str(run_whole / "out")),
        engine=InlineEngine(),
        runner=RUNNER,
    )
    assert tables(cohort) == tables(run_whole)


def test_a_run_that_an_error_ends_leaves_a_page_that_says_so(cohort: Path) -> None:
    def fail(count: int) -> None:
        if count == 2:
            raise InputError("a worker could not begin")

    engine = InlineEngine(fail)
    with pytest.raises(InputError, match="a worker could not begin"):
        run(cohort, engine)
    assert engine.closed
    page = (cohort / "out/overview.html").read_text(encoding="utf-8")
    assert "Stopped before its end" in page
    assert "loads itself anew" not in page


def test_no_case_at_all_that_can_be_segmented(tmp_path: Path) -> None:
    write_cases(tmp_path / "in", bad="\x01refuse")
    with pytest.raises(InputError, match=r"none of 1 case could be segmented; bad: .* see failures.csv"):
        run(tmp_path)


def test_results_of_cases_that_are_gone_stand_in_no_table(cohort: Path) -> None:
    run(cohort)
    (cohort / "in/case2/portal.nii.gz").unlink()
    summary = run(cohort, resume=True)
    assert (
        "1 case of the folder of results, such as 'case2', is no longer in the input" in summary.warnings[0]
    )
    assert [r["case"] for r in rows(cohort, "cases.csv")] == ["case10"]


def test_progress_rises_and_tells_how_long_it_will_take(cohort: Path) -> None:
    events: list[Any] = []
    run(cohort, progress=Progress(events.append))
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert "4 of 4 cases, 2 failed, 0 s left" in events[-1].message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"engine": "spark"}, "unknown engine 'spark': choose local or ray"),
        ({"address": "auto"}, "choose --engine ray"),
        ({"engine": "ray", "address": "http://x"}, "is none of a Ray cluster"),
        ({"workers": 0}, "there are 1 to 4096 workers, got 0"),
        ({"gpus": "two"}, "unknown graphics cards 'two'"),
        ({"engine": "ray", "gpus": "0,1"}, "Ray chooses the graphics cards itself"),
        ({"memory_gib": 0.0}, "a case needs 0.1 to 4096 GiB, got 0"),
        ({"settings": {"portal": "x"}}, "'portal' is no setting of a cohort"),
        ({"settings": {"seed": -1}}, "the seed must not be negative"),
        ({"input": " "}, "name both"),
    ],
)
def test_a_job_out_of_range_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CohortJob(**{"input": "in", "output": "out", **values})


def test_without_ray_its_engine_is_refused(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    job = CohortJob(input=str(cohort / "in"), output=str(cohort / "out"), engine="ray")
    with pytest.raises(
        InputError, match=r"needs Ray, which is not installed: install it .* or give --engine local"
    ):
        run_cohort(job)
