"""Jobs: values out of range are refused, results lie apart, and no result replaces an input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib import job as public
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline import jobs
from LiverTumorAttentionLib.pipeline.jobs import (
    Job,
    RefinementJob,
    RegistrationJob,
    ReviewJob,
    SegmentationJob,
    TrainingExportJob,
    VesselsJob,
)

# The least that each job can be built from, and two results that it may write to one file.
JOBS: list[tuple[type[Job], dict[str, Any], tuple[str, str]]] = [
    (SegmentationJob, {"portal": "p.nrrd", "arterial": "a.nrrd"}, ("output", "save_registered")),
    (RegistrationJob, {"fixed": "p.nrrd", "moving": "a.nrrd"}, ("transform", "inverse")),
    (
        RefinementJob,
        {"portal": "p.nrrd", "segmentation": "s.nrrd", "prompts": "q.json", "output": "o.nrrd"},
        ("output", "log"),
    ),
    (
        ReviewJob,
        {"portal": "p.nrrd", "segmentation": "s.nrrd", "plan": "q.json", "output": "page.html"},
        ("csv", "json"),
    ),
    (VesselsJob, {"portal": "p.nrrd", "segmentation": "s.nrrd", "output": "o.nrrd"}, ("output", "json")),
]


@pytest.mark.parametrize(("kind", "least", "outputs"), JOBS)
def test_two_results_in_one_file_are_refused(
    kind: type[Job], least: dict[str, Any], outputs: tuple[str, str]
) -> None:
    first, second = outputs
    with pytest.raises(InputError, match=r"two results would be written to x\.nrrd: give each its own file"):
        kind.from_dict({**least, first: "x.nrrd", second: "x.nrrd"})
    with pytest.raises(InputError, match=r"two results would be written to x\.nrrd: give each its own file"):
        kind.from_dict({**least, first: "x.nrrd", second: os.path.abspath("x.nrrd")})


@pytest.mark.parametrize(("kind", "least", "outputs"), JOBS)
def test_no_result_replaces_an_input(
    kind: type[Job], least: dict[str, Any], outputs: tuple[str, str]
) -> None:
    read = [value for value in kind.from_dict(least).inputs().values() if value is not None]
    assert len(read) >= 2
    for path in read:
        for same in (path, f"./{path}", os.path.abspath(path)):
            with pytest.raises(InputError, match="would be written over, though it is read"):
                kind.from_dict({**least, outputs[0]: same})


def test_a_link_to_an_input_is_that_input(tmp_path: Path) -> None:
    (tmp_path / "portal.nrrd").write_bytes(b"")
    (tmp_path / "link.nrrd").symlink_to(tmp_path / "portal.nrrd")
    with pytest.raises(InputError, match=r"link\.nrrd would be written over, though it is read"):
        SegmentationJob(portal=str(tmp_path / "portal.nrrd"), output=str(tmp_path / "link.nrrd"))


def test_an_exported_case_does_not_replace_the_files_that_it_comes_from() -> None:
    case = {"segmentation": "s.nrrd", "name": "one", "output": "cases"}
    with pytest.raises(InputError, match=r"portal\.nii\.gz would be written over, though it is read"):
        TrainingExportJob(**case, portal="cases/one/portal.nii.gz")
    with pytest.raises(InputError, match=r"case\.json would be written over, though it is read"):
        TrainingExportJob(**case, portal="p.nrrd", log="cases/one/case.json")
    TrainingExportJob(**case, portal="cases/two/portal.nii.gz")
    with pytest.raises(InputError, match="letters, digits, dot, dash and underscore, got 'a/b'"):
        TrainingExportJob(**{**case, "name": "a/b"}, portal="p.nrrd")


@pytest.mark.parametrize(("kind", "least", "outputs"), JOBS)
def test_every_job_survives_json(kind: type[Job], least: dict[str, Any], outputs: tuple[str, str]) -> None:
    job = kind.from_dict({**least, outputs[0]: "x.nrrd"})
    assert kind.from_dict(job.to_dict()) == job
    assert "x.nrrd" in job.outputs().values()


def test_describing_a_job_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from LiverTumorAttentionLib import job, pipeline\n"
        "from LiverTumorAttentionLib.pipeline import arterial_policy\n"
        "job.SegmentationJob(portal='p').to_dict()\n"
        "print(sorted({'torch', 'SimpleITK', 'numpy', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_module_has_every_job() -> None:
    below = [*Job.__subclasses__(), *(kind for job in Job.__subclasses__() for kind in job.__subclasses__())]
    here = [
        kind for kind in below if kind.__module__.startswith(f"{jobs.__name__}.")
    ]  # others may have been imported before
    kinds = {kind.__name__ for kind in here if not kind.__subclasses__()}
    assert set(public.__all__) == kinds
    assert all(getattr(public, name) is getattr(jobs, name) for name in kinds)


def test_a_segmentation_job_survives_json() -> None:
    job = SegmentationJob(
        portal="p.nii.gz", arterial="a.nii.gz", output="o.seg.nrrd", minimum_diameter_mm=7.0
    )
    assert SegmentationJob.from_dict(job.to_dict()) == job


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"portal": ""}, "no portal venous volume was given"),
        (
            {"portal": "p", "minimum_diameter_mm": -1},
            "smallest diameter must lie between 0 and 200 mm, got -1",
        ),
        ({"portal": "p", "tumor_threshold": 1.0}, "threshold must lie between 0 and 1, got 1"),
        (
            {"portal": "p", "averaging": "flip"},
            "unknown averaging 'flip': choose none, flips, flips-and-turns",
        ),
        ({"portal": "p", "seed": -3}, "seed must not be negative, got -3"),
        ({"portal": "p", "output": "x.csv", "table": "x.csv"}, "two results would be written to x.csv"),
        ({"portal": "p", "save_registered": "r.nii.gz"}, "no arterial volume was given"),
        ({"portal": "p", "artrial": "a"}, "unknown key 'artrial'; did you mean 'arterial'"),
    ],
)
def test_segmentation_jobs_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SegmentationJob.from_dict(values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"portal": ""}, "no portal venous volume was given"),
        ({"segmentation": ""}, "no segmentation was given"),
        ({"output": None}, "nothing is asked for"),
        ({"weight_kg": 70.0}, "a weight was given, but no plan"),
        ({"arterial_source": "dicom"}, "the source of the arterial volume is named in a DICOM SR"),
    ],
)
def test_review_jobs_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ReviewJob(**{"portal": "p.nrrd", "segmentation": "s.nrrd", "output": "page.html", **changes})


def test_a_review_job_comes_from_json() -> None:
    values = {"portal": "p.nrrd", "segmentation": "s.nrrd", "output": "page.html"}
    assert ReviewJob.from_dict(values) == ReviewJob(**values)
    with pytest.raises(InputError, match="unknown key 'seg_nrrd'"):
        ReviewJob.from_dict({**values, "seg_nrrd": "x"})


def test_a_job_is_described_without_what_computes() -> None:
    code = "import sys, LiverTumorAttentionLib.pipeline.jobs; print({'SimpleITK', 'scipy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
