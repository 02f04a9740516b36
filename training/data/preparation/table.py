"""What came of a run of `prepare`, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.data.preparation.entry import DONE, Entry

if TYPE_CHECKING:
    from rich.console import Console

REFUSED = "its registration was refused: its arterial volume is used as it lies"


def print_entries(
    entries: Sequence[Entry], *, there: int, left_out: int, console: Console | None = None
) -> None:
    """Print a table of the cases that failed or whose registration was refused, and one line that sums up.

    there: cases that were prepared before. left_out: cases that the check found errors in.
    """
    import rich.box
    import rich.console
    import rich.table
    from rich.markup import escape

    console = console or rich.console.Console()
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for title, ratio in (("case", 2), ("", 1), ("what came of it", 8)):
        table.add_column(title, ratio=ratio, overflow="fold")
    for entry in sorted(entries, key=lambda entry: entry.source.name):
        if entry.state != DONE:
            table.add_row(escape(entry.source.name), "[red]left out[/red]", escape(entry.reason or ""))
        elif entry.registration == "refused":
            table.add_row(escape(entry.source.name), "[yellow]warning[/yellow]", REFUSED)
    if table.row_count:
        console.print(table)
    console.print(summary(entries, there=there, left_out=left_out), highlight=False)


def summary(entries: Sequence[Entry], *, there: int, left_out: int) -> str:
    """Return one line: how many were prepared, were there, were left out, and how well their phases lie."""
    done = [entry for entry in entries if entry.state == DONE]
    out = left_out + len(entries) - len(done)
    if not entries and not left_out:
        return f"nothing to do: all {there} cases are prepared"
    text = f"{len(done)} prepared, {there} were there, {out} left out"
    grades = Counter(entry.registration for entry in done if entry.registration is not None)
    if grades:
        told = ", ".join(
            f"{grades[grade]} {grade}" for grade in ("good", "doubtful", "refused") if grades[grade]
        )
        text += f"; registration: {told}"
    return text
