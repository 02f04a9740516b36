"""A folder of cases on the disk, a child that stands in for the run of one, and the panel's worklist read back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from Testing.Slicer import cases, study_cases

# Stands in for child.py: it does what a file named "plan" in the case says, and copies the result made beforehand.
FAKE_CHILD = """
import json, os, shutil, sys, time
from pathlib import Path
given = [each for each in sys.argv if each != "--phases-as-given"]
options = dict(zip(given[2::2], given[3::2]))
case = Path(options["--portal"]).parent
plan = (case / "plan").read_text() if (case / "plan").exists() else ""
def say(**event):
    print(json.dumps(event), flush=True)
with open(Path(__file__).with_name("calls.jsonl"), "a") as calls:
    calls.write(json.dumps({"case": case.name, "pid": os.getpid(), "arguments": sys.argv[1:]}) + "\\n")
say(event="progress", stage="liver", fraction=0.5, message="")
if plan == "half":
    (case / "result" / ".segmentation.1234.part.seg.nrrd").write_text("half")
while plan in ("hold", "half") and not (case / "release").exists():
    time.sleep(0.02)
if plan == "fail":
    say(event="error", kind="InputError", message="the portal volume is no CT")
    sys.exit(2)
if plan == "ask" and "--phases-as-given" not in sys.argv:
    say(event="error", kind="PhaseMismatch", message="swap them", question="they may be exchanged")
    sys.exit(2)
for option, name in (("--output", "segmentation.seg.nrrd"), ("--report", "report.json")):
    shutil.copy(case / "made" / name, options[option])
if "--save-probability" in options:
    shutil.copy(case / "made" / "probability.nrrd", options["--save-probability"])
say(event="done", output=options["--output"], tumors=3)
"""


def make_folder(place: Path, count: int = 3, *, arterial: bool = False) -> Path:
    """Make a folder of cases "case1", "case2", …, each with its portal venous CT and what a run would find."""
    for number in range(1, count + 1):
        case = place / f"case{number}"
        case.mkdir(parents=True)
        voxels = study_cases.hounsfield() + np.int16(number)
        image = _image(voxels, number)
        sitk.WriteImage(image, str(case / "portal.nrrd"))
        if arterial:
            sitk.WriteImage(image + 20, str(case / "arterial.nrrd"))
        made = case / "made"
        made.mkdir()
        sitk.WriteImage(image, str(made / "portal.nrrd"))
        _write_result(made, image)
    return place


def put_result(case: Path, *, log: str = "", registration: bool = False) -> None:
    """Put the result of a run into a case. registration: whether it is one of two phases."""
    from LiverTumorAttentionLib.correction import HEADER_KEY
    from LiverTumorAttentionLib.io import write_segmentation

    result = case / "result"
    result.mkdir()
    image = sitk.ReadImage(str(case / "portal.nrrd"))
    truth = sitk.GetImageFromArray(study_cases.truth())
    truth.CopyInformation(image)
    write_segmentation(result / "segmentation.seg.nrrd", truth, notes={HEADER_KEY: log} if log else {})
    for name in ("report.json", "probability.nrrd"):
        (result / name).write_bytes((case / "made" / name).read_bytes())
    if registration:
        cases.write_registration(case / "made")
        for name in ("registered.nrrd", "transform.h5"):
            (result / name).write_bytes((case / "made" / name).read_bytes())
        report = json.loads((result / "report.json").read_text())
        (result / "report.json").write_text(json.dumps({**report, "registration": cases.verdict()}))


def fake_runs(folder: Path) -> Any:
    """Return a factory of runs whose child is the stand-in."""
    script = folder / "child.py"
    script.write_text(FAKE_CHILD)

    def make(*arguments: Any, **options: Any) -> Any:
        from LiverTumorAttentionGui.worklist.batch import CaseRun

        return CaseRun(*arguments, script=script, program=sys.executable, **options)

    return make


def calls(folder: Path) -> list[dict[str, Any]]:
    """Return what the stand-in was started with, in order."""
    path = folder / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rows(panel: Any) -> list[tuple[str, ...]]:
    """Return name and status of each row of the worklist."""
    table = panel.ui.worklistTable
    return [tuple(table.item(row, column).text() for column in (0, 1)) for row in range(table.rowCount)]


def double_click(panel: Any, row: int) -> None:
    """Open the case of a row, as a double click does."""
    panel.ui.worklistTable.cellDoubleClicked.emit(row, 0)


def labels_on_disk(case: Path) -> np.ndarray:
    """Return the instances in the result of a case."""
    from LiverTumorAttentionLib.io import read_instances

    return sitk.GetArrayFromImage(read_instances(case / "result" / "segmentation.seg.nrrd"))


def _image(voxels: np.ndarray, number: int) -> sitk.Image:
    """Return voxels on the grid of the other tests, moved so that no two cases lie alike."""
    from LiverTumorAttentionGui.scene.voxel_grid import VoxelGrid

    ras = np.vstack([np.asarray(cases.OBLIQUE, float), [0, 0, 0, 1]])
    ras[0, 3] += number
    return VoxelGrid(voxels.shape, ras).image(voxels)


def _write_result(made: Path, image: sitk.Image) -> None:
    from LiverTumorAttentionLib.io import write_segmentation

    cases.write_result(made, 3)
    truth = sitk.GetImageFromArray(study_cases.truth())
    truth.CopyInformation(image)
    write_segmentation(made / "segmentation.seg.nrrd", truth)
