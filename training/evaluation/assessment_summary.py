"""The tables of `assess_model` as one page: what the model card shows, each model in a column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from training.evaluation.assess_model import BASELINE
from training.evaluation.assessment_figures import (
    SECTIONS,
    TABLES,
    TABLES_WITH_LESIONS,
    Column,
    Figure,
    against,
)
from training.evaluation.assessment_tables import DIGITS, Identity, read_rows

ALL_TABLES = (*TABLES, *(name for table in TABLES_WITH_LESIONS for name in (table, f"{table}-lesions")))


def read_columns(folder: Path) -> dict[Identity, Column]:
    """Return the rows of every model in a folder of tables; the baseline first, then in the order of the rows."""
    tables = {name: read_rows(folder / f"{name}.csv") for name in ALL_TABLES}
    models: dict[Identity, Identity] = {}
    for identity in (Identity.of_row(row) for rows in tables.values() for row in rows):
        if identity.version or identity not in models:
            models[identity] = identity
    ordered = sorted(models.values(), key=lambda model: (model.model != BASELINE, model.settings != ""))
    return {
        model: {name: [row for row in rows if Identity.of_row(row) == model] for name, rows in tables.items()}
        for model in ordered
    }


def write_summary(folder: Path) -> Path:
    """Write summary.md beside the tables; return its path. Raises `OutputError`."""
    columns = read_columns(folder)
    lines = [
        "# Models on what their stages were never trained on",
        "",
        "Made by `python -m training assess`. Ranges are 95 % intervals, resampled over the patients of slices, the",
        "scans of implants, or phantoms; exact ones (Clopper and Pearson, Poisson) where all or none count. A lesion",
        "is found where one voxel of it is; a finding is false where it touches no lesion. Freedom from tumors is",
        "proven in no real volume: findings there are counted, and looked at one by one. Implants are drawn by the",
        "generator that training uses, in volumes that train no stage.",
        "",
        "The second look of what `make model` makes is fitted on other implants in three of these volumes, and on",
        "these as they are: what it leaves in them is not independent of it. The card of a model tells what it",
        "leaves in patients that were left out.",
        "Volumes and phantoms were looked at while the models were built; none was kept for a last test.",
        "",
        *_row("", [model.title for model in columns]),
        *_row("---", ["---"] * len(columns)),
        *_row("weights", [model.weights.replace("+", " ") for model in columns]),
    ]
    sections = dict(SECTIONS)
    if columns:
        baseline, first = next(iter(columns.items()))
        sections["Cost"] = {**SECTIONS["Cost"], **_ratios(baseline, first)}
    for title, figures in sections.items():
        rows = [(name, [figure(column) for column in columns.values()]) for name, figure in figures.items()]
        shown = [line for name, cells in rows if any(cells) for line in _row(name, cells)]
        if shown:
            lines += _row(f"**{title}**", [""] * len(columns)) + shown
    lines += _different(columns)
    for model, column in columns.items():
        lines += _volumes(model.title, column)
    path = folder / "summary.md"
    with replacing(path, name="summary") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def figures_of(folder: Path, weights: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what the summary shows of a model, run as it is by default, section by section.

    weights: SHA-256 of each stage's weights. Raises `InputError` where the folder holds no row of them.
    """
    wanted = "+".join(sha256[:DIGITS] for sha256 in weights)
    columns = [
        column
        for model, column in read_columns(folder).items()
        if (model.weights, model.settings) == (wanted, "")
    ]
    if not columns:
        raise InputError(
            f"'{folder}' holds no row of `assess` of these weights ({wanted}): export without it, assess that model, "
            "and export again"
        )
    told = {
        title: {name: cell for name, figure in figures.items() if (cell := figure(columns[0]))}
        for title, figures in SECTIONS.items()
    }
    return {title: cells for title, cells in told.items() if cells}


def _different(columns: dict[Identity, Column]) -> list[str]:
    """Return lines that name generated cases whose voxels differ from model to model; none where all are the same."""
    lines = []
    for table in TABLES_WITH_LESIONS:
        voxels: dict[str, set[str]] = {}
        for column in columns.values():
            for row in column[table]:
                if row.get("voxels"):
                    voxels.setdefault(row["case"], set()).add(row["voxels"])
        cases = [case for case, found in voxels.items() if len(found) > 1]
        if cases:
            lines += [
                "",
                f"**Not comparable:** {table} {', '.join(cases)} differ from model to model, as other versions "
                f"of this program generated them: delete their rows in {table}.csv, and run `assess` again.",
            ]
    return lines


def _ratios(baseline: Identity, column: Column) -> dict[str, Figure]:
    return {
        f"processor time, times that of {baseline.title} on the same cases": against(
            column, "processor_seconds"
        ),
        f"memory, times that of {baseline.title} on the same cases": against(column, "peak_mb"),
    }


def _row(title: str, cells: list[str]) -> list[str]:
    return [f"| {title} | {' | '.join(cells)} |"]


def _volumes(model: str, column: Column) -> list[str]:
    if not column["volumes"]:
        return []
    lines = [
        "",
        f"## Real volumes, {model}",
        "",
        "| volume | use | phase | tumors | liver, mL | liver, HU | liver, Dice | findings | mL each | s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in column["volumes"]:
        each = [one["volume_ml"] for one in column["volumes-lesions"] if one["case"] == row["case"]]
        cells = [
            row[name] for name in ("case", "use", "phase", "tumors", "liver_ml", "liver_hu", "liver_dice")
        ]
        lines.append(f"| {' | '.join([*cells, row['findings'], ', '.join(each), row['seconds']])} |")
    return lines
