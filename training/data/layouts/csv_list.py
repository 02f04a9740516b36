"""A CSV file with a line a case: name, portal, labels, and arterial, patient and facts where there are.

    name,portal,arterial,labels,patient,tumor_type,scanner
    P1,scans/1/pv.nii.gz,scans/1/art.nii.gz,truth/1.nii.gz,P1,HCC,GE

Paths are relative to the CSV file. Further columns are facts; an empty cell is a fact that is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.data.case import LabelFile, SourceCase
from training.data.layouts.labels import told_values

REQUIRED = ("name", "portal", "labels")
COLUMNS = (*REQUIRED, "arterial", "patient")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def find(data: Path, *, labels: Mapping[str, str] | None = None) -> list[SourceCase]:
    """Return one case a line. labels: classes by further values of the labels, such as {"3": "background"}."""
    values = told_values(labels or {})
    if not data.is_file():
        raise InputError(f"the list '{data}' is no file: give the CSV file itself")
    # Spreadsheets write the delimiter that their language is used to.
    table = read_csv(data, "the list", "save it as CSV in UTF-8", delimiters=",;\t")
    header = [name.strip() for name in table.header]
    _check_columns(header, data)
    for number, line in zip(table.numbers, table.lines, strict=True):
        if len(line) > len(header):
            raise InputError(
                f"'{data}' line {number} has more cells than the first line: put quotes around commas"
            )
    cases = [
        _case(dict(zip(header, (value.strip() for value in row.values()), strict=True)), number, data, values)
        for number, row in zip(table.numbers, table.rows(), strict=True)
    ]
    if not cases:
        raise InputError(f"the list '{data}' holds no case: add a line for each")
    return cases


def _check_columns(names: list[str], data: Path) -> None:
    for name in REQUIRED:
        if name not in names:
            raise InputError(f"the list '{data}' has no column {name!r}{nearest(name, names)}")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"the list '{data}' has the column {min(twice)!r} twice: rename one")


def _case(line: Mapping[str, str], number: int, data: Path, values: Mapping[int, int]) -> SourceCase:
    for name in REQUIRED:
        if not line[name]:
            raise InputError(f"'{data}' line {number} has no {name}: fill it in")
    if not _NAME.fullmatch(line["name"]):
        raise InputError(
            f"'{data}' line {number}: the name {shown(line['name'])} must be made of letters, digits, dot, dash and "
            "underscore: rename it"
        )
    here = data.parent
    return SourceCase(
        name=line["name"],
        portal=here / line["portal"],
        arterial=here / line["arterial"] if line.get("arterial") else None,
        labels=(LabelFile(path=here / line["labels"], values=values),),
        patient=line.get("patient") or None,
        facts={key: value for key, value in line.items() if key and key not in COLUMNS and value},
    )
