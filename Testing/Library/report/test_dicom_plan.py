"""Plans in the structured report, read back by highdicom: the numbers of the JSON, with codes, units and tracking."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib import report
from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.couinaud_segments import write_couinaud
from LiverTumorAttentionLib.io.named_labels import write_named_labels
from LiverTumorAttentionLib.io.terminology import vessel_segments
from LiverTumorAttentionLib.report.dicom_plan import METHODS, QUANTITIES, SCHEME, VESSEL_CUT
from Testing.Library.report.cases import Small
from Testing.Library.report.dicom_study import Study

highdicom = pytest.importorskip("highdicom", reason="DICOM SR needs highdicom")
pydicom = pytest.importorskip("pydicom")

LATIN = "Hemihepatektomie, groß"


def mm(image: sitk.Image, index: np.ndarray) -> np.ndarray:
    return np.array(image.TransformContinuousIndexToPhysicalPoint([float(value) for value in index[::-1]]))


class Planned:
    """A study with a plan: both kinds of cuts between the two tumors, segments V to VIII about the first, a vein."""

    def __init__(self, study: Study) -> None:
        self.study, image = study, study.portal_image
        centers = [mm(image, np.argwhere(study.labels == value).mean(axis=0)) for value in (2, 3)]
        way = centers[0] - centers[1]
        self.middle, self.toward = (centers[0] + centers[1]) / 2, way / np.linalg.norm(way)
        across = np.linalg.svd(self.toward[None])[2][1:]
        points = [self.middle + 15 * (a * across[0] + b * across[1]) for a in (-1, 1) for b in (-1, 1)]
        plane = {"point_lps_mm": self.middle.tolist(), "normal_lps": self.toward.tolist()}
        surface = {
            "points_lps_mm": [point.tolist() for point in (*points, self.middle + self.toward)],
            "toward_lps": self.toward.tolist(),
        }
        self.plan: dict[str, Any] = {
            "weight_kg": 62.5,
            "height_cm": 170,
            "margins": [{"margin_mm": 5, "tumors": [2]}],
            "resections": [
                {"name": LATIN, "planes": [plane]},
                {"surface": surface},
                {"name": LATIN, "surface": surface, "planes": [plane]},
            ],
            "segment_resections": [{"resection": "right hepatectomy"}],
        }

    def segments(self) -> str:
        """Write segments V to VIII on the first tumor's side and II to IV on the other."""
        labels = self.study.labels
        index = np.argwhere(labels > 0)
        image = self.study.portal_image
        places = np.array([mm(image, place) for place in index])
        side = (places - self.middle) @ self.toward
        values = np.where(side > 0, 5 + (side > 15), 2 + (side < -15)).astype(np.uint8)
        array = np.zeros(labels.shape, np.uint8)
        array[tuple(index.T)] = values
        path = self.study.folder / "segments.seg.nrrd"
        write_couinaud(path, self.study._like(array, image))
        return str(path)

    def vessels(self) -> str:
        """Write the vessels of the case with names; the plan cuts the hepatic vein in the middle of its voxels."""
        array = sitk.GetArrayFromImage(Small.on("thick slices").vessels.labels)
        path = self.study.folder / "vessels.seg.nrrd"
        labels = self.study._like(array, self.study.portal_image)
        write_named_labels(path, labels, vessel_segments()[:2], "vessels")
        inside = np.argwhere((array == 2) & (self.study.labels > 0))
        where = mm(self.study.portal_image, inside[len(inside) // 2])
        self.plan["vessel_cuts"] = [{"point_lps_mm": where.tolist()}]
        return str(path)

    def write(self, **changes: Any) -> tuple[Any, Any]:
        path = self.study.folder / "plan.json"
        path.write_text(json.dumps(self.plan))
        return self.study.write(plan=str(path), **changes)


@pytest.fixture
def planned(tmp_path: Path, series: Callable[..., list[Path]]) -> Planned:
    return Planned(Study(tmp_path, series))


def coded(concept: Any) -> tuple[str, str, str]:
    return concept.value, concept.scheme_designator, concept.meaning


def texts(group: Any) -> dict[str, list[str]]:
    """Return the sentences of a group by the meaning of their name."""
    found: dict[str, list[str]] = {}
    for item in group[0].ContentSequence:
        if item.ValueType == "TEXT" and item.RelationshipType == "CONTAINS":
            found.setdefault(item.ConceptNameCodeSequence[0].CodeMeaning, []).append(item.TextValue)
    return found


def test_every_plan_has_a_group_with_the_numbers_of_the_json(planned: Planned) -> None:
    content, read = planned.write(segments=planned.segments(), vessels=planned.vessels())
    groups = read.content.get_image_measurement_groups()
    named = [(group.tracking_identifier, coded(group.finding_type)[2]) for group in groups]
    resection, cut = "Planned liver resection", VESSEL_CUT[2]
    assert named == [
        ("Margin 1", "Planned safety margin around tumors"),
        (LATIN, resection),
        ("Resection 2", resection),
        (LATIN, resection),
        ("Right hepatectomy", resection),
        ("Cut 1", cut),
        ("All cuts", cut),
    ]
    methods = ("margin", "planes", "curved cut", "curved cut and planes", "segments", "vessel cut")
    assert [coded(group.method) for group in groups] == [METHODS[m] for m in (*methods, "vessel cut")]
    plan = content.as_dict()["plan"]
    names = {"functional_liver_ml": "parenchyma_ml", "flr_ml": "remnant_parenchyma_ml"}
    names |= {"flr_percent": "remnant_parenchyma_percent", "standardized_flr_percent": "standardized_percent"}
    names |= {"flr_to_body_weight_percent": "weight_percent"}
    units = {"ml": "cm3", "percent": "%", "mm": "mm", "cm": "cm", "kg": "kg"}
    told = [
        *plan["margins"],
        *plan["resections"],
        *plan["segment_resections"],
        *plan["territories"]["territories"],
    ]
    for group, values in zip(groups, [*told, plan["territories"]], strict=True):
        found = group.get_measurements()
        assert len({coded(each.name) for each in found}) >= 4
        for name, concept in QUANTITIES.items():
            value = values.get(names.get(name, name))
            if value is None or name in ("tumor_margin_mm", "supply_lost_ml", "drainage_lost_ml"):
                continue
            (measured,) = [each for each in found if coded(each.name) == concept]
            assert measured.value == pytest.approx(value, rel=1e-9), name
            assert coded(measured.unit)[:2] == (units[name.rsplit("_", 1)[1]], "UCUM")
    assert read.PreliminaryFlag == "PRELIMINARY"
    (scheme,) = read.CodingSchemeIdentificationSequence
    assert (scheme.CodingSchemeDesignator, SCHEME[:2]) == (SCHEME, "99")


def test_the_liver_and_tumors_are_told_as_without_a_plan(planned: Planned) -> None:
    _, alone = planned.study.write()
    _, read = planned.write(segments=planned.segments())
    (groups, before) = (each.content.get_volumetric_roi_measurement_groups() for each in (read, alone))
    assert [group.tracking_identifier for group in groups] == ["Liver", "Tumor 1", "Tumor 2"]
    for now, then in zip(groups[1:], before[1:], strict=True):
        assert [each.value for each in now.get_measurements()[:4]] == [
            each.value for each in then.get_measurements()
        ]
    assert alone.content.get_image_measurement_groups() == []
    assert "CodingSchemeIdentificationSequence" not in alone


def test_the_distance_of_each_tumor_is_tracked_with_it(planned: Planned) -> None:
    del planned.plan["segment_resections"]
    content, read = planned.write()
    tumors = read.content.get_volumetric_roi_measurement_groups()[1:]
    (_, group, *_) = read.content.get_image_measurement_groups()
    of_tumors = [
        each for each in group.get_measurements() if coded(each.name) == QUANTITIES["tumor_margin_mm"]
    ]
    margins = [
        (tumor.number, tumor.margin_mm)
        for tumor in content.plan.resections[0].plan.tumors
        if tumor.margin_mm is not None
    ]
    assert [number for number, _ in margins] == [1], "the second tumor stays"
    (measured,) = of_tumors
    assert measured.value == pytest.approx(margins[0][1], rel=1e-9)
    (identifier, uid) = (
        {item.ValueType: item for item in measured[0].ContentSequence if item.ValueType == kind}[kind]
        for kind in ("TEXT", "UIDREF")
    )
    assert (identifier.TextValue, uid.UID) == ("Tumor 1", tumors[0].tracking_uid)


def test_how_it_cuts_what_numbers_mean_and_limits_are_text(planned: Planned) -> None:
    planned.plan["limits"] = [
        {"name": "ours", "measure": "functional", "least_percent": 99.5, "source": "the team, 2026"},
        {"name": "low", "measure": "weight", "least_percent": 0.0001},
    ]
    _, read = planned.write(segments=planned.segments())
    margin, planes, curved, both, right = (texts(g) for g in read.content.get_image_measurement_groups())
    assert margin["Procedure Description"] == ["5 mm around tumors 2"]
    point = ", ".join(f"{value:.4g}" for value in planned.middle)
    assert f"beyond 1 plane; plane 1 through ({point}) mm" in planes["Procedure Description"][0]
    assert "beyond a surface through 5 points; surface through (" in curved["Procedure Description"][0]
    assert "beyond all of a surface through 5 points and 1 plane" in both["Procedure Description"][0]
    assert right["Procedure Description"][0].startswith("segments V, VI, VII, VIII (")
    assert "-794.41 + 1267.28 x body surface" in planes["Calculation Description"][0]
    tumors, ours, low = planes["Comment"]
    assert tumors == "tumors taken out whole: 1; cut: none; staying whole: 2"
    assert ours == (
        "limit, ours: future liver remnant in % of the liver without tumors at least 99.5 %: not reached "
        "(the team, 2026)"
    )
    assert low.endswith("at least 0.0001 %: reached")


def test_resected_segments_are_finding_sites(planned: Planned) -> None:
    _, read = planned.write(segments=planned.segments())
    *_, right = read.content.get_image_measurement_groups()
    sites = [coded(site.value)[:2] for site in right.finding_sites]
    assert sites == [
        ("10200004", "SCT"),
        *((code, "SCT") for code in ("277959000", "277960005", "277961009", "277962002")),
    ]


def test_a_plan_is_tracked_alike_in_every_report_on_the_series(planned: Planned) -> None:
    """By its name, also when it is moved; plans of the same name by their order."""
    del planned.plan["segment_resections"]

    def tracked() -> list[str]:
        _, read = planned.write()
        return [group.tracking_uid for group in read.content.get_image_measurement_groups()]

    first = tracked()
    assert len(set(first)) == len(first)
    planned.plan["resections"][0]["planes"][0]["point_lps_mm"][2] += 2
    assert tracked() == first
    planned.plan["resections"][0]["name"] = "another"
    renamed = tracked()
    assert renamed[0] == first[0]
    assert renamed[1] not in first


def test_the_command_line_writes_it(planned: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    study = planned.study
    path, table = study.folder / "plan.json", study.folder / "plan.csv"
    planned.plan = {key: planned.plan[key] for key in ("resections", "weight_kg")}
    path.write_text(json.dumps(planned.plan))
    given = ["--portal", str(study.folder / "portal"), "--segmentation", str(study.segmentation)]
    objects = ["--sr", str(study.folder / "sr.dcm"), "--seg", str(study.folder / "seg.dcm")]
    assert main(["review", *given, "--plan", str(path), *objects, "--plan-csv", str(table)]) == 0
    groups = highdicom.sr.srread(study.folder / "sr.dcm").content.get_image_measurement_groups()
    rows = table.read_text(encoding="utf-8").splitlines()[1:]
    assert [group.tracking_identifier for group in groups] == [LATIN, "Resection 2", LATIN]
    assert len(rows) == len(groups)
    planned.plan["resections"][0]["planes"][0]["point_lps_mm"][0] += 500
    path.write_text(json.dumps(planned.plan))
    (study.folder / "sr.dcm").unlink()
    capsys.readouterr()
    assert main(["review", *given, "--plan", str(path), *objects]) == 2
    assert "does not pass through the liver" in capsys.readouterr().err
    assert not (study.folder / "sr.dcm").exists(), "a plan that cannot be meant leaves no report behind"


def test_the_seg_must_have_the_tumors_that_a_plan_tells_of(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    del planned.plan["segment_resections"]
    monkeypatch.setattr("LiverTumorAttentionLib.report.dicom_sr.segments_by_value", lambda *_: {})
    with pytest.raises(InputError, match="the DICOM SEG has no segment for Liver: name a file"):
        planned.write()


def test_the_documentation_tells_every_code() -> None:
    text = (Path(report.__file__).parent / "README.md").read_text(encoding="utf-8")
    part = text[text.index("### The plan in the structured report") :]
    concepts = {*QUANTITIES.values(), *METHODS.values()}
    missing = [
        concept for concept in concepts if f"| `{concept[0]}` | {concept[1]} | {concept[2]} |" not in part
    ]
    assert missing == []
