"""What is wrong, as a table for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.data.checks.finding import Finding

if TYPE_CHECKING:
    from rich.console import Console


def print_findings(findings: Sequence[Finding], cases: int, console: Console | None = None) -> None:
    """Print one table and one line that sums it up. cases: number of cases that were checked."""
    import rich.box
    import rich.console
    import rich.table
    from rich.markup import escape

    console = console or rich.console.Console()
    if findings:
        table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
        for title, ratio in (("case", 2), ("", 1), ("what is wrong", 5), ("what to do", 4)):
            table.add_column(title, ratio=ratio, overflow="fold")
        for finding in findings:
            style = "red" if finding.severity == "error" else "yellow"
            table.add_row(
                escape(finding.case),
                f"[{style}]{finding.severity}[/{style}]",
                escape(finding.what),
                escape(finding.do),
            )
        console.print(table)
    console.print(summary(findings, cases), highlight=False)


def summary(findings: Sequence[Finding], cases: int) -> str:
    """Return one line: how many cases, errors and warnings."""
    errors = sum(finding.severity == "error" for finding in findings)
    if not findings:
        return f"{_counted(cases, 'case')}: nothing wrong"
    strange = len({finding.case for finding in findings})
    warnings = _counted(len(findings) - errors, "warning")
    return f"{_counted(cases, 'case')}: {_counted(errors, 'error')} and {warnings} in {strange} of them"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
