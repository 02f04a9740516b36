"""Reading and writing of the three files of scores."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import filelock

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import replacing_all
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.evaluation.columns import CASE_COLUMNS, HOW, LATER, LESION_COLUMNS, SLICE_COLUMNS, Row
from training.runs.run_folder import run_name

SUFFIX = ".csv"


@dataclass(frozen=True, kw_only=True)
class CaseScores:
    """All rows of one case of one run."""

    case: Row
    lesions: Sequence[Row] = ()
    slices: Sequence[Row] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The run and the case."""
        return self.case["run"], self.case["case"]

    @property
    def how(self) -> tuple[tuple[str, str], ...]:
        """What decides the scores beside the case: columns and their values."""
        return tuple((name, self.case[name]) for name in HOW)


class ScoreFiles:
    """scores.csv with scores-lesions.csv and scores-slices.csv beside it.

    Every change reads what is there, changes it and writes it whole, while a lock keeps other processes from doing so:
    several commands may fill one file. Rows are sorted by run and case, whatever the order of work.
    """

    def __init__(self, path: Path) -> None:
        """Name the files. Raises `InputError` for a name that is not one of a CSV file."""
        if path.suffix != SUFFIX:
            raise InputError(f"scores are written as {SUFFIX}, got '{path}': name it scores.csv, for example")
        self.path = path
        self._lock = filelock.FileLock(path.with_name(f".{path.stem}.lock"))

    def read(self) -> dict[tuple[str, str], CaseScores]:
        """Return all cases by run and case; none where there is no file. Raises `InputError` for another format."""
        if not self.path.exists():
            return {}
        lesions = _by_case(read_rows(lesions_path(self.path), LESION_COLUMNS))
        slices = _by_case(read_rows(slices_path(self.path), SLICE_COLUMNS))
        cases = {(row["run"], row["case"]): row for row in read_rows(self.path, CASE_COLUMNS)}
        return {
            key: CaseScores(case=row, lesions=lesions.get(key, ()), slices=slices.get(key, ()))
            for key, row in cases.items()
        }

    def put(self, scores: Iterable[CaseScores]) -> None:
        """Write cases, in place of what was there of the same ones."""
        with self._lock:
            self._write({**self.read(), **{each.key: each for each in scores}})

    def drop(self, keys: Collection[tuple[str, str]]) -> None:
        """Take cases out."""
        if keys:
            with self._lock:
                self._write({key: scores for key, scores in self.read().items() if key not in keys})

    def _write(self, scores: Mapping[tuple[str, str], CaseScores]) -> None:
        """Write the three files, all or none."""
        ordered = [scores[key] for key in sorted(scores)]
        tables = {
            self.path: (CASE_COLUMNS, [each.case for each in ordered]),
            lesions_path(self.path): (LESION_COLUMNS, [row for each in ordered for row in each.lesions]),
            slices_path(self.path): (SLICE_COLUMNS, [row for each in ordered for row in each.slices]),
        }
        with replacing_all(tables, name="scores") as temporary:
            for path, (columns, rows) in tables.items():
                with temporary[path].open("w", newline="", encoding="utf-8") as stream:
                    writer = csv.DictWriter(stream, columns, lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)


def lesions_path(scores: Path) -> Path:
    """Return where the lesions of a file of scores stand."""
    return scores.with_name(f"{scores.stem}-lesions{SUFFIX}")


def slices_path(scores: Path) -> Path:
    """Return where the slices of a file of scores stand."""
    return scores.with_name(f"{scores.stem}-slices{SUFFIX}")


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a file of scores; what earlier versions did not score is empty.

    Raises `InputError` naming what is missing or is of another format.
    """
    table = read_csv(path, "the scores", "run `evaluate` again")
    header, lines = table.header, table.lines
    if header not in _headers(columns):
        raise InputError(f"'{path}' is no file of scores of this version: {_header_problem(header, columns)}")
    for number, line in zip(table.numbers, lines, strict=True):
        if len(line) != len(header):
            raise InputError(
                f"'{path}', line {number}: {len(line)} cells in place of {len(header)}; restore the file, or run "
                "`evaluate` again"
            )
    nothing = dict.fromkeys(columns, "")
    rows = [{**nothing, **dict(zip(header, line, strict=True))} for line in lines]
    for row in rows:
        if Path(row["run"]).is_absolute():  # as earlier versions wrote it
            row["run"] = run_name(Path(row["run"]))
    return rows


def _headers(columns: Sequence[str]) -> list[list[str]]:
    """Return the header of this version and of each earlier one."""
    later = [{name for some in LATER[since:] for name in some} for since in range(len(LATER) + 1)]
    return [[name for name in columns if name not in missing] for missing in later]


def _header_problem(header: Sequence[str], columns: Sequence[str]) -> str:
    missing = [name for name in columns if name not in header]
    unknown = [name for name in header if name not in columns]
    if missing:
        what = f"it has no column {missing[0]!r}"
    elif unknown:
        what = f"it has a column {unknown[0]!r} that is not known"
    else:
        what = "its columns stand in another order"
    return f"{what}; give the scores.csv that `evaluate` wrote, or run it again"


def _by_case(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row["run"], row["case"]), []).append(row)
    return grouped
