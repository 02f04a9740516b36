"""Options and habits that several commands share."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, ending_signals
from LiverTumorAttentionLib.progress import Progress
from training.data.case import SourceCase
from training.data.layouts import LAYOUTS, find_cases
from training.data.layouts.label_names import CLASSES


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add --layout, --data, --channel and --label, which `cases_of` reads."""
    add = parser.add_argument_group("data").add_argument
    listed = "; ".join(f"{name}: {layout.summary}" for name, layout in LAYOUTS.items())
    add("--layout", required=True, choices=LAYOUTS, metavar="NAME", help=listed)
    add("--data", required=True, type=Path, metavar="PATH", help="folder of the data set, or the CSV file")
    add(
        "--channel",
        action="append",
        default=[],
        type=_channel,
        metavar="PHASE=NUMBER",
        help="which channel is a phase where its name does not tell, such as portal=2 (nnunet)",
    )
    add(
        "--label",
        action="append",
        default=[],
        type=_label,
        metavar="NAME=CLASS",
        help="what a label is where its name does not tell: liver, tumor or background; by name, other= for all "
        "names that do not tell (nnunet, msd), or by value, such as 3=background (plain, csv)",
    )


def cases_of(options: argparse.Namespace) -> list[SourceCase]:
    """Return the cases that the options of `add_data` name. Raises `InputError`."""
    return find_cases(
        options.layout, options.data, channels=dict(options.channel), labels=dict(options.label)
    )


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add --processes; None takes every core."""
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="work on so many cases at a time (default: one for each core)",
    )


@contextlib.contextmanager
def watched(stage: str) -> Iterator[Progress]:
    """Show a bar while the block works; Ctrl-C and a request to terminate become the wish to cancel."""
    with ending_signals() as cancelled, Console("bar").shown(cancelled) as progress:
        yield progress.part(0.0, 1.0, stage)


def _channel(text: str) -> tuple[str, int]:
    phase, _, number = text.partition("=")
    if not number.isdigit():
        raise argparse.ArgumentTypeError(f"expected PHASE=NUMBER such as portal=2, got {text!r}")
    return phase, int(number)


def _label(text: str) -> tuple[str, str]:
    name, _, kind = text.rpartition("=")
    if not name or kind not in CLASSES:
        raise argparse.ArgumentTypeError(f"expected NAME=CLASS with liver, tumor or background, got {text!r}")
    return name, kind
