"""Findings of the checks, and their table for a person."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from LiverTumorAttentionLib.errors import LiverTumorAttentionError
from LiverTumorAttentionLib.io import InputWarning
from LiverTumorAttentionLib.wording import counted

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the table of what is wrong."""

    case: str
    """Name of the case."""
    severity: str
    """"error": the case cannot be used as it is; "warning": look at it."""
    what: str
    """What is wrong and what was found."""
    do: str
    """What to do next."""


def finding_from(case: str, severity: str, message: str) -> Finding:
    """Return the finding of an error's message, which says what is wrong and, after the last colon, what to do.

    What follows ". It holds" is a list that belongs to what was found.
    """
    text, found, listed = message.partition(". It holds")
    pieces = re.split(r"(?:: |; )(?!.*(?:: |; ))", text, maxsplit=1)
    what, do = pieces if len(pieces) == 2 else (text, "correct it")
    return Finding(case=case, severity=severity, what=what + (f"; it holds{listed}" if found else ""), do=do)


@contextlib.contextmanager
def noted(case: str, findings: list[Finding]) -> Iterator[None]:
    """Add whatever goes wrong in the block to `findings`, as an error, and every `InputWarning`, as a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        try:
            yield
        except LiverTumorAttentionError as error:
            findings.append(finding_from(case, "error", str(error)))
        except Exception as error:  # whatever a damaged file does to its reader, the other cases are checked
            findings.append(
                Finding(
                    case=case,
                    severity="error",
                    what=f"reading it failed ({type(error).__name__}: {' '.join(str(error).split())[:160]})",
                    do="open it in another program, or copy it again",
                )
            )
    findings.extend(
        finding_from(case, "warning", str(warning.message))
        for warning in caught
        if issubclass(warning.category, InputWarning)
    )


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
        return f"{counted(cases, 'case')}: nothing wrong"
    strange = len({finding.case for finding in findings})
    warnings = counted(len(findings) - errors, "warning")
    return f"{counted(cases, 'case')}: {counted(errors, 'error')} and {warnings} in {strange} of them"
