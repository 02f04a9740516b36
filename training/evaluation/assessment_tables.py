"""Tables of an assessment: CSV files in which the rows of several models, each by the SHA-256 of its weights, stand."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.io.csv_file import read_csv
from LiverTumorAttentionLib.models import ModelPackage

DIGITS = 12
LOCK_FILE = ".lock"
KEYS = ("model", "weights", "case")
"""Columns that every table has."""
Row = dict[str, str]


@dataclass(frozen=True, order=True)
class Identity:
    """A model, run with certain settings: what a column of the summary stands for."""

    model: str
    """Id."""
    weights: str
    """The first digits of the SHA-256 of the weights of each stage and of the second look, joined by "+"."""
    settings: str = ""
    """Settings of the run that differ from the defaults, such as "averaging=flips"."""
    version: str = field(default="", compare=False)
    """Of the model, for the summary; empty in tables of before it was told."""

    @classmethod
    def of(cls, package: ModelPackage, settings: Mapping[str, Any]) -> Identity:
        """Return that of a model and settings."""
        described = package.description
        weights = "+".join(sha256[:DIGITS] for sha256 in described.checksums.values())
        text = " ".join(f"{name}={settings[name]}" for name in sorted(settings))
        return cls(described.id, weights, text, described.version)

    @classmethod
    def of_row(cls, row: Mapping[str, str]) -> Identity:
        """Return that of a row; older tables have no columns of settings and version."""
        return cls(row["model"], row["weights"], row.get("settings") or "", row.get("version") or "")

    def cells(self) -> dict[str, str]:
        """Return the values for a row."""
        return {
            "model": self.model,
            "version": self.version,
            "weights": self.weights,
            "settings": self.settings,
        }

    @property
    def title(self) -> str:
        """How a summary calls it."""
        model = f"{self.model} {self.version}".strip()
        return f"{model}, {self.settings}" if self.settings else model


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a table; none where it does not exist yet."""
    if not path.is_file():
        return []
    hint = "remove it, or give another folder"
    table = read_csv(path, "the table", hint)
    missing = [name for name in KEYS if name not in table.header]
    if missing:
        raise InputError(f"the table '{path}' is none of `assess`, without {' and '.join(missing)}: {hint}")
    return table.rows()


def has_row(path: Path, identity: Identity, name: str, made_by: Mapping[str, str]) -> bool:
    """Whether a table has a model's row of a case that was made as `made_by` says; a column it lacks counts as that."""
    return any(
        row["case"] == name
        and Identity.of_row(row) == identity
        and all((row.get(column) or value) == value for column, value in made_by.items())
        for row in read_rows(path)
    )


def add_rows(path: Path, identity: Identity, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to a table, in place of those that the same model has for the case already.

    Several runs may add to one table at the same time. Raises `OutputError`; then the table is what it was.
    """
    with filelock.FileLock(path.parent / LOCK_FILE):
        kept: list[Mapping[str, Any]] = [
            row for row in read_rows(path) if not (row["case"] == name and Identity.of_row(row) == identity)
        ]
        new = [{**identity.cells(), "case": name, **row} for row in rows]
        if not kept and not new:
            return
        columns = dict.fromkeys(column for row in (*new[:1], *kept[:1]) for column in row)
        with (
            replacing(path, name="table") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, list(columns), restval="")
            writer.writeheader()
            writer.writerows([*kept, *new])
