"""Two time points whose volumes are of other phases than they were given as: said for each, in the words of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import measure_case
from LiverTumorAttentionLib.contrast_phase import LATE_ARTERIAL, NATIVE, PORTAL
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.followup.changes import TimePoint
from LiverTumorAttentionLib.pipeline.compare import Visit, of_other_phases, read_visits
from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.phases.drawn_trunk import trunk


def visit(phase: str) -> Visit:
    """Return a time point whose portal volume shows a phase; what is brightest in its right half is the liver."""
    portal = trunk(phase)
    hu = sitk.GetArrayFromImage(portal)
    organ = np.zeros(hu.shape, np.uint16)
    organ[12:34, 22:40, 24:36] = 1  # in the liver's middle
    instances = sitk.GetImageFromArray(organ)
    instances.CopyInformation(portal)
    return Visit(portal=portal, instances=instances, point=TimePoint(case=measure_case(instances), tumors={}))


def test_the_right_phases_are_not_spoken_of() -> None:
    assert of_other_phases(visit(PORTAL), "baseline") == []
    assert of_other_phases(visit(PORTAL), "baseline", trunk(LATE_ARTERIAL)) == []


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (LATE_ARTERIAL, "the portal volume looks like the late arterial phase"),
        (NATIVE, "the portal volume looks like the native phase"),
    ],
)
def test_a_portal_volume_of_another_phase_is_said(phase: str, said: str) -> None:
    (warning,) = of_other_phases(visit(phase), "follow-up")
    assert warning.startswith(f"follow-up: {said}")


def test_a_comparison_says_it_of_its_files(tmp_path: Path) -> None:
    given: dict[str, str] = {}
    for name, phase in (("baseline", PORTAL), ("followup", LATE_ARTERIAL)):
        made = visit(phase)
        given |= {f"{name}_portal": str(tmp_path / f"{name}.nii.gz"), name: str(tmp_path / f"{name}.nrrd")}
        sitk.WriteImage(made.portal, given[f"{name}_portal"])
        sitk.WriteImage(made.instances, given[name])
    job = ComparisonJob(**given, json=str(tmp_path / "numbers.json"))
    _, notes = read_visits(job, Progress())
    (warning,) = [note for note in notes if "phase" in note]
    assert warning.startswith("follow-up: the portal volume looks like the late arterial phase")


def test_headers_of_volumes_that_are_no_dicom_are_those_of_the_series(tmp_path: Path) -> None:
    """Patient, date and slice thickness; another patient is refused by them."""
    given: dict[str, str] = {}
    for number, name in enumerate(("baseline", "followup")):
        made = visit(PORTAL)
        paths = {each: tmp_path / f"{name}{each}" for each in (".nii.gz", ".nrrd", ".json")}
        sitk.WriteImage(made.portal, str(paths[".nii.gz"]))
        sitk.WriteImage(made.instances, str(paths[".nrrd"]))
        facts = {"patient_id": "17", "acquired_s": 86400.0 * (739000 + 30 * number), "thickness_mm": 7.5}
        paths[".json"].write_text(json.dumps({"portal": facts}))
        given |= {f"{name}_portal": str(paths[".nii.gz"]), name: str(paths[".nrrd"])}
        given[f"{name}_headers"] = str(paths[".json"])
    job = ComparisonJob(**given, json=str(tmp_path / "numbers.json"))
    visits, _ = read_visits(job, Progress())
    assert {each.slice_mm for each in visits.values()} == {7.5}
    assert visits["followup"].facts.acquired_s - visits["baseline"].facts.acquired_s == 30 * 86400.0
    Path(given["followup_headers"]).write_text(json.dumps({"portal": {"patient_id": "18"}}))
    with pytest.raises(InputError, match="follow-up portal volume is of another patient than the baseline"):
        read_visits(job, Progress())


def test_exchanged_volumes_are_said() -> None:
    (warning,) = of_other_phases(visit(LATE_ARTERIAL), "baseline", trunk(PORTAL))
    assert warning.startswith("baseline: the portal and the arterial volume may be swapped")
    assert warning.endswith("it was used as given")
