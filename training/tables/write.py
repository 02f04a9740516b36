"""Tables as Markdown to read and as CSV to process. Each number of ours comes from the scores alone."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from typing import Any

from LiverTumorAttentionLib.wording import counted
from training.tables.published import Metric
from training.tables.significance import LEVEL
from training.tables.table import Cell, Table, TableRow

CSV_COLUMNS = (
    *("paper", "table", "row", "recipe", "metric", "unit", "published", "published_sd"),
    *("ours", "ours_sd", "cases", "scores", "undefined", "seeds", "trainings", "changed", "liver_from"),
    *("over_folds", "over_folds_sd", "folds", "without_tumor"),
    *("reference", "tested_cases", "difference", "p_t_test", "p_wilcoxon"),
)
"""One line a number; empty where there is none."""
DIGITS = {"%": 2, "ratio": 4, "mm": 2, "pixels": 2, "M": 2}
HOW_TO_READ = (
    "Published numbers were measured on other data than ours: compare the order of rows, not their values. "
    "Ours: mean ± standard deviation (n - 1) over cases, each case the mean over its trainings; DG, shares of lesions "
    "and LiTS's scores of matched ones pool all cases, ± over seeds. Over folds: of each by itself, then their mean "
    "± standard deviation. "
    "p: two-sided paired t-test against {reference}, on the cases both have, not "
    f"corrected for the number of rows; * marks p < {LEVEL:g}. It takes the trainings as they are: what other seeds "
    "would change is not in it."
)


def file_name(table: Table) -> str:
    """Return the name of a table's files without ending, such as "paresseg-table-4"."""
    number = re.sub(r"[^a-z0-9]+", "-", table.number.lower()).strip("-")
    return f"{table.paper}-table-{number}"


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    lines = [
        f"# {table.paper}, table {table.number}: {table.published.title}",
        "",
        f"{table.citation}.",
        f"Published on: {table.published.dataset}.",
        "",
        HOW_TO_READ.format(reference=f"the row “{table.reference}”" if table.reference else "no row"),
        "",
        _line(["Row", "", *(metric.title for metric in table.metrics)]),
        _line(["---", "---", *("---:" for _ in table.metrics)]),
    ]
    for row in table.rows:
        lines += _row_lines(row, table)
    lines += ["", *_notes(table)]
    return "\n".join(lines) + "\n"


def csv_text(tables: Sequence[Table]) -> str:
    """Return tables as CSV, one line a number."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            for metric in table.metrics:
                writer.writerow(_record(table, row, metric))
    return stream.getvalue()


def _row_lines(row: TableRow, table: Table) -> list[str]:
    cells = [(row.cells[metric.name], metric) for metric in table.metrics]
    lines = []
    if row.published.values:
        published = [_number(cell.published, cell.published_sd, metric) for cell, metric in cells]
        lines.append(_line([f"**{row.published.row}**", "published", *published]))
    name = "" if lines else f"**{row.published.row}**"
    if row.published.recipe is None:
        return lines or [_line([name, "-", *("-" for _ in cells)])]
    if not row.scored:
        return [*lines, _line([name, "not scored", *("-" for _ in cells)])]
    label = f"ours{' (changed recipe)' if row.changed else ''}, {counted(row.cases, 'case')}, "
    label += counted(row.trainings, "training")
    lines.append(_line([name, label, *(_ours(cell, metric) for cell, metric in cells)]))
    if any(cell.ours is not None and cell.ours.folds is not None for cell, _ in cells):
        lines.append(_line(["", "ours, over folds", *(_over_folds(cell, metric) for cell, metric in cells)]))
    if any(cell.test is not None for cell, _ in cells):
        lines.append(_line(["", "p", *(_p(cell) for cell, _ in cells)]))
    return lines


def _ours(cell: Cell, metric: Metric) -> str:
    if cell.ours is None:
        return "-"
    pooled = cell.ours.pooled
    text = _number(pooled.mean, pooled.sd, metric)
    return f"{text} ({pooled.undefined} undefined)" if pooled.undefined else text


def _over_folds(cell: Cell, metric: Metric) -> str:
    folds = None if cell.ours is None else cell.ours.folds
    return "-" if folds is None else f"{_number(folds.mean, folds.sd, metric)} ({folds.folds})"


def _p(cell: Cell) -> str:
    if cell.test is None or math.isnan(cell.test.t_test_p):
        return "-"
    p = cell.test.t_test_p
    text = "< 0.0001" if p < 0.0001 else f"{p:.4f}"
    return f"{text} *" if p < LEVEL else text


def _number(value: float | None, sd: float | None, metric: Metric) -> str:
    if value is None or math.isnan(value):
        return "-"
    digits = DIGITS[metric.unit]
    return f"{value:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")


def _notes(table: Table) -> list[str]:
    """Return the notes below a table."""
    notes = []
    if table.published.note:
        notes.append(f"- {' '.join(table.published.note.split())}.".replace("..", "."))
    for row in table.rows:
        if row.published.note:
            notes.append(f"- “{row.published.row}”, published: {row.published.note}.")
        if row.published.recipe is None and row.published.why:
            notes.append(f"- “{row.published.row}” is not trained here: {row.published.why}.")
        if row.changed:
            notes.append(
                f"- “{row.published.row}”, ours: trained by other settings than those of {row.published.recipe}; the "
                "run.json of each run tells them."
            )
    notes += _without_tumor(table)
    livers = sorted({liver for row in table.rows for liver in row.livers})
    if livers:
        notes.append(f"- Coarse livers of our tumor stages: {', '.join(livers)}.")
    unscored = [missing.row for missing in table.missing]
    if table.reference in unscored and any(row.scored for row in table.rows):
        notes.append(
            f"- Nothing is tested, since “{table.reference}” has no scores; --reference names another row."
        )
    for missing in table.missing:
        notes.append(f"- “{missing.row}” has no scores: train and evaluate {missing.recipe}.")
    return notes


def _without_tumor(table: Table) -> list[str]:
    """Return what the means leave out, one note for all rows of which the same is true."""
    rows: dict[tuple[int, int], list[str]] = {}
    for row in table.rows:
        if row.without_tumor:
            rows.setdefault((row.without_tumor, row.found_there), []).append(f"“{row.published.row}”")
    return [
        f"- {', '.join(names)}, ours: {counted(cases, 'case')} without tumor left out of the means over cases, with a "
        f"false finding in {found} (--count-empty counts them, as 1 where nothing was found)."
        for (cases, found), names in rows.items()
    ]


def _record(table: Table, row: TableRow, metric: Metric) -> dict[str, Any]:
    cell = row.cells[metric.name]
    record: dict[str, Any] = {
        "paper": table.paper,
        "table": table.number,
        "row": row.published.row,
        "recipe": row.published.recipe,
        "metric": metric.name,
        "unit": metric.unit,
        "published": cell.published,
        "published_sd": cell.published_sd,
    }
    if cell.ours is not None:
        pooled = cell.ours.pooled
        record |= {
            "ours": pooled.mean,
            "ours_sd": pooled.sd,
            "cases": pooled.cases,
            "scores": pooled.scores,
            "undefined": pooled.undefined,
            "seeds": row.seeds,
            "trainings": row.trainings,
            "changed": "yes" if row.changed else "no",
            "liver_from": "; ".join(row.livers),
            "without_tumor": row.without_tumor,
        }
        folds = cell.ours.folds
        if folds is not None:
            record |= {"over_folds": folds.mean, "over_folds_sd": folds.sd, "folds": folds.folds}
    if cell.test is not None:
        record |= {
            "reference": table.reference,
            "tested_cases": cell.test.cases,
            "difference": cell.test.difference,
            "p_t_test": cell.test.t_test_p,
            "p_wilcoxon": cell.test.wilcoxon_p,
        }
    return {key: "" if value is None else value for key, value in record.items()}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
