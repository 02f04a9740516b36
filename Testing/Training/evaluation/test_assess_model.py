"""Models on held-out cases: scores that follow from what is found, tables that resume, the page and the ablation.

What is segmented is fake: all that is bright in a phase that is given is a tumor.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from Testing.Training.data.layouts.test_msd_liver_slices import write as write_slices
from training.cli import main
from training.data.held_out import VALIDATION_CASES
from training.data.preparation.liver import Livers
from training.data.real_volumes import REAL_VOLUMES
from training.data.synthesis import implanted_cohort
from training.evaluation import assessed_cases, assessment_figures
from training.evaluation.assess_model import Assessment, assess, implant_backgrounds
from training.evaluation.assessment_figures import average, clean, interval, recall
from training.evaluation.assessment_summary import write_summary
from training.evaluation.assessment_tables import Identity, add_rows, has_row, read_rows
from training.evaluation.cost import Cost

SHAPE = (12, 40, 50)
SPACING = (2.0, 2.0, 5.0)
"""(x, y, z) mm: a voxel has 0.02 mL."""
LIVER = (slice(1, 11), slice(5, 35), slice(5, 45))
LIVER_HU, BRIGHT_HU = 100, 200
LARGE = (slice(2, 5), slice(8, 18), slice(8, 18))
"""300 voxels, 6 mL, a ball of 22.5 mm; seen in both phases."""
SMALL = (slice(7, 8), slice(20, 23), slice(30, 33))
"""9 voxels, 0.18 mL, a ball of 7 mm; seen in the arterial phase alone."""
FALSE = (slice(8, 10), slice(30, 33), slice(10, 13))
"""Bright in the portal phase, and no lesion."""


def image(array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing(SPACING)
    return made


def liver_hu(*bright: tuple[slice, slice, slice]) -> np.ndarray:
    hu = np.full(SHAPE, -100, np.int16)
    hu[LIVER] = LIVER_HU
    for box in bright:
        hu[box] = BRIGHT_HU
    return hu


def fake_phantom(seed: int, *, size: str, lesions: int | None) -> SimpleNamespace:
    """Seeds from 320 on have no lesion; 321 is bright where nothing is."""
    instances = np.zeros(SHAPE, np.uint8)
    instances[LIVER] = 1
    boxes = [] if lesions == 0 else [LARGE, SMALL]
    for number, box in enumerate(boxes, start=2):
        instances[box] = number
    portal = [*boxes[:1], *([FALSE] if seed in (300, 321) else [])]
    return SimpleNamespace(
        portal=image(liver_hu(*portal)),
        arterial=image(liver_hu(*boxes)),
        labels=image(np.minimum(instances, 2)),
        instances=image(instances),
        lesions=tuple(
            SimpleNamespace(instance=number, kind="hcc", diameter_mm=diameter)
            for number, diameter in enumerate((22.5, 7.0)[: len(boxes)], start=2)
        ),
    )


def write_fake(phantom: SimpleNamespace, folder: Path) -> None:
    for name in ("portal", "arterial"):
        sitk.WriteImage(getattr(phantom, name), str(folder / f"{name}.nii.gz"))


class FakeSegmentation:
    """Finds what is bright; remembers its jobs."""

    def __init__(self) -> None:
        self.jobs: list[SegmentationJob] = []

    def __call__(self, job: SegmentationJob) -> SimpleNamespace:
        self.jobs.append(job)
        portal = sitk.ReadImage(job.portal)
        hu = sitk.GetArrayFromImage(portal).astype(int)
        bright = hu > 150
        if job.arterial is not None:
            bright |= sitk.GetArrayFromImage(sitk.ReadImage(job.arterial)) > 150
        numbered, count = ndimage.label(bright, np.ones((3, 3, 3)))
        instances = np.where(numbered, numbered + 1, hu > 50).astype(np.uint16)
        found = sitk.GetImageFromArray(instances)
        found.CopyInformation(portal)
        sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:] * np.prod(portal.GetSpacing()) / 1000
        return SimpleNamespace(
            portal=portal,
            instances=found,
            tumors=tuple(SimpleNamespace(volume_ml=float(size)) for size in sizes),
            case=SimpleNamespace(
                liver_volume_ml=float((hu > 50).sum() * np.prod(portal.GetSpacing()) / 1000)
            ),
        )


@pytest.fixture(autouse=True)
def segmentation(monkeypatch: pytest.MonkeyPatch) -> FakeSegmentation:
    fake = FakeSegmentation()
    monkeypatch.setattr(assessed_cases, "segment_case", fake)
    monkeypatch.setattr(assessed_cases, "generate_phantom", fake_phantom)
    monkeypatch.setattr(assessed_cases, "write_phantom", write_fake)
    assessed_cases._phantom.cache_clear()
    implanted_cohort.read_background.cache_clear()
    return fake


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two volumes that validate, one that trains, and slices of two patients, one of whom validates."""

    def found(model: str, portal: sitk.Image, arterial: sitk.Image | None) -> Livers:
        return Livers(portal=sitk.Cast(portal > 50, sitk.sitkUInt8), arterial=None)

    monkeypatch.setattr(implanted_cohort, "found_livers", found)
    folder = tmp_path / "data"
    for name in ("real-backgrounds", "totalsegmentator-example", "msd-liver-slices"):
        (folder / name).mkdir(parents=True)
    sitk.WriteImage(image(liver_hu(FALSE)), str(folder / "real-backgrounds" / "C3L-00189_pv.nii.gz"))
    sitk.WriteImage(image(liver_hu()), str(folder / "real-backgrounds" / "LIDC-IDRI-0050_ap.nii.gz"))
    sitk.WriteImage(image(liver_hu(FALSE)), str(folder / "real-backgrounds" / "LIDC-IDRI-0001_ap.nii.gz"))
    sitk.WriteImage(image(liver_hu()), str(folder / "totalsegmentator-example" / "ct.nii.gz"))
    liver = (liver_hu() > 50).astype(np.uint8)
    sitk.WriteImage(image(liver), str(folder / "totalsegmentator-example" / "liver.nii.gz"))
    write_slices(
        folder / "msd-liver-slices",
        [(f"flipped_{VALIDATION_CASES[0]}_5.jpg", VALIDATION_CASES[0], 0.95), ("flipped_4_5.jpg", 4, 0.95)],
    )
    return folder


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Callable[..., int]:
    def command(*options: str, model: str | None = "demonstration") -> int:
        which = [] if model is None else ["--model", model]
        given = ["--output", str(tmp_path / "tables"), "--data", str(data), "--size", "small"]
        return main(["assess", *which, *given, *options])

    return command


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_both_phases_and_the_portal_one_alone_are_scored_on_the_same_phantoms(run, tmp_path, segmentation):
    assert run("--parts", "phantoms", "phantoms-portal", "--seeds", "300", "301", "320", "321") == 0
    both, portal = rows(tmp_path, "phantoms"), rows(tmp_path, "phantoms-portal")
    assert [row["case"] for row in both] == [row["case"] for row in portal] == ["300", "301", "320", "321"]
    assert [row["findings"] for row in both] == ["3", "2", "0", "1"]
    assert [row["false_findings"] for row in both] == ["1", "0", "0", "1"]
    assert [row["findings"] for row in portal] == ["2", "1", "0", "1"]
    assert both[1]["tumor_dice"] == both[1]["liver_dice"] == "1.0"
    assert float(portal[1]["tumor_dice"]) == pytest.approx(2 * 300 / (300 + 309), abs=1e-4)
    covered = [
        [(row["case"], row["diameter_mm"], row["covered"]) for row in rows(tmp_path, f"{name}-lesions")]
        for name in ("phantoms", "phantoms-portal")
    ]
    assert covered[0] == [(s, d, "1.0") for s in ("300", "301") for d in ("22.5", "7.0")]
    assert [c for _, _, c in covered[1]] == ["1.0", "0.0", "1.0", "0.0"]
    assert [job.arterial is not None for job in segmentation.jobs] == [True, False] * 4


def test_the_page_shows_recall_by_size_false_findings_clean_phantoms_and_the_gain_of_two_phases(
    run, tmp_path
):
    assert run("--parts", "phantoms", "phantoms-portal", "--seeds", "300", "301", "320", "321") == 0
    page = (tmp_path / "tables" / "summary.md").read_text()
    both, portal = page.split("**Phantoms 300 to 329, both phases**")[1].split(
        "**Phantoms 300 to 329, portal phase alone**"
    )
    for part, lines in {
        both: (
            "| lesions found | 1.00 (0.40 to 1.00), 4 of 4 |",
            "| of 0 to 10 mm | 1.00 (0.16 to 1.00), 2 of 2 |",
            "| false findings a phantom 300 to 319 | 0.50 (0.00 to 1.00) |",
            "| false findings a phantom without lesions | 0.50 (0.00 to 1.00) |",
            "| phantoms without lesions that stay clean | 0.50 (0.00 to 1.00), 1 of 2 |",
            "| more lesions found than in the portal phase alone | +0.50 (+0.50 to +0.50) |",
        ),
        portal: (
            "| lesions found | 0.50 (0.50 to 0.50), 2 of 4 |",
            "| of 0 to 10 mm | 0.00 (0.00 to 0.84), 0 of 2 |",
            "| of 20 mm and more | 1.00 (0.16 to 1.00), 2 of 2 |",
        ),
    }.items():
        for line in lines:
            assert line in part, line
    assert "of 10 to 20 mm" not in page
    assert "seconds a phantom, both phases" in page


def test_lesions_are_implanted_in_volumes_that_validate_and_the_same_for_every_model(
    run, tmp_path, segmentation, monkeypatch
):
    voxels: dict[str, list[bytes]] = {}

    class Watched(FakeSegmentation):
        def __call__(self, job: SegmentationJob) -> SimpleNamespace:
            voxels.setdefault(job.averaging, []).append(
                sitk.GetArrayFromImage(sitk.ReadImage(job.portal)).tobytes()
            )
            return super().__call__(job)

    monkeypatch.setattr(assessed_cases, "segment_case", Watched())
    assert run("--parts", "implants", "--implants", "3") == 0
    assert run("--parts", "implants", "--implants", "3", "--set", "averaging=flips") == 0
    found = rows(tmp_path, "implants")
    assert {row["background"] for row in found} == {"C3L-00189", "totalsegmentator-example"}
    assert [row["case"] for row in found[:3]] == [f"totalsegmentator-example-{n}" for n in range(3)]
    assert [row["settings"] for row in found] == [""] * 6 + ["averaging=flips"] * 6
    assert voxels["none"] == voxels["flips"]
    assert [row["voxels"] for row in found[:6]] == [row["voxels"] for row in found[6:]]
    assert len({row["voxels"] for row in found}) == 6
    assert len(set(voxels["none"])) == 6
    described = find_model("demonstration").description
    assert {row["liver_from"] for row in found} == {f"demonstration {described.liver_stage.sha256[:12]}"}
    lesions = rows(tmp_path, "implants-lesions")
    assert len(lesions) == sum(int(row["lesions"]) for row in found)
    assert lesions
    assert all(int(row["lesions"]) <= 8 for row in found)
    page = (tmp_path / "tables" / "summary.md").read_text()
    assert "**Lesions implanted in real CT that validates**" in page
    assert "Not comparable" not in page


def test_another_model_may_say_where_implants_lie(run, tmp_path, segmentation):
    other = tmp_path / "other"
    shutil.copytree(find_model("demonstration").path, other)
    described = json.loads((other / "model.json").read_text())
    (other / "model.json").write_text(json.dumps({**described, "id": "other"}))
    for options in ([], ["--liver-model", str(other)]):
        assert run("--parts", "implants", "--implants", "1", *options) == 0
    found = rows(tmp_path, "implants")
    assert len(found) == 2
    assert {row["liver_from"].split()[0] for row in found} == {"other"}


def test_nothing_is_implanted_where_a_volume_trains_or_a_tumor_is_known():
    assert implant_backgrounds(REAL_VOLUMES) == [
        "totalsegmentator-example",
        "totalsegmentator-dicom",
        "C3L-00189",
    ]


def test_real_volumes_are_told_apart_by_whether_they_may_train(run, tmp_path):
    assert run("--parts", "volumes") == 0
    found = {row["case"]: row for row in rows(tmp_path, "volumes")}
    assert found["totalsegmentator-example"]["liver_dice"] == "1.0"
    assert found["C3L-00189"]["findings"] == "1"
    assert rows(tmp_path, "volumes-lesions")[0]["hu"] == str(BRIGHT_HU)
    page = (tmp_path / "tables" / "summary.md").read_text()
    assert "of those that validate | 0.5 (0.0 to 1.0) |" in page
    assert "| of these, volumes that stay clean | 0.50 (0.00 to 1.00), 1 of 2 |" in page
    assert "of those that may train | 1.0 |" in page
    assert "| C3L-00189 | validation | portal | none seen |" in page


def test_the_liver_is_scored_on_the_slices_of_patients_that_validate(run, tmp_path, monkeypatch):
    """The fake liver stage finds the left half of the picture: over the liver's 27 rows, columns 6 to 31 of 6 to 34."""

    def probabilities(portal: sitk.Image, progress: object) -> dict[str, sitk.Image]:
        half = np.zeros((1, 64, 64), np.float32)
        half[:, 9:27, :32] = 1
        found = sitk.GetImageFromArray(half)
        found.CopyInformation(portal)
        return {"liver": found}

    stages = SimpleNamespace(liver=SimpleNamespace(probabilities=probabilities))
    monkeypatch.setattr(assessed_cases, "load_stages", lambda package, device: stages)
    assert run("--parts", "slices") == 0
    (row,) = rows(tmp_path, "slices")
    assert row["patient"].endswith(f"-{VALIDATION_CASES[0]}")
    assert float(row["liver_dice"]) == pytest.approx(2 * 26 / (29 + 32), abs=0.03)
    assert float(row["over_cm2"]) == pytest.approx(18 * 6 * 1.5 * 1.4 / 100, abs=0.3)
    page = (tmp_path / "tables" / "summary.md").read_text()
    assert "1 patient, 1 slice" in page
    assert run("--parts", "slices", "--set", "averaging=flips") == 0  # changes nothing about the liver stage
    assert len(rows(tmp_path, "slices")) == 1


def test_rows_that_are_there_are_kept_and_a_stopped_run_goes_on(run, tmp_path, monkeypatch, segmentation):
    def stopped(job: SegmentationJob) -> SimpleNamespace:
        if len(segmentation.jobs) == 2:
            raise KeyboardInterrupt
        return segmentation(job)

    monkeypatch.setattr(assessed_cases, "segment_case", stopped)
    seeds = ("--parts", "phantoms", "--seeds", "300", "301", "302")
    assert run(*seeds) == 130
    assert [row["case"] for row in rows(tmp_path, "phantoms")] == ["300", "301"]
    monkeypatch.setattr(assessed_cases, "segment_case", segmentation)
    assert run(*seeds) == 0
    assert run(*seeds) == 0
    assert len(segmentation.jobs) == 3
    assert [row["case"] for row in rows(tmp_path, "phantoms")] == ["300", "301", "302"]
    assert len(rows(tmp_path, "phantoms-lesions")) == 6


def test_phantoms_of_another_size_are_made_anew(run, tmp_path, segmentation):
    assert run("--parts", "phantoms", "--seeds", "300") == 0
    assert run("--parts", "phantoms", "--seeds", "300", "--size", "full") == 0
    (row,) = rows(tmp_path, "phantoms")
    assert row["size"] == "full"
    assert len(segmentation.jobs) == 2


def test_tables_of_before_there_were_settings_go_on(run, tmp_path, segmentation):
    """Their rows count, without the columns that they lack, and stand beside new ones."""
    identity = Identity.of(find_model("demonstration"), {})
    (tmp_path / "tables").mkdir()
    old = tmp_path / "tables" / "phantoms.csv"
    old.write_text(
        "model,weights,case,lesions,findings,false_findings,liver_dice,tumor_dice,seconds\n"
        f"demonstration,{identity.weights},300,2,2,0,0.96,0.8,13.9\n"
    )
    assert run("--parts", "phantoms", "--seeds", "300", "301") == 0
    first, second = rows(tmp_path, "phantoms")
    assert (first["case"], first["liver_dice"], first["processor_seconds"]) == ("300", "0.96", "")
    assert second["size"] == "small"
    assert len(segmentation.jobs) == 1
    assert "0.980 (0.960 to 1.000)" in (tmp_path / "tables" / "summary.md").read_text()


def test_models_and_settings_stand_side_by_side_the_baseline_first(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    base = {"lesions": 0, "findings": 1, "liver_dice": 0.9, "tumor_dice": 1.0}
    for identity, seconds, peak in (
        (Identity("bundled", "1+2"), 30.0, 300),
        (Identity("bundled", "1+2", "averaging=flips"), 60.0, 300),
        (Identity("demonstration", "3+4", version="2"), 20.0, 200),
    ):
        for case in ("300", "301"):
            row = {**base, "false_findings": 1, "seconds": 9, "processor_seconds": seconds, "peak_mb": peak}
            add_rows(folder / "phantoms.csv", identity, case, [row])
    add_rows(
        folder / "phantoms.csv", Identity("bundled", "1+2"), "302", [{**row, "processor_seconds": 900.0}]
    )
    page = write_summary(folder).read_text()
    assert "|  | demonstration 2 | bundled | bundled, averaging=flips |" in page
    assert "| weights | 3 4 | 1 2 | 1 2 |" in page
    assert "| processor time, times that of demonstration 2 on the same cases |  | 1.50 | 3.00 |" in page
    assert "| memory, times that of demonstration 2 on the same cases |  | 1.50 | 1.50 |" in page


def test_a_version_that_one_row_tells_titles_the_column(tmp_path):
    row = {"lesions": 0, "findings": 0, "false_findings": 0, "liver_dice": 1.0, "tumor_dice": 1.0}
    add_rows(tmp_path / "implants.csv", Identity("demonstration", "1"), "C3L-00189-0", [row])
    add_rows(tmp_path / "implants.csv", Identity("demonstration", "1", version="4"), "C3L-00189-1", [row])
    assert "|  | demonstration 4 |\n" in write_summary(tmp_path).read_text()


def test_cases_that_another_version_generated_are_named(tmp_path):
    row = {"lesions": 0, "findings": 0, "false_findings": 0, "liver_dice": 1.0, "tumor_dice": 1.0}
    for model, voxels in (("demonstration", "a"), ("bundled", "b"), ("older", "")):
        for case in ("C3L-00189-0", "C3L-00189-1"):
            same = case.endswith("1") and voxels
            made = {"voxels": "c" if same else voxels, **row}
            add_rows(tmp_path / "implants.csv", Identity(model, "1"), case, [made])
    page = write_summary(tmp_path).read_text()
    assert "**Not comparable:** implants C3L-00189-0 differ from model to model" in page
    assert "C3L-00189-1" not in page


def test_several_tables_are_added_to_at_once_and_no_row_is_lost(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    path, identity = tmp_path / "rows.csv", Identity("m", "w")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: add_rows(path, identity, str(n), [{"value": n}]), range(24)))
    assert sorted(int(row["case"]) for row in read_rows(path)) == list(range(24))
    add_rows(path, identity, "7", [{"value": 70}])
    assert [row["value"] for row in read_rows(path) if row["case"] == "7"] == ["70"]
    assert has_row(path, identity, "7", {"value": "70"})
    assert not has_row(path, identity, "7", {"value": "7"})
    assert not has_row(path, Identity("m", "w", "averaging=flips"), "7", {})


def test_an_interval_is_that_of_cases_not_of_lesions():
    """One case of ten has all lesions missed, nine none: lesion by lesion the interval would be narrow."""
    low, high = interval([0] + [10] * 9, [10] * 10, list("abcdefghij"))
    assert (low, high) == (0.7, 1.0)
    cases = [{"case": str(case)} for case in range(10)]
    lesions = [
        {"case": str(case), "diameter_mm": "9", "covered": str(int(case > 0))}
        for case in range(10)
        for _ in range(10)
    ]
    told = recall("phantoms")({"phantoms": cases, "phantoms-lesions": lesions})
    assert told == "0.90 (0.70 to 1.00), 90 of 100"


def test_cases_of_one_scan_or_patient_are_drawn_together():
    """Of two scans with four cases each one has all lesions found: as many as that say nothing of a third scan."""
    cases = [
        {"case": f"{scan}-{k}", "background": scan, "false_findings": "0"} for scan in "ab" for k in range(4)
    ]
    lesions = [
        {"case": case["case"], "diameter_mm": "9", "covered": str(int(case["background"] == "a"))}
        for case in cases
    ]
    column = {"implants": cases, "implants-lesions": lesions}
    assert recall("implants")(column) == "0.50 (0.00 to 1.00), 4 of 8"
    for row in cases:
        del row["background"]
    assert recall("implants")(column) != "0.50 (0.00 to 1.00), 4 of 8"


def test_none_of_a_few_is_not_told_as_none_at_all():
    """Exact limits: 3.69 / 12 findings a case, and 0.025 ** (1 / 3) of three clean volumes."""
    cases = [{"case": str(k), "false_findings": "0", "findings": "0"} for k in range(12)]
    assert average("implants", "false_findings", 2)({"implants": cases}) == "0.00 (0.00 to 0.31)"
    assert clean("volumes", lambda row: True)({"volumes": cases[:3]}) == "1.00 (0.29 to 1.00), 3 of 3"
    column = {
        "phantoms": [{"case": "1"}, {"case": "2"}],
        "phantoms-lesions": [
            {"case": "1", "diameter_mm": "5", "covered": "0.0"},
            {"case": "1", "diameter_mm": "9.9", "covered": "0.01"},
            {"case": "2", "diameter_mm": "10", "covered": "1"},
        ],
    }
    assert recall("phantoms", 0, 10)(column).endswith("1 of 2")
    assert recall("phantoms")(column).endswith("2 of 3")
    assert recall("phantoms", 20, np.inf)(column) == ""


def test_time_and_memory_of_a_piece_of_work_are_its_own():
    """The peak of the larger piece before is not that of the smaller one; what was held before does not count."""
    larger, smaller, seconds = _measured_by_itself(
        """
        with measured_cost() as larger:
            held = np.ones(80 << 20, np.uint8)
            del held
        kept = np.ones(20 << 20, np.uint8)
        with measured_cost() as smaller:
            held = np.ones(40 << 20, np.uint8)
            del held
        print(larger.peak_mb, smaller.peak_mb, smaller.processor_seconds)
        """
    )
    if larger is not None and smaller is not None:
        assert 76 <= larger <= 100
        assert 36 <= smaller <= 50
    assert seconds is not None
    assert seconds > 0
    assert set(Cost().cells()) == {"seconds", "processor_seconds", "peak_mb"}


def test_memory_that_was_freed_and_kept_by_the_allocator_counts_when_it_is_filled_again():
    """glibc keeps what is freed, where its settings or those of a library say so."""
    [peak] = _measured_by_itself(
        """
        held = np.ones(80 << 20, np.uint8)
        del held
        with measured_cost() as cost:
            held = np.ones(40 << 20, np.uint8)
        print(cost.peak_mb)
        """,
        MALLOC_MMAP_THRESHOLD_=str(1 << 30),
        MALLOC_TRIM_THRESHOLD_=str(1 << 30),
    )
    assert peak is None or 36 <= peak <= 50


def _measured_by_itself(code: str, **environment: str) -> list[float | None]:
    """Return the numbers that a process of its own prints: threads of earlier tests leave filled heaps to this one."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import numpy as np\nfrom training.evaluation.cost import measured_cost\n"
            + textwrap.dedent(code),
        ],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [None if word == "None" else float(word) for word in done.stdout.split()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--set", "averageing=flips"],
            "'averageing' is no setting of a segmentation; did you mean 'averaging'",
        ),
        (["--set", "output=x.nii.gz"], "'output' is no setting of a segmentation"),
        (["--set", "averaging=all"], "unknown averaging 'all'"),
        (["--parts", "phantom"], "there is no part 'phantom'; did you mean 'phantoms'"),
        (["--implants", "0"], "the number of cases with implants must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_assessed_is_told_in_one_line(run, capsys, options, message):
    parts = [] if "--parts" in options else ["--parts", "phantoms", "--seeds", "300"]
    assert run(*parts, *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.strip().count("\n") == 0


def test_tables_do_not_go_into_the_data(run, data, capsys):
    before = sorted(data.rglob("*"))
    assert run("--parts", "phantoms", "--seeds", "320", "--output", str(data)) == 2
    assert "where results would be written over it: choose another folder" in capsys.readouterr().err
    assert sorted(data.rglob("*")) == before


def test_a_table_of_something_else_is_left_alone(run, tmp_path, capsys):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "phantoms.csv").write_text("case,value\n1,2\n")
    assert run("--parts", "phantoms", "--seeds", "320") == 2
    assert "is none of `assess`, without model and weights: remove it" in capsys.readouterr().err
    assert (tmp_path / "tables" / "phantoms.csv").read_text() == "case,value\n1,2\n"


def test_real_data_must_be_named(tmp_path):
    with pytest.raises(
        InputError, match=r"say where they lie with --data, or ask for phantoms and phantoms-portal"
    ):
        Assessment(model="demonstration", output=tmp_path / "tables", parts=("volumes",))
    assert (
        assess(
            Assessment(
                model="demonstration",
                output=tmp_path / "tables",
                parts=("phantoms",),
                seeds=(320,),
                phantom_size="small",
            )
        )
        == 1
    )


# ----------------------------------------------------------------- the ablation


def test_an_ablation_is_one_row_a_model_or_setting(run, tmp_path):
    file = tmp_path / "rows.yaml"
    file.write_text(
        "rows:\n"
        "  - {name: the model of before, model: demonstration}\n"
        "  - {name: with averaging, model: demonstration, settings: {averaging: flips}}\n"
    )
    chosen = ("--ablation", str(file), "--parts", "phantoms", "--seeds", "300", "320")
    assert run(*chosen, model=None) == 0
    lines = (tmp_path / "tables" / "ablation.md").read_text().splitlines()
    header, rule, *table = (line for line in lines if line.startswith("|"))
    assert header.startswith("| | lesions found, phantoms | lesions below 10 mm found, phantoms |")
    assert "slices" not in header
    assert [line.split(" | ")[0] for line in table] == ["| the model of before", "| with averaging"]
    assert all("1.00 (0.16 to 1.00), 2 of 2" in line for line in table)
    assert rule.count("---") == header.count(" | ") + 1
    assert {row["settings"] for row in rows(tmp_path, "phantoms")} == {"", "averaging=flips"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows: []", "the ablation has no rows: give at least one"),
        ("rows: [{name: a}]", r"the key 'model' is missing"),
        ("rows: [{name: a, model: demonstration, set: {}}]", "unknown key 'set'"),
        ("rows: [", "the list of rows"),
        (None, "rows.yaml"),
    ],
)
def test_rows_that_cannot_be_read_are_told_in_one_line(run, tmp_path, capsys, text, message):
    file = tmp_path / "rows.yaml"
    if text is not None:
        file.write_text(text)
    assert run("--ablation", str(file), model=None) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.strip().count("\n") == 0


def test_every_figure_is_of_a_table_that_is_read():
    empty = {name: [] for name in assessment_figures.TABLES}
    for table in assessment_figures.TABLES_WITH_LESIONS:
        empty[table] = empty[f"{table}-lesions"] = []
    assert {
        figure(empty) for section in assessment_figures.SECTIONS.values() for figure in section.values()
    } == {""}


def test_slices_of_a_patient_together_weigh_by_their_area():
    """A small slice without any overlap, and a large one that is found whole: 1 - 2 / (2 + 2 * 98 + ...)."""
    table = [
        {"patient": "a", "liver_dice": "0", "liver_cm2": "2", "over_cm2": "2", "under_cm2": "2"},
        {"patient": "a", "liver_dice": "1", "liver_cm2": "98", "over_cm2": "0", "under_cm2": "0"},
        {"patient": "b", "liver_dice": "0.5", "liver_cm2": "10", "over_cm2": "5", "under_cm2": "5"},
    ]
    assert assessment_figures.slices({"slices": table}).startswith("0.500 ")
    assert assessment_figures.slices_together({"slices": table}).startswith("0.740 ")  # (0.98 + 0.5) / 2
