"""`tables`: the papers' tables with the scores of runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.progress import Progress

DESCRIPTION = """Put scores into the papers' tables, beside what was published.

A case's score is the mean over its trainings (seeds, repeats), a table's number the mean over cases. Rows are tested
against the table's first row by paired t-tests. Where there are several folds, the average over folds
stands beside. All numbers are computed from the files of scores alone."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "tables",
        help="the papers' tables, our numbers beside the published ones",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "scores",
        nargs="+",
        type=Path,
        metavar="SCORES.csv",
        help="what `evaluate` wrote; several count as one",
    )
    add(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for the tables; its parent must exist",
    )
    add(
        "--paper",
        action="append",
        default=[],
        metavar="NAME",
        help="context, darn, dpcnet, paresseg or sfan; may be repeated (default: those of the scored recipes)",
    )
    add(
        "--reference",
        metavar="ROW",
        help="the row to test against, in tables that have it (default: the first)",
    )
    add(
        "--sizes-mm",
        nargs=2,
        type=float,
        metavar=("SMALL", "LARGE"),
        help="where small tumors end and large ones begin (default: 50 100; SFAN prints 5 and 10 mm, which is less "
        "than CT shows, and is read as cm)",
    )
    add(
        "--count-empty",
        action="store_true",
        help="count cases without tumor in means over cases, as 1 where nothing was found, as LiTS does (default: "
        "leave them out, and say how many there are)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Write the tables and name them."""
    from training.tables import SizeLimits, write_tables

    written = write_tables(
        options.scores,
        options.output,
        papers=options.paper,
        reference=options.reference,
        sizes=SizeLimits(*options.sizes_mm) if options.sizes_mm else None,
        count_empty=options.count_empty,
    )
    for path in written:
        if path.suffix == ".md":
            console.say(str(path))
