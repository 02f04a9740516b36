"""Scores of several files together, by recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from training.evaluation.columns import CASE_COLUMNS, LESION_COLUMNS, SLICE_COLUMNS, Row
from training.evaluation.score_files import lesions_path, read_rows, slices_path


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Rows of cases, lesions and slices, each in the order of the files."""

    cases: Sequence[Row]
    lesions: Sequence[Row]
    slices: Sequence[Row]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Scores:
        """Read the files that `evaluate` wrote, and the lesions and slices beside each.

        Raises `InputError` for a file of another format, and for a case that two runs of one recipe, part and seed
        have scored, which would be ambiguous.
        """
        if not paths:
            raise InputError("there are no scores to make tables of: name at least one scores.csv")
        cases = [row for path in paths for row in read_rows(path, CASE_COLUMNS)]
        _check_once(cases)
        return cls(
            cases=cases,
            lesions=[row for path in paths for row in read_rows(lesions_path(path), LESION_COLUMNS)],
            slices=[row for path in paths for row in read_rows(slices_path(path), SLICE_COLUMNS)],
        )

    @property
    def recipes(self) -> list[str]:
        """The recipes that were scored, by name."""
        return sorted({row["recipe"] for row in self.cases})


def number(row: Row, column: str) -> float | None:
    """Return a score: nan where it is undefined, None where it was not taken. Raises `InputError` for another text."""
    text = row[column]
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            f"the scores of case {row['case']!r} hold {text!r} for {column}, which is no number: run `evaluate` again"
        ) from error


def _check_once(cases: Sequence[Row]) -> None:
    seen: dict[tuple[str, str, str, str], str] = {}
    for row in cases:
        key = row["recipe"], row["part"], row["seed"], row["case"]
        if key in seen:
            raise InputError(
                f"the case {row['case']!r} is scored twice for {row['recipe']}, part {row['part']}, seed "
                f"{row['seed']}: by the runs '{seen[key]}' and '{row['run']}'; give the scores of one of them"
            )
        seen[key] = row["run"]
