"""Columns of the tables of tumors: the same value from every source."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from LiverTumorAttentionLib.analysis import TUMOR_COLUMNS, TumorReview, review_case, run_findings
from LiverTumorAttentionLib.tumor_columns import (
    MEASUREMENT,
    NODE_COLUMNS,
    PAGE_HU_COLUMNS,
    REVIEW_COLUMNS,
    RUN_COLUMNS,
    RUN_NODE_COLUMNS,
)
from Testing.Library.report.cases import Small


@pytest.fixture(scope="module")
def tumor() -> TumorReview:
    """A tumor of which everything was measured."""
    case = Small.on()
    volumes = (case.instances, case.portal, case.arterial, case.probability, case.vessels)
    phases = {"native": case.portal - 50, "delayed": case.portal - 10}
    measured = replace(review_case(*volumes, **phases).tumors[0].measurement, lesion_probability=0.75)
    findings = run_findings({"tumors": [asdict(measured)]})
    found = review_case(*volumes, **phases, findings=findings).tumors[0]
    return replace(
        found, measurement=replace(found.measurement, neck_ratio=0.8, segments="V")
    )  # a ball has none


@pytest.mark.parametrize("name", TUMOR_COLUMNS)
def test_every_path_leads_to_a_value(name: str, tumor: TumorReview) -> None:
    assert TUMOR_COLUMNS[name].value(tumor) is not None


@pytest.mark.parametrize("name", TUMOR_COLUMNS)
def test_json_and_measurement_give_the_same_value(name: str, tumor: TumorReview) -> None:
    column = TUMOR_COLUMNS[name]
    value = column.value(tumor)
    if column.path[0] != "nearest_vessel":  # a property, of which the JSON of a report has the name alone
        assert column.value(json.loads(json.dumps(asdict(tumor)))) == value
    assert column.value(tumor.measurement) == (value if column.path[0] == MEASUREMENT else None)


def test_a_run_measures_the_columns_of_its_tables() -> None:
    assert all(column.path[0] == MEASUREMENT for column in (*RUN_COLUMNS, *RUN_NODE_COLUMNS))
    assert set(RUN_NODE_COLUMNS) < set(NODE_COLUMNS)


def test_centroids_are_lps_in_files_and_ras_in_slicer(tumor: TumorReview) -> None:
    x, y, z = tumor.measurement.centroid_lps_mm
    lps = [TUMOR_COLUMNS[f"centroid_{letter}_mm"].value(tumor) for letter in "lps"]
    ras = [TUMOR_COLUMNS[f"centroid_{letter}_mm"].value(tumor) for letter in "ras"]
    assert (lps, ras) == ([x, y, z], [-x, -y, z])


def test_texts(tumor: TumorReview) -> None:
    columns = TUMOR_COLUMNS
    measurement = replace(tumor.measurement, volume_ml=1.23456, mean_probability=None)
    assert columns["volume_ml"].csv_text(measurement) == "1.235"
    assert columns["volume_ml"].text(measurement) == "1.23"
    assert columns["mean_probability"].csv_text(measurement) == ""
    assert columns["mean_probability"].text(measurement) == "–"
    assert (columns["tumor"].csv_text(tumor), columns["tumor"].text(tumor)) == ("1", "Tumor 1")
    assert columns["nearest_tumor"].text(tumor) == "Tumor 2"
    assert columns["nearest_vessel"].text(tumor) == tumor.vessels[1].name
    assert columns["volume_ml"].header == "Volume (mL)"
    assert columns["surface_distance_mm"].header == "To liver surface (mm)"
    assert columns["surface_distance_mm"].narrow_header == "To surface\n(mm)"
    assert columns["tumor"].header == columns["tumor"].narrow_header == "Tumor"


def test_headings_are_unique() -> None:
    for table in (NODE_COLUMNS, REVIEW_COLUMNS, PAGE_HU_COLUMNS):
        assert len({column.title for column in table}) == len(table)
