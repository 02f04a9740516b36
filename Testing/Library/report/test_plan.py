"""Plans and run reports as files: what is read, and what is said when it cannot be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib import report
from LiverTumorAttentionLib.analysis.planning import CutPlane, Planner
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.pipeline.arterial_policy import is_usable
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.plan import compute_plan
from LiverTumorAttentionLib.report.run_report import read_run_report
from LiverTumorAttentionLib.report.wanted_plan import WantedPlan, read_plan
from Testing.Library.report.cases import PLAN, REPORT, Small

PLANE = {"point_lps_mm": [0, 0, 0], "normal_lps": [1, 0, 0]}


def written(folder: Path, content: Any) -> Path:
    path = folder / "file.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_plan_is_computed_as_the_planner_does(tmp_path: Path) -> None:
    case = Small.on("oblique")
    wanted = read_plan(written(tmp_path, PLAN))
    plan = compute_plan(wanted, case.instances, case.vessels, None, Progress())
    planner = Planner(case.instances, case.vessels)
    assert [margin.name for margin in plan.margins] == ["wide", "Margin 2"]
    assert plan.margins[0].plan.as_dict() == planner.margin(5.0).as_dict()
    assert plan.margins[1].plan.as_dict() == planner.margin(3.5, [2]).as_dict()
    assert [resection.name for resection in plan.resections] == ["right side", "Resection 2"]
    plane = CutPlane(point_lps_mm=(-42, 17.5, 103), normal_lps=(-1, 0, 0))
    assert plan.resections[0].plan == planner.resection(plane, weight_kg=62.5)
    assert plan.resections[1].plan.combine == "any"
    assert len(plan.resections[1].plan.planes) == 2
    values = plan.as_dict()
    assert values["resections"][0]["left_tumors"] == [2]
    assert json.loads(json.dumps(values))["margins"][1]["name"] == "Margin 2"


def test_the_weight_that_is_given_counts_before_that_of_the_plan() -> None:
    case = Small.on("straight")
    wanted = WantedPlan.from_dict(PLAN)
    plan = compute_plan(wanted, case.instances, None, 80.0, Progress())
    assert plan.weight_kg == 80.0
    assert {resection.plan.weight_kg for resection in plan.resections} == {80.0}


def test_the_plan_that_the_documentation_shows_can_be_read() -> None:
    text = (Path(report.__file__).parent / "README.md").read_text(encoding="utf-8")
    block = re.search(r"\n\n(    \{\n.*?\n    \})\n\n", text, re.DOTALL)
    assert block is not None
    plan = WantedPlan.from_dict(json.loads(block[1]))
    assert [resection.name for resection in plan.resections] == ["right side", "wedge"]
    assert plan.margins[1].tumors == (1, 3)
    assert plan.weight_kg == 70.0


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("{", "the plan .* is no valid JSON"),
        ('{"margins": [{"margin_mm": NaN}]}', "is no valid JSON .NaN is no number"),
        ([], "the plan: expected an object with named fields, got list"),
        ({}, "neither a margin nor a resection"),
        (
            {"resections": [{"name": "bare"}]},
            "the resection 'bare' must have planes or a curved surface",
        ),
        (
            {"resections": [{"surface": {"points_lps_mm": [[0, 0, 0]], "toward_lps": [0, 0, 1]}}]},
            "3 to 60 points, got 1",
        ),
        ({"vessel_cuts": [{"point_lps_mm": [0, 0]}]}, "point_lps_mm: expected 3 values, got 2"),
        ({"margin": []}, "unknown key 'margin'; did you mean 'margins'"),
        ({"margins": [{"width_mm": 5}]}, r"margins\[0\]: unknown key 'width_mm'"),
        ({"margins": [{"margin_mm": "5"}]}, r"margins\[0\]: margin_mm: expected float, got str '5'"),
        ({"margins": [{"margin_mm": 5, "tumors": [1.5]}]}, "expected int, got float 1.5"),
        ({"margins": [{"margin_mm": 5}] * 13}, "the plan has 13 margins, at most 12 fit"),
        ({"resections": [{"planes": [PLANE], "combine": "both"}]}, "'all' .a wedge. or as 'any', got 'both'"),
        ({"resections": [{"planes": [{"point_lps_mm": [0, 0]}]}]}, "point_lps_mm: expected 3 values, got 2"),
        ({"resections": [{"planes": [{**PLANE, "normal_lps": [0, 0, 0]}]}]}, "must point somewhere"),
    ],
)
def test_a_plan_that_cannot_be_meant(tmp_path: Path, plan: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_plan(written(tmp_path, plan))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            {"margins": [{"name": "wide", "margin_mm": 500}]},
            "the plan's 'wide': the margin must be wider than",
        ),
        ({"margins": [{"margin_mm": 5, "tumors": [7]}]}, "the plan's 'Margin 1': there is no tumor 7"),
        ({"resections": [{"planes": [PLANE]}]}, "the plan's 'Resection 1': the plane does not pass through"),
        ({"resections": [{"planes": []}]}, "must have planes or a curved surface"),
        ({"vessel_cuts": [{"point_lps_mm": [0, 0, 0]}]}, "no vessels are known: give them with --vessels"),
        (
            {"margins": [{"margin_mm": 5}], "resections": [{"planes": [PLANE]}], "weight_kg": 0.1},
            "weight must lie",
        ),
    ],
)
def test_a_plan_that_does_not_fit_the_case(plan: dict[str, Any], message: str) -> None:
    case = Small.on("straight")
    with pytest.raises(InputError, match=message):
        compute_plan(WantedPlan.from_dict(plan), case.instances, None, None, Progress())


def test_planning_can_be_cancelled() -> None:
    case = Small.on("straight")
    with pytest.raises(Cancelled):
        compute_plan(WantedPlan.from_dict(PLAN), case.instances, None, None, Progress(None, lambda: True))


def test_a_run_report_without_the_paths_in_it(tmp_path: Path) -> None:
    run = read_run_report(written(tmp_path, REPORT))
    assert run.model is not None
    assert run.registration is not None
    assert (run.version, run.model.id, run.registration.grade, run.phases) == (
        *("0.1.0", "toy", "good", ("portal", "arterial")),
    )
    assert "Doe" not in json.dumps(run.as_dict())
    assert is_usable(run.registration)


def test_the_report_of_a_registration_alone(tmp_path: Path) -> None:
    """As `register --report` writes it."""
    values = {name: REPORT[name] for name in ("notice", "version", "settings", "registration")}
    run = read_run_report(written(tmp_path, values))
    assert run.model is None
    assert run.liver is None
    assert run.registration is not None


def test_what_a_newer_version_adds_is_passed_over(tmp_path: Path) -> None:
    newer = {**REPORT, "new": 1, "registration": {**REPORT["registration"], "newer": 2}}
    assert read_run_report(written(tmp_path, newer)) == read_run_report(written(tmp_path, REPORT))


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("<html>", "the report .* is no valid JSON"),
        ([1], "is no report of a run: choose the file that segment --report"),
        ({"tumors": []}, "is no report of a run"),
        ({**REPORT, "registration": {"grade": "good"}}, "registration: the key 'reason' is missing"),
        ({**REPORT, "model": "toy"}, "model: expected an object with named fields, got str"),
        (
            {**REPORT, "liver": {"volume_ml": "much", "tumor_volume_ml": 1}},
            "volume_ml: expected float, got str",
        ),
    ],
)
def test_a_report_that_is_none(tmp_path: Path, report: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_run_report(written(tmp_path, report))


@pytest.mark.parametrize("read", [read_plan, read_run_report])
def test_a_file_that_is_missing_or_no_text(tmp_path: Path, read: Any) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="is no valid JSON"):
        read(tmp_path / "binary.json")
    with pytest.raises(InputError, match="is a folder"):
        read(tmp_path)
