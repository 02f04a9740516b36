"""An entry of the manifest: a case that was prepared or why it was not; and the table of a run's entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from training.data.case import SourceCase
from training.data.preparation.sources import SourceFile, source_from, source_values

if TYPE_CHECKING:
    from rich.console import Console


DONE = "done"
FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A case that was prepared, or why it was not."""

    source: SourceCase
    """Where it came from."""
    state: str
    """"done" or "failed"."""
    reason: str | None = None
    """Why it failed."""
    files: Mapping[str, SourceFile] = field(default_factory=dict)
    """The files that it was made from, by what they are."""
    registration: str | None = None
    """The grade of its registration, "good", "doubtful" or "refused", where the phases were registered."""
    seconds: float = 0.0
    """How long it took."""

    def made_of(self) -> Any:
        """Return all of the source that decides the prepared arrays; where files lie is no part of it."""
        labels = [[label.values, label.mask_class] for label in self.source.labels]
        return labels, {what: file.sha256 for what, file in self.files.items()}

    def values(self) -> dict[str, Any]:
        """Return the entry as values for JSON."""
        return {
            "source": source_values(self.source),
            "state": self.state,
            "reason": self.reason,
            "files": {what: asdict(file) for what, file in self.files.items()},
            "registration": self.registration,
            "seconds": round(self.seconds, 2),
        }

    @classmethod
    def read(cls, values: dict[str, Any]) -> Entry:
        """Return the entry that `values` wrote down. Raises `KeyError` or `TypeError` for anything else."""
        return cls(
            source=source_from(values["source"]),
            state=values["state"],
            reason=values["reason"],
            files={what: SourceFile(**file) for what, file in values["files"].items()},
            registration=values["registration"],
            seconds=values["seconds"],
        )


REFUSED = "its registration was refused: its arterial volume is used as it lies"


def print_entries(
    entries: Sequence[Entry], *, there: int, left_out: int, console: Console | None = None
) -> None:
    """Print a table of the cases that failed or whose registration was refused, and a summary line.

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
