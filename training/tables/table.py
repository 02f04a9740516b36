"""A table of a paper with our numbers beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from training.tables.measures import Measured, measure
from training.tables.published import Metric, PublishedRow, PublishedTable
from training.tables.scores import Scores
from training.tables.select import SizeLimits, rows_of, shows
from training.tables.significance import Paired, paired


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of one row."""

    published: float | None
    published_sd: float | None
    ours: Measured | None
    test: Paired | None
    """Against the reference row; None where there is nothing to test."""


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row: published, ours, and the test."""

    published: PublishedRow
    cells: Mapping[str, Cell]
    """By the name of the metric."""
    trainings: int
    """Runs of the recipe that were scored: parts times seeds."""
    seeds: int
    cases: int
    changed: bool
    """Whether a run's recipe was not the one that is among the recipes."""
    livers: tuple[str, ...]
    """Where the coarse livers came from."""
    without_tumor: int
    """Cases that show no tumor, and are not in the means over cases."""
    found_there: int
    """Those of them in which a training found one all the same."""

    @property
    def scored(self) -> bool:
        """Whether the recipe has scores at all."""
        return self.trainings > 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, ready to be written."""

    paper: str
    citation: str
    number: str
    published: PublishedTable
    rows: Sequence[TableRow]
    reference: str | None
    """The row that the others are tested against; None when none of a recipe's rows could be."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Its columns."""
        return self.published.metrics

    @property
    def missing(self) -> list[PublishedRow]:
        """Rows whose recipe was not scored."""
        return [row.published for row in self.rows if row.published.recipe and not row.scored]


def build_table(
    paper: str,
    citation: str,
    number: str,
    published: PublishedTable,
    scores: Scores,
    sizes: SizeLimits,
    reference: PublishedRow | None,
    *,
    count_empty: bool = False,
) -> Table:
    """Put the scores into a paper's table. reference: the row that the others are tested against; None tests none.

    count_empty: see `measure`.
    """
    measured = {
        row.recipe: {
            metric.name: measure(metric, rows_of(scores, row.recipe, metric, sizes), count_empty=count_empty)
            for metric in published.metrics
        }
        for row in published.rows
        if row.recipe is not None
    }
    rows = []
    for row in published.rows:
        ours = measured.get(row.recipe or "", {})
        tested = reference is not None and reference.recipe not in (None, row.recipe)
        base = measured[str(reference.recipe)] if reference is not None and tested else {}
        cells = {
            metric.name: Cell(
                published=row.values.get(metric.name),
                published_sd=row.sd.get(metric.name),
                ours=ours.get(metric.name),
                test=_test(ours.get(metric.name), base.get(metric.name)),
            )
            for metric in published.metrics
        }
        rows.append(_row(row, cells, scores, count_empty=count_empty))
    return Table(
        paper=paper,
        citation=citation,
        number=number,
        published=published,
        rows=rows,
        reference=None if reference is None else reference.row,
    )


def reference_row(published: PublishedTable, number: str, name: str | None = None) -> PublishedRow | None:
    """Return the row that the others are tested against: the first with a recipe, the papers' baseline, or `name`.

    None where there are fewer than two rows to compare. Raises `InputError` when `name` is no row with a recipe.
    """
    trained = [row for row in published.rows if row.recipe is not None]
    if name is None:
        return trained[0] if len(trained) > 1 else None
    for row in trained:
        if row.row == name:
            return row
    known = ", ".join(repr(row.row) for row in trained)
    raise InputError(
        f"table {number} has no row {name!r} with a recipe to test against; it has {known}"
        ": choose one of these"
    )


def _test(ours: Measured | None, base: Measured | None) -> Paired | None:
    if ours is None or base is None or not ours.scores or not base.scores:
        return None
    return paired(ours.scores, base.scores)


def _row(
    published: PublishedRow, cells: Mapping[str, Cell], scores: Scores, *, count_empty: bool
) -> TableRow:
    rows = [row for row in scores.cases if published.recipe is not None and row["recipe"] == published.recipe]
    left_out = [] if count_empty else [row for row in rows if not shows(row, "tumor")]
    return TableRow(
        published=published,
        cells=cells,
        trainings=len({row["run"] for row in rows}),
        seeds=len({row["seed"] for row in rows}),
        cases=len({row["case"] for row in rows}),
        changed=any(row["changed"] == "yes" for row in rows),
        livers=tuple(sorted({row["liver_from"] for row in rows} - {""})),
        without_tumor=len({row["case"] for row in left_out}),
        found_there=len({row["case"] for row in left_out if row["tumor_empty"] == "truth"}),
    )
