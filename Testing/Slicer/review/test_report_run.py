"""The report from the scene: what the child is given, and that files appear where the user wants them, or none does."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.Slicer import ball_cases

RUN_REPORT = {
    "version": "0.9",
    "registration": None,
    "model": {"id": "m", "title": "A model", "version": "3", "statement": "trained on phantoms"},
}
# Stand-ins for the child: they write what they are asked for, or half of it.
WRITES = """
import sys
for option in ("--output", "--csv", "--json"):
    open(sys.argv[sys.argv.index(option) + 1], "w").write(option)
"""
SAYS_DONE = 'print(\'{"event": "done"}\')\n'
HANGS = 'import time; print(\'{"event": "progress", "stage": "x", "fraction": 0.1}\', flush=True); time.sleep(600)\n'


@pytest.fixture
def begin(scene, tmp_path, wait_until):
    """Return a function that starts a report of a case, with a text as child; None for the real one."""
    from LiverTumorAttentionGui.review.report_run import ReportRun

    runs = []

    def start(case, text=None, folder=None, instances=None, **options):
        heard = SimpleNamespace(outcomes=[], stages=[], warnings=[])
        if text is not None:
            script = tmp_path / "child.py"
            script.write_text(text)
            options["script"] = script
        heard.folder = folder or tmp_path / "wanted"
        if folder is None:
            heard.folder.mkdir(exist_ok=True)
        heard.page = heard.folder / "case.html"
        heard.run = ReportRun(
            case.study,
            case.instances if instances is None else instances,
            heard.page,
            on_progress=lambda fraction, stage: heard.stages.append((fraction, stage)),
            on_warning=heard.warnings.append,
            on_finished=heard.outcomes.append,
            program=sys.executable,
            **options,
        )
        runs.append(heard.run)
        heard.run.start()
        heard.scratch = Path(heard.run._folder.name)
        heard.wait = lambda: wait_until(lambda: heard.outcomes, "the report has ended")
        return heard

    yield start
    for run in runs:
        run.abandon()


def given(study, instances, folder):
    """Return the files that the child would be given, by option."""
    from LiverTumorAttentionGui.review.report_run import write_case

    folder.mkdir()
    words = write_case(study, instances, folder)
    return dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize("moved", [False, True], ids=["own grid", "under a transform"])
def test_child_is_given_the_current_case(scene, tmp_path, moved):
    from LiverTumorAttentionLib.analysis import read_vessels
    from LiverTumorAttentionLib.io import read_instances
    from LiverTumorAttentionLib.voxels.geometry import check_same_grid

    case = ball_cases.make(scene, moved=moved, vessels=True)
    case.study.segmentation.SetAttribute("LiverTumorAttention_Report", json.dumps(RUN_REPORT))
    without_first = ball_cases.labels()
    without_first[without_first == 2] = 1  # tumor 1 was rejected
    instances = ball_cases.image(without_first, case.grid)
    files = given(case.study, instances, tmp_path / "given")
    assert set(files) == {"--portal", "--arterial", "--segmentation", "--vessels", "--report"}
    segmentation = read_instances(files["--segmentation"], keep_numbers=True)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(segmentation), without_first)
    vessels = read_vessels(files["--vessels"])
    assert dict(vessels.names) == {1: "Portal vein"}
    portal, arterial = (sitk.ReadImage(files[f"--{name}"]) for name in ("portal", "arterial"))
    tumor = ball_cases.labels() > 1
    assert set(sitk.GetArrayFromImage(portal)[tumor]) == {ball_cases.TUMOR_HU}
    assert set(sitk.GetArrayFromImage(arterial)[tumor]) == {ball_cases.ARTERIAL_TUMOR_HU}
    for written in (portal, arterial, segmentation, vessels.labels):
        check_same_grid(case.instances, written, "the case", "the file")
    assert json.loads(Path(files["--report"]).read_text()) == RUN_REPORT


def test_missing_volumes_are_not_given(scene, tmp_path):
    case = ball_cases.make(scene, arterial=False)
    for odd in (None, "no JSON", "[1]", '{"tumors": []}'):
        if odd is not None:
            case.study.segmentation.SetAttribute("LiverTumorAttention_Report", odd)
        files = given(case.study, case.instances, tmp_path / f"given {odd!r}"[:12].replace('"', ""))
        assert set(files) == {"--portal", "--segmentation"}


def test_real_child_writes_the_report(scene, begin):
    """The real command line on a moved case: the page, the table and the numbers, which are those of the plan."""
    from LiverTumorAttentionGui.review.planning import ScenePlan

    case = ball_cases.make(scene, moved=True, vessels=True)
    case.study.segmentation.SetAttribute("LiverTumorAttention_Report", json.dumps(RUN_REPORT))
    plan = ScenePlan(case.study, case.instances)
    plan.set_margin(5.0, [1])
    plane = plan.add_plane()
    plane.SetNormalWorld([0.5, 0.2, 0.8])
    plan.weight_kg = 70.0
    told, margin = plan.resection(), plan.margin()
    began = time.monotonic()
    heard = begin(case, plan=plan.as_json(), patient_name="N. N.")
    heard.wait()
    print(f"the real child took {time.monotonic() - began:.1f} s")
    assert heard.outcomes[0].status == "done", heard.outcomes[0].message
    assert {stage for _, stage in heard.stages} >= {"reading", "measuring", "planning"}
    names = ["case-plan.csv", "case.csv", "case.html", "case.json"]
    assert sorted(path.name for path in heard.folder.iterdir()) == names
    page = heard.page.read_text()
    assert "not for clinical use" in page.lower()
    assert "N. N." in page
    assert "A model" in page
    numbers = json.loads((heard.folder / "case.json").read_text())
    text = json.dumps(numbers)
    for value in (told.resected_ml, told.remnant_ml_per_kg, margin.volume_ml):
        assert any(abs(float(found) - value) < 1e-5 * value for found in _numbers(text)), value
    assert not heard.scratch.exists()
    plan.close()


def _numbers(text: str) -> list[str]:
    import re

    return re.findall(r"\d+\.\d+", text)


def test_files_are_written_together_after_the_child_has_ended(scene, begin):
    case = ball_cases.make(scene)
    heard = begin(case, WRITES + SAYS_DONE)
    assert list(heard.folder.iterdir()) == [], "nothing before the child has ended"
    heard.wait()
    assert heard.outcomes[0].status == "done"
    assert heard.page.read_text() == "--output"
    assert (heard.folder / "case.csv").read_text() == "--csv"
    assert not heard.scratch.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed (Segmentation fault)"),
        (WRITES + "import sys; sys.exit(1)", "exit code 1"),
        (
            'print(\'{"event": "error", "message": "the plan is odd"}\'); import sys; sys.exit(2)',
            "The plan is odd.",
        ),
        (SAYS_DONE, "left no whole report behind"),
        (WRITES, "without a result"),
    ],
    ids=["crash", "failure after writing", "error", "done without files", "files without done"],
)
def test_failed_run_changes_nothing(scene, begin, tmp_path, text, words):
    case = ball_cases.make(scene)
    (tmp_path / "wanted").mkdir()
    (tmp_path / "wanted" / "case.html").write_text("of yesterday")
    heard = begin(case, text)
    heard.wait()
    assert heard.outcomes[0].status == "failed"
    assert words in heard.outcomes[0].message
    assert [path.name for path in heard.folder.iterdir()] == ["case.html"]
    assert heard.page.read_text() == "of yesterday"
    assert not heard.scratch.exists()


def test_cancel_leaves_nothing(scene, begin, wait_until):
    case = ball_cases.make(scene)
    heard = begin(case, WRITES + HANGS)
    wait_until(lambda: heard.stages, "the child has begun")
    heard.run.cancel()
    heard.wait()
    assert (heard.outcomes[0].status, heard.outcomes[0].message) == (
        "cancelled",
        "Cancelled. No report was written.",
    )
    assert list(heard.folder.iterdir()) == []
    assert not heard.scratch.exists()


def test_unwritable_folder_is_refused_before_the_run(scene, begin, tmp_path):
    from LiverTumorAttentionGui.errors import PanelError

    case = ball_cases.make(scene)
    with pytest.raises(
        PanelError, match=r"^The folder '.*nowhere' for the page does not exist: create it first\.$"
    ):
        begin(case, WRITES, folder=tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(PanelError, match="is a file, so the page cannot be put in it"):
        begin(case, WRITES, folder=tmp_path / "file")
    (tmp_path / "here" / "case.json").mkdir(parents=True)
    with pytest.raises(PanelError, match="is a folder: name a file in it"):
        begin(case, WRITES, folder=tmp_path / "here")


def test_folder_removed_during_the_run_is_reported(scene, begin, tmp_path):
    case = ball_cases.make(scene)
    heard = begin(case, "import time; time.sleep(0.3)\n" + WRITES + SAYS_DONE)
    heard.folder.rmdir()
    heard.wait()
    assert heard.outcomes[0].status == "failed"
    assert "does not exist: create it first" in heard.outcomes[0].message
    assert not heard.folder.exists()
    assert not heard.scratch.exists()
