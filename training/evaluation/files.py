"""The three files of scores, read whole and written whole."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic import replacing_all
from training.evaluation.columns import CASE_COLUMNS, HOW, LESION_COLUMNS, SLICE_COLUMNS, Row

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

    def settings(self) -> dict[str, str]:
        """Return what decides the scores beside the case."""
        return {name: self.case[name] for name in HOW}


@dataclass
class ScoreFiles:
    """scores.csv with scores-lesions.csv and scores-slices.csv beside it, in memory.

    Rows of a case that is scored again take the place of the old ones. Files are sorted by run and case, so that they
    do not depend on the order of work.
    """

    path: Path
    scores: dict[tuple[str, str], CaseScores] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> ScoreFiles:
        """Read what is there; a file that is missing has no rows. Raises `InputError` for another format."""
        if path.suffix != SUFFIX:
            raise InputError(f"scores are written as {SUFFIX}, got '{path}': name it scores.csv, for example")
        files = cls(path)
        if not path.exists():
            return files
        lesions = _by_case(read_rows(lesions_path(path), LESION_COLUMNS))
        slices = _by_case(read_rows(slices_path(path), SLICE_COLUMNS))
        for row in read_rows(path, CASE_COLUMNS):
            key = row["run"], row["case"]
            files.scores[key] = CaseScores(case=row, lesions=lesions.get(key, ()), slices=slices.get(key, ()))
        return files

    def put(self, scores: Iterable[CaseScores]) -> None:
        """Take rows over and write the three files, all or none."""
        self.scores.update({each.key: each for each in scores})
        ordered = [self.scores[key] for key in sorted(self.scores)]
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
    """Return the rows of a file of scores. Raises `InputError` naming what is missing or is of another format."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the scores '{path}' cannot be read ({error}): run `evaluate` again") from error
    if header != list(columns):
        raise InputError(f"'{path}' is no file of scores of this version: {_header_problem(header, columns)}")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(columns):
            raise InputError(
                f"'{path}', line {number}: {len(line)} cells in place of {len(columns)}; restore the file, or run "
                "`evaluate` again"
            )
    return [dict(zip(columns, line, strict=True)) for line in lines]


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
