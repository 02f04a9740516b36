"""Tables of a cohort: cases.csv, lesions.csv, failures.csv, and timings.csv with what depends on the computer.

They are made of the cases' own reports, in the order of the cases' names: the same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from LiverTumorAttentionLib.analysis.tumor_tables import csv_text, tumor_rows
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import replacing_all
from LiverTumorAttentionLib.io.csv_file import read_csv
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.pipeline.worklist import REPORT_FILE, RESULT_FOLDER
from LiverTumorAttentionLib.tumor_columns import RUN_COLUMNS

TIMING_FILE = "timings.csv"
CASE_COLUMNS = (
    *(
        "case",
        "phases",
        "tumors",
        "liver_volume_ml",
        "tumor_volume_ml",
        "tumor_burden_percent",
        "largest_tumor_mm",
    ),
    *(
        "portal_phase",
        "portal_phase_confidence",
        "liver_portal_hu",
        "registration",
        "warnings",
        "first_warning",
    ),
    *("model", "model_version", "software_version"),
)
LESION_COLUMNS = ("case", *(column.run_name or column.name for column in RUN_COLUMNS))
FAILURE_COLUMNS = ("case", "reason")
TIMING_COLUMNS = ("case", "seconds")
TABLES = {
    "cases.csv": CASE_COLUMNS,
    "lesions.csv": LESION_COLUMNS,
    "failures.csv": FAILURE_COLUMNS,
    TIMING_FILE: TIMING_COLUMNS,
}


@dataclass(frozen=True, kw_only=True)
class CaseReport:
    """What the tables and the overview take from the report of a case. tumors: rows of text."""

    row: dict[str, str]
    tumors: list[dict[str, str]]


def read_case_report(place: Path) -> CaseReport | None:
    """Return what the report of a case says; None where it is missing or is no report of a run."""
    try:
        values = read_json(place / RESULT_FOLDER / REPORT_FILE, "report")
        return CaseReport(row=_row(place.name, values), tumors=tumor_rows(values["tumors"]))
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        return None


def write_tables(
    folder: Path, names: Iterable[str], failures: Mapping[str, str], seconds: Mapping[str, float]
) -> None:
    """Write all tables of a cohort, together. names: of the finished cases, in order. Raises `OutputError`.

    failures: why the others were not segmented. seconds: that cases took.
    """
    with replacing_all([folder / name for name in TABLES], name="table") as parts:
        files = {name: parts[folder / name].open("w", encoding="utf-8", newline="") for name in TABLES}
        try:
            writers = {name: _Writer(files[name], columns) for name, columns in TABLES.items()}
            for name in names:
                report = read_case_report(folder / name)
                if report is not None:
                    writers["cases.csv"].add([report.row])
                    writers["lesions.csv"].add([{"case": name, **row} for row in report.tumors])
            writers["failures.csv"].add({"case": name, "reason": why} for name, why in failures.items())
            writers[TIMING_FILE].add({"case": n, "seconds": f"{s:.2f}"} for n, s in seconds.items())
        finally:
            for file in files.values():
                file.close()


class _Writer:
    """One table, written row by row."""

    def __init__(self, file: TextIO, columns: Sequence[str]) -> None:
        self._file, self._columns = file, columns
        file.write(csv_text(columns, []))

    def add(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Write rows."""
        self._file.write(csv_text(self._columns, [dict(row) for row in rows], heading=False))


def read_timings(path: Path) -> dict[str, float]:
    """Return the seconds by case of an earlier run; none where there is no table of them."""
    try:
        rows = read_csv(path, "the table of times", "remove it").rows()
        return {row["case"]: float(row["seconds"]) for row in rows}
    except (InputError, KeyError, ValueError):
        return {}


def _row(name: str, report: Mapping[str, Any]) -> dict[str, str]:
    liver, tumors, model = report["liver"], report["tumors"], report["model"]
    estimate = report["phase_estimates"].get("portal") or {}
    warnings = report["warnings"]
    return {
        "case": name,
        "phases": " ".join(report["phases"]),
        "tumors": str(len(tumors)),
        "liver_volume_ml": _number(liver["volume_ml"], 1),
        "tumor_volume_ml": _number(liver["tumor_volume_ml"], 3),
        "tumor_burden_percent": _number(liver["tumor_burden_percent"], 2),
        "largest_tumor_mm": _number(max((t["longest_axial_diameter_mm"] for t in tumors), default=None), 1),
        "portal_phase": str(estimate.get("phase", "")),
        "portal_phase_confidence": _number(estimate.get("confidence"), 2),
        "liver_portal_hu": _number((estimate.get("hu") or {}).get("liver"), 0),
        "registration": (report["registration"] or {}).get("grade", ""),
        "warnings": str(len(warnings)),
        "first_warning": str(warnings[0]) if warnings else "",
        "model": str(model["id"]),
        "model_version": str(model["version"]),
        "software_version": str(report["version"]),
    }


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
