"""A CSV file with a line a case, for cohorts: its name, and the volumes or the study.

    name,portal,arterial,delayed,native,headers
    P1,scans/1/pv.nii.gz,scans/1/art.nii.gz,,,
    name,study,study_uid,portal_series
    P2,dicom/2,,5

Columns have the names of the fields of a `SegmentationJob`. Paths are relative to the CSV file. Further columns, such
as those of a list for training, are not read.
"""

from __future__ import annotations

from pathlib import Path

from LiverTumorAttentionLib.cohort.found_case import LONGEST_NAME, FoundCase
from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.csv_file import read_csv
from LiverTumorAttentionLib.pipeline.jobs import CASE_NAME
from LiverTumorAttentionLib.pipeline.worklist import INPUT_FIELDS, INPUT_PATHS

COLUMNS = ("name", *INPUT_FIELDS)


def cases_of_list(path: Path) -> list[FoundCase]:
    """Return the cases of a list. Raises `InputError` for a line that names no case, naming the line."""
    table = read_csv(path, "the list", "save it as CSV in UTF-8", delimiters=",;\t")
    header = [name.strip() for name in table.header]
    if "name" not in header or not {"portal", "study"} & set(header):
        missing = "name" if "name" not in header else "portal"
        raise InputError(f"the list '{path}' has no column {missing!r}{nearest(missing, header)}: add it")
    twice = {name for name in header if name in COLUMNS and header.count(name) > 1}
    if twice:
        raise InputError(f"the list '{path}' has the column {min(twice)!r} twice: rename one")
    cases = []
    for number, line in zip(table.numbers, table.lines, strict=True):
        if len(line) > len(header):
            raise InputError(
                f"'{path}' line {number} has more cells than the first line: put quotes around commas"
            )
        cells = {name: cell.strip() for name, cell in zip(header, line, strict=False)}
        cases.append(_case(cells, f"'{path}' line {number}", path.parent))
    return cases


def _case(cells: dict[str, str], where: str, folder: Path) -> FoundCase:
    name = cells.get("name", "")
    if not CASE_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"{where}: the name {shown(name)} must be made of at most {LONGEST_NAME} letters, digits, dots, dashes and "
            "underscores, a letter or a digit first: rename it"
        )
    given = {key: cells[key] for key in INPUT_FIELDS if cells.get(key)}
    if bool(given.get("portal")) == bool(given.get("study")):
        got = "both" if given.get("portal") else "neither"
        raise InputError(f"{where}: a case has a portal volume or a study, got {got}: fill in one of the two")
    inputs = {key: str(folder / value) if key in INPUT_PATHS else value for key, value in given.items()}
    return FoundCase(name=name, inputs=inputs, where=where)
