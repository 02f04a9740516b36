"""`assess`: a model on held-out real slices, real volumes and the reserved phantoms."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress

DESCRIPTION = """Score a model on what none was trained on: the liver on the held-out patients' real slices, what it
finds in real volumes, and phantoms 300 to 329. Writes tables of slices, volumes, phantoms and lesions, and summary.md.

Rows that are there are not computed again, so that the command resumes where it was stopped; the rows of other models
stay, and the summary shows all of them side by side."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "assess",
        help="score a model on real data and phantoms that were held out",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="id or path")
    add(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of the tables; its parent must exist",
    )
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder that holds msd-liver-slices, real-backgrounds and so on",
    )
    add(
        "--parts",
        nargs="+",
        choices=("slices", "volumes", "phantoms"),
        help="default: all, or the phantoms alone without --data",
    )
    add("--seeds", nargs="+", type=int, metavar="S", help="phantoms (default: 300 to 329)")
    add("--size", choices=("small", "full"), default="full", help="of the phantoms (default: full)")
    add("--device", default="auto", choices=("auto", "cpu", "cuda"), help="default: auto")
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Add what is missing and write the summary."""
    from training.evaluation.assess_model import PARTS, Assessment, assess
    from training.evaluation.assessment_summary import write_summary

    settings = Assessment(
        model=options.model,
        output=options.output,
        data=options.data,
        parts=tuple(options.parts or (PARTS if options.data else ("phantoms",))),
        phantom_size=options.size,
        device=options.device,
        **({"seeds": tuple(options.seeds)} if options.seeds else {}),
    )
    added = assess(settings, progress.part(0.0, 1.0, "assessing"))
    path = write_summary(options.output)
    console.say(f"{path}: {added} new rows")
    console.done(output=str(path), added=added)
