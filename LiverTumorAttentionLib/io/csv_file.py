"""Reading of CSV files, bounded."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.regular_file import MIB, read_regular, reason

MOST_BYTES = 256 * MIB
"""Of a file; scores of a cohort, a line a case or a slice, stay far below."""


@dataclass(frozen=True)
class Table:
    """A header, and lines of cells; a line may have more or fewer cells than the header.

    numbers: of the line of the file, from 1 on, in which each of `lines` ends, to name it in a message.
    """

    header: list[str]
    lines: list[list[str]]
    numbers: list[int]

    def rows(self) -> list[dict[str, str]]:
        """Return the lines as mappings by the header's names, missing cells as ""; cells beyond it are left out."""
        width = len(self.header)
        return [
            dict(zip(self.header, [*line, *[""] * (width - len(line))], strict=False)) for line in self.lines
        ]


def read_csv(
    path: str | os.PathLike[str], what: str, hint: str, *, delimiters: Sequence[str] = (",",)
) -> Table:
    """Read a CSV file, with or without a byte order mark; empty lines are left out.

    what: how to call it in an error. hint: what to do when it cannot be read. delimiters: the first line tells which
    of them is used. Raises `InputError` for a file that is missing, no regular one, too large, no UTF-8 or no CSV:
    one with a cell above 131,072 characters, as an open quote makes them, or with NUL.
    """
    try:
        text = read_regular(path, most_bytes=MOST_BYTES).decode("utf-8-sig")
        if "\0" in text:
            raise ValueError("it holds NUL characters, as no text does")
        head = text.partition("\n")[0]
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(delimiters, key=head.count))
        kept = [(lines.line_num, line) for line in lines if line]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{what} '{path}' cannot be read ({reason(error)}): {hint}") from error
    return Table(
        header=kept[0][1] if kept else [],
        lines=[line for _, line in kept[1:]],
        numbers=[number for number, _ in kept[1:]],
    )
