"""`liver-threshold`: where to cut the liver's probability."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_data, cases_of

DESCRIPTION = """Print the liver's Dice by threshold of its probability, over cases that may train.

The best one is for `export --postprocessing liver_threshold=...`. Those that validate are left out."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "liver-threshold",
        help="say where to cut the liver's probability",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", required=True, metavar="MODEL", help="id or path of a model with a liver stage"
    )
    add_data(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Print one line a threshold, and the best one."""
    from training.evaluation.liver_thresholds import liver_by_threshold

    rows = liver_by_threshold(options.model, cases_of(options), progress.part(0.0, 1.0, "livers"))
    for row in rows:
        console.say(
            f"threshold {row.threshold:g}: Dice {row.dice:.4f}, "
            f"{100 * row.over:.1f} % too much, {100 * row.under:.1f} % missed"
        )
    best = max(rows, key=lambda row: row.dice)
    console.say(f"best: {best.threshold:g}")
