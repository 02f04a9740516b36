"""The papers' tables, our numbers beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_apart
from LiverTumorAttentionLib.io.atomic_write import making_folder, replacing_all
from training.evaluation.score_files import lesions_path, slices_path
from training.tables.lesion_groups import lesion_groups, lesions_csv, lesions_markdown
from training.tables.overview import overview
from training.tables.published import PublishedPaper, published_papers, read_published
from training.tables.scores import Scores
from training.tables.select import SizeLimits
from training.tables.table import Table, build_table, reference_row
from training.tables.write import csv_text, file_name, markdown

__all__ = ["SizeLimits", "make_tables", "write_tables"]


def write_tables(
    paths: Sequence[Path],
    output: Path,
    *,
    papers: Sequence[str] = (),
    reference: str | None = None,
    sizes: SizeLimits | None = None,
    count_empty: bool = False,
) -> list[Path]:
    """Write a paper's tables and an overview into a folder, as Markdown and CSV; return the files.

    paths: files that `evaluate` wrote. papers: None of them takes every paper of which a row was scored.
    reference: see `make_tables`. count_empty: count cases without tumor in means over cases, as 1 where nothing was
    found, in place of leaving them out. Raises `InputError` and `OutputError`; then nothing is written.
    """
    scores = Scores.read(paths)
    limits = sizes or SizeLimits()
    chosen = [read_published(name) for name in papers] or _concerned(scores)
    tables = [
        table
        for paper in chosen
        for table in make_tables(paper, scores, limits, reference, count_empty=count_empty)
    ]
    tables += overview(scores, limits, count_empty=count_empty)
    texts: dict[Path, str] = {}
    for table in tables:
        texts[output / f"{file_name(table)}.md"] = markdown(table)
        texts[output / f"{file_name(table)}.csv"] = csv_text([table])
    groups = lesion_groups(scores)
    if groups:
        texts[output / "overview-lesions.md"] = lesions_markdown(groups)
        texts[output / "overview-lesions.csv"] = lesions_csv(groups)
    beside = [(path, lesions_path(path), slices_path(path)) for path in paths]
    check_apart(
        {str(path): str(path) for path in texts}, {str(path): str(path) for three in beside for path in three}
    )
    with making_folder(output, name="tables", parents=True), replacing_all(texts, name="tables") as temporary:
        for path, text in texts.items():
            temporary[path].write_text(text, encoding="utf-8")
    return list(texts)


def make_tables(
    paper: PublishedPaper,
    scores: Scores,
    sizes: SizeLimits,
    reference: str | None = None,
    *,
    count_empty: bool = False,
) -> list[Table]:
    """Return a paper's tables of which at least one row was scored, or all when none was.

    reference: name of the row that the others are tested against, in the tables that have it; None takes each table's
    first row with a recipe. count_empty: see `write_tables`. Raises `InputError` when no table has it.
    """
    have = [
        number
        for number, table in paper.tables.items()
        if any(row.recipe in scores.recipes for row in table.rows)
    ]
    rows = {row.row for table in paper.tables.values() for row in table.rows if row.recipe is not None}
    if reference is not None and reference not in rows:
        raise InputError(
            f"no table of {paper.paper} has a row {reference!r} with a recipe to test against; there are "
            f"{', '.join(repr(row) for row in sorted(rows))}"
            ": choose one of these"
        )
    tables = []
    for number in have or paper.tables:
        published = paper.tables[number]
        names = {row.row for row in published.rows if row.recipe is not None}
        against = reference_row(published, number, reference if reference in names else None)
        tables.append(
            build_table(
                paper.paper,
                paper.citation,
                number,
                published,
                scores,
                sizes,
                against,
                count_empty=count_empty,
            )
        )
    return tables


def _concerned(scores: Scores) -> list[PublishedPaper]:
    """Return the papers that have a row for a recipe that was scored."""
    papers = [read_published(name) for name in published_papers()]
    return [
        paper
        for paper in papers
        if any(row.recipe in scores.recipes for table in paper.tables.values() for row in table.rows)
    ]
