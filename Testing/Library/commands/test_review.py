"""The command `review`: all files together or none, one clear line for what cannot be used."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import REVIEW_COLUMNS
from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from LiverTumorAttentionLib.report import report_case
from Testing.dicom_support import unless_highdicom_is_missing
from Testing.Library.report.cases import Small, write_case


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def arguments(paths: dict[str, str], out: Path) -> list[str]:
    given = [part for name, path in paths.items() for part in (f"--{name}", path)]
    return [
        *("review", *given, "--output", str(out / "page.html"), "--csv", str(out / "table.csv")),
        *("--json", str(out / "numbers.json"), "--weight-kg", "70", "--progress", "none"),
    ]


def test_it_writes_page_table_and_numbers(
    paths: dict[str, str], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(paths, out)) == 0
    printed = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["numbers.json", "page.html", "table.csv"]
    values = json.loads((out / "numbers.json").read_text(encoding="utf-8"))
    with (out / "table.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == tuple(column.name for column in REVIEW_COLUMNS)
    for row, tumor in zip(rows, values["tumors"], strict=True):
        assert float(row["volume_ml"]) == pytest.approx(tumor["measurement"]["volume_ml"], abs=6e-4)
        difference = tumor["brightness"]["arterial_portal_difference_hu"]
        assert float(row["arterial_portal_difference_hu"]) == pytest.approx(difference, abs=0.06)
        assert row["nearest_vessel"] == tumor["nearest_vessel"]
    assert values["plan"]["weight_kg"] == 70
    assert "2 tumors" in printed.out
    assert "Not for clinical use." in printed.out
    assert "warning: the segmentation is not as the run left it" in printed.err


def test_a_program_reads_json_lines(
    paths: dict[str, str], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments({name: paths[name] for name in ("portal", "segmentation")}, out)
    given = given[: given.index("--weight-kg")] + ["--progress", "json"]
    assert main(given) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1] == {"event": "done", "output": str(out / "page.html"), "tumors": 2}
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    stages = list(dict.fromkeys(event["stage"] for event in events if event["event"] == "progress"))
    assert stages[:4] == ["reading", "measuring", "drawing", "writing"]


def test_cancelling_leaves_nothing_whenever_it_comes(paths: dict[str, str], out: Path) -> None:
    """What stood there before stays as it was."""
    (out / "page.html").write_text("the page of yesterday")
    job = ReviewJob(
        **paths, output=str(out / "page.html"), csv=str(out / "table.csv"), json=str(out / "numbers.json")
    )
    events: list[ProgressEvent] = []
    finished = out.parent / "finished"
    finished.mkdir()
    whole = ReviewJob(**paths, output=str(finished / "page.html"), csv=str(finished / "t.csv"))
    report_case(whole, Progress(events.append))
    stages = {event.stage for event in events}
    assert {"reading", "measuring", "planning", "drawing", "writing"} <= stages
    for stage in ("reading", "measuring", "planning", "drawing", "writing"):
        seen: list[str] = []

        def report(event: ProgressEvent, seen: list[str] = seen) -> None:
            seen.append(event.stage)

        with pytest.raises(Cancelled):
            report_case(job, Progress(report, lambda stage=stage, seen=seen: stage in seen))
        assert [path.name for path in out.iterdir()] == ["page.html"]
        assert (out / "page.html").read_text() == "the page of yesterday"


def test_cancelling_after_the_last_file_leaves_nothing(
    paths: dict[str, str], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def write(path: Path, values: object) -> None:
        path.write_text("{}")
        written.append(path)

    monkeypatch.setattr("LiverTumorAttentionLib.report.case_report.write_json", write)
    job = ReviewJob(**paths, csv=str(out / "table.csv"), json=str(out / "numbers.json"))
    with pytest.raises(Cancelled):
        report_case(job, Progress(None, lambda: bool(written)))
    assert list(out.iterdir()) == []


def test_a_writer_that_fails_leaves_nothing(
    paths: dict[str, str], out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, values: object) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("LiverTumorAttentionLib.report.case_report.write_json", full)
    assert main(arguments(paths, out)) == 2
    assert "numbers.json' cannot be written (no space left on device)" in capsys.readouterr().err
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "{out}/missing/page.html"], "missing' for the page does not exist: create it first"),
        (["--output", "{out}"], "has no suffix|is a folder"),
        (["--output", "{out}/page.pdf"], "ends in '.pdf'"),
        (["--csv", "{out}/t.xlsx"], "ends in '.xlsx'"),
        (
            ["--sr", "{out}/sr.dcm"],
            unless_highdicom_is_missing(
                "needs the DICOM folder of the portal volume", "DICOM structured report"
            ),
        ),
        (["--segmentation", "{tmp}/none.seg.nrrd"], "segmentation '.*none.seg.nrrd' does not exist"),
        (["--segmentation", "{tmp}/other.nrrd"], "do not lie on the same grid: their spacing is"),
        (
            ["--arterial", "{tmp}/other.nii.gz"],
            "arterial volume do not lie on the same grid: .* --save-registered",
        ),
        (["--vessels", "{tmp}/empty.nrrd"], "vessel segmentation '.*' has no voxel"),
        (["--plan", "{tmp}/none.json"], "the plan '.*none.json' does not exist"),
        (["--report", "{tmp}/none.json"], "the report '.*none.json' does not exist"),
        (["--weight-kg", "0.5"], "weight must lie between 1 and 400 kg, got 0.5"),
    ],
)
def test_one_line_says_what_to_do(
    paths: dict[str, str],
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    import re

    small = Small.on()
    for image, name in ((small.instances, "other.nrrd"), (small.arterial, "other.nii.gz")):
        image = sitk.Image(image)
        image.SetSpacing([0.9 * step for step in image.GetSpacing()])
        sitk.WriteImage(image, str(tmp_path / name))
    sitk.WriteImage(small.instances * 0, str(tmp_path / "empty.nrrd"))
    filled = [option.format(out=out, tmp=tmp_path) for option in options]
    assert main([*arguments(paths, out), *filled]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert re.search(message, lines[0]), lines[0]
    assert list(out.iterdir()) == []


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom LiverTumorAttentionLib.cli import main\n"
        "try:\n    main(['review', '--help'])\n"
        "finally:\n    print(sorted({'torch', 'SimpleITK', 'numpy', 'jinja2'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Not for clinical use." in " ".join(done.stdout.split())
