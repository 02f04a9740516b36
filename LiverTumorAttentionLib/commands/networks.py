"""`networks`: list of the networks with their parameters and multiply-adds."""

from __future__ import annotations

import argparse
import json
from typing import Any

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "networks",
        help="list the networks, their sizes and what they cost",
        description="The networks as their papers build them: parameters, and multiply-adds of one pass over "
        "one sample of the paper's size. Nothing is computed for it.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run, progress="bar")


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Count and print."""
    rows = network_rows(progress.part(0.0, 1.0, "counting"))
    console.print(json.dumps(rows, indent=2, ensure_ascii=False) if options.json else format_table(rows))


def network_rows(progress: Progress) -> list[dict[str, Any]]:
    """Return one row a network, in alphabetical order.

    Where a network cannot be built here, `parameters` and `multiply_adds` are None and `reason` says why.
    """
    from LiverTumorAttentionLib.errors import ModelError
    from LiverTumorAttentionLib.networks import network_entry, network_names
    from LiverTumorAttentionLib.networks.counting import network_cost

    rows: list[dict[str, Any]] = []
    names = network_names()
    for number, name in enumerate(names):
        progress.update(number / len(names), name)
        entry = network_entry(name)
        row = {
            "name": name,
            "paper": entry.paper,
            "year": entry.year,
            "dimensions": entry.dimensions,
            "phases": list(entry.phases),
            "input_shape": list(entry.input_shape),
            "parameters": None,
            "multiply_adds": None,
            "reason": None,
        }
        try:
            cost = network_cost(name)
            row |= {"parameters": cost.parameters, "multiply_adds": cost.multiply_adds}
        except ModelError as error:
            row["reason"] = str(error)
        rows.append(row)
    return rows


HEADINGS = ("name", "paper", "year", "", "phases", "input of one phase", "parameters", "multiply-adds")
NUMBERS = HEADINGS[-2:]


def format_table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as aligned text, followed by the reasons for what could not be counted."""
    lines = [HEADINGS]
    for row in rows:
        counted = row["reason"] is None
        lines.append(
            (
                row["name"],
                row["paper"],
                str(row["year"]),
                f"{row['dimensions']}D",
                " + ".join(row["phases"]),
                " x ".join(map(str, row["input_shape"])),
                f"{row['parameters'] / 1e6:.2f} M" if counted else "-",
                f"{row['multiply_adds'] / 1e9:.1f} G" if counted else "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            cell.rjust(width) if heading in NUMBERS else cell.ljust(width)
            for heading, cell, width in zip(HEADINGS, line, widths, strict=True)
        )
        for line in lines
    ]
    text += [f"{row['name']}: {row['reason']}" for row in rows if row["reason"] is not None]
    return "\n".join(text)
