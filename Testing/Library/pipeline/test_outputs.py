"""Outputs are checked before the run and written all together, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import Cancelled, InputError, OutputError
from LiverTumorAttentionLib.pipeline.jobs import (
    ComparisonJob,
    Job,
    RefinementJob,
    RegistrationJob,
    ReviewJob,
    SegmentationJob,
    SegmentsJob,
    TrainingExportJob,
    VesselsJob,
)
from LiverTumorAttentionLib.pipeline.outputs import (
    SUFFIXES,
    check_outputs,
    output_files,
    write_all,
    write_json,
)
from LiverTumorAttentionLib.progress import Progress, ProgressEvent


def text(content: str):
    return lambda path: path.write_text(content, encoding="utf-8")


def test_all_files_appear_and_progress_names_them(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    write_all([(tmp_path / "a.csv", text("a")), (tmp_path / "b.json", text("b"))], Progress(events.append))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "a", "b.json": "b"}
    assert [(event.fraction, event.message) for event in events] == [
        (0.0, "a.csv"),
        (0.5, "b.json"),
        (1.0, ""),
    ]


def test_a_writer_that_fails_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device", str(path))

    (tmp_path / "a.csv").write_text("before")
    with pytest.raises(OutputError, match=r"the report '.*b\.json' cannot be written"):
        write_all([(tmp_path / "a.csv", text("a")), (tmp_path / "b.json", full)], Progress(), name="report")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "before"}


def test_cancelling_after_the_last_file_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    written: list[Path] = []

    def last(path: Path) -> None:
        path.write_text("b")
        written.append(path)

    with pytest.raises(Cancelled, match="nothing was written"):
        write_all([(tmp_path / "b.json", last)], Progress(None, lambda: bool(written)))
    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_output_has_its_formats() -> None:
    every: list[Job] = [
        SegmentationJob(portal="p"),
        RegistrationJob(fixed="p", moving="a"),
        RefinementJob(portal="p", segmentation="s", prompts="q", output="o"),
        ReviewJob(portal="p", segmentation="s", output="o"),
        SegmentsJob(segmentation="s", output="o"),
        ComparisonJob(baseline_portal="p", baseline="s", followup_portal="q", followup="t", output="o"),
        VesselsJob(portal="p", segmentation="s", output="o"),
    ]
    assert {name for job in every for name in job.outputs()} == set(SUFFIXES)


@pytest.mark.parametrize("name", sorted(SUFFIXES))
def test_a_format_that_no_writer_knows_is_refused_before_the_run(name: str, tmp_path: Path) -> None:
    fields = {
        "segmentation": "output", "table": "table", "report": "report", "preview": "preview",
        "registered": "save_registered", "transform": "save_transform", "probability": "save_probability",
        "page": "output", "numbers": "json", "structured report": "sr", "DICOM SEG": "seg",
        "RT Structure Set": "rtstruct", "delayed": "save_delayed", "native": "save_native",
        "inverse": "inverse", "log": "log", "Couinaud segments": "save_segments", "landmarks": "save_landmarks",
        "baseline DICOM SEG": "baseline_seg", "baseline structured report": "baseline_sr",
        "follow-up DICOM SEG": "followup_seg", "follow-up structured report": "followup_sr",
        "vessels": "output", "plan table": "plan_csv",
    }  # fmt: skip
    asked = {fields[name]: str(tmp_path / "x.unknown")}
    job: Job
    if name in ("page", "numbers", "structured report", "DICOM SEG", "RT Structure Set"):
        job = ReviewJob(portal="p", segmentation="s", **asked)
    elif name == "plan table":
        job = ReviewJob(portal="p", segmentation="s", plan="plan.json", **asked)
    elif name.startswith(("baseline ", "follow-up ")):
        job = ComparisonJob(baseline_portal="p", baseline="s", followup_portal="q", followup="t", **asked)
    elif name == "vessels":
        job = VesselsJob(portal="p", segmentation="s", **asked)
    elif name == "landmarks":
        job = SegmentsJob(segmentation="s", output=f"{tmp_path}/o.nrrd", **asked)
    elif name == "inverse":
        job = RegistrationJob(fixed="p", moving="a", **asked)
    elif name == "log":
        job = RefinementJob(portal="p", segmentation="s", prompts="q", output=f"{tmp_path}/o.nrrd", **asked)
    else:
        job = SegmentationJob(portal="p", arterial="a", delayed="d", native="n", **asked)
    with pytest.raises(
        OutputError, match=rf"the {name} '.*' ends in '\.unknown': give it a name that ends in"
    ):
        check_outputs(job)


def test_a_folder_that_cannot_be_made_is_refused_before_the_run(tmp_path: Path) -> None:
    job = SegmentationJob(portal="p", save_attention=str(tmp_path / "no" / "attention"))
    with pytest.raises(OutputError, match="does not exist: create it first"):
        check_outputs(job)


def test_only_what_is_asked_for_is_written() -> None:
    job = SegmentationJob(portal="p", table="t.csv")
    assert output_files(job, {"table": print, "report": print}) == [(Path("t.csv"), print)]


def test_json_without_numbers_that_json_does_not_have(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": [1.5], "b": "ü"})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n  "a": [\n    1.5\n  ],\n  "b": "ü"\n}\n'
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"a": [1.5], "b": "ü"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "y.json", {"a": float("nan")})


def test_cancelling_once_the_files_are_there_does_not_say_that_nothing_was_written(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    write_all([(target, text("a"))], Progress(None, target.exists))
    assert target.read_text() == "a"


def test_a_file_of_an_installed_model_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    job = SegmentationJob(portal="p", report=str(tmp_path / "model.json"))
    with pytest.raises(InputError, match=r"model\.json would be written over, though it is read"):
        check_outputs(job, model=tmp_path)
    with pytest.raises(InputError, match=r"model\.json would be written over, though it is read"):
        SegmentationJob(portal="p", model=str(tmp_path), report=str(tmp_path / "model.json"))


def test_a_case_that_holds_other_files_is_refused_before_the_run(tmp_path: Path) -> None:
    job = TrainingExportJob(portal="p", segmentation="s", name="one", output=str(tmp_path))
    job.folder().mkdir()
    (job.folder() / "arterial.nii.gz").write_text("of an earlier export")
    check_outputs(job)
    (job.folder() / "notes.txt").write_text("mine")
    with pytest.raises(
        OutputError, match=r"one' is there and holds 'notes\.txt', which would be lost: move that"
    ):
        check_outputs(job)


@pytest.mark.parametrize("field", ["output", "table", "save_attention", "arterial"])
def test_an_empty_name_is_refused(field: str) -> None:
    with pytest.raises(InputError, match=r"the name given for the .* is empty: name a file"):
        SegmentationJob(**{"portal": "p", field: ""})


def test_names_that_are_no_text_are_written_as_escapes(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"portal": "M\udcfcller.nrrd"})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"portal": "M\udcfcller.nrrd"}
