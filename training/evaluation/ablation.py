"""An ablation table: models, or settings of one model, that differ in one thing from row to row.

A YAML file names the rows:

    rows:
      - {name: the model of before, model: demonstration}
      - {name: with hard negatives, model: build/ablation/hard}
      - {name: with averaging, model: build/ablation/hard, settings: {averaging: flips}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.yaml_values import read_yaml_file
from training.evaluation.assessment_figures import (
    ONE,
    SIZES_MM,
    TWO,
    Figure,
    average,
    clean,
    gain_of_the_arterial_phase,
    is_drawn,
    is_free,
    recall,
    slices,
    validates,
)
from training.evaluation.assessment_summary import read_columns
from training.evaluation.assessment_tables import Identity

FIGURES: dict[str, Figure] = {
    "liver, Dice, real slices": slices,
    "findings, real volumes without a tumor seen that validate": average("volumes", "findings", 1, validates),
    "implants found": recall("implants"),
    "implants below 10 mm found": recall("implants", *SIZES_MM[0]),
    "false findings, implants": average("implants", "false_findings", 2),
    "lesions found, phantoms": recall(TWO),
    "lesions below 10 mm found, phantoms": recall(TWO, *SIZES_MM[0]),
    "false findings, phantoms": average(TWO, "false_findings", 2, is_drawn),
    "clean phantoms without lesions": clean(TWO, is_free),
    "lesions found, portal phase alone": recall(ONE),
    "gain of the arterial phase": gain_of_the_arterial_phase,
    "processor seconds a phantom": average(TWO, "processor_seconds", 1),
}
"""Columns of the table."""


@dataclass(frozen=True, kw_only=True)
class AblationRow:
    """One row of the table."""

    name: str
    """What the row says."""
    model: str
    """Id or path."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the segmentation, such as {averaging: flips}."""


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """All rows of the table, in order."""

    rows: tuple[AblationRow, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError("the ablation has no rows: give at least one, with a name and a model")

    @classmethod
    def read(cls, path: Path) -> Ablation:
        """Read the rows from a YAML file. Raises `InputError`."""
        values = read_yaml_file(path, "the list of rows")
        return from_mapping(cls, values, where=f"'{path}'")


def write_ablation(folder: Path, ablation: Ablation) -> Path:
    """Write ablation.md beside the tables of `assess`; return its path.

    What none of the rows has been assessed on is left out. Raises `OutputError`, and `InputError` for unknown models.
    """
    columns = read_columns(folder)
    cells = []
    for row in ablation.rows:
        column = columns.get(Identity.of(find_model(row.model), row.settings))
        plain = columns.get(Identity.of(find_model(row.model), {}))
        if column is not None and plain is not None:
            column = {**column, "slices": plain["slices"]}  # settings change nothing about the liver stage
        cells.append({name: figure(column) if column else "" for name, figure in FIGURES.items()})
    names = [name for name in FIGURES if any(row[name] for row in cells)]
    lines = [
        "# Ablation",
        "",
        "Made by `python -m training assess --ablation FILE`; what the columns mean is told in `summary.md`.",
        "",
        f"| | {' | '.join(names)} |",
        f"| --- |{' --- |' * len(names)}",
        *(
            f"| {row.name} | {' | '.join(of_row[name] for name in names)} |"
            for row, of_row in zip(ablation.rows, cells, strict=True)
        ),
    ]
    path = folder / "ablation.md"
    with replacing(path, name="ablation table") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
