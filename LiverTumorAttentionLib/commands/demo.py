"""`demo`: segmentation of a generated case, compared with its ground truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_device, add_progress
from LiverTumorAttentionLib.progress import Progress

DEMO_SEED = 7


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "demo",
        help="generate a two-phase case, segment it, compare with the truth",
        description=f"Generate a two-phase case, segment it with the bundled model and print its tumors beside "
        f"the truth. {NOT_FOR_CLINICAL_USE}",
    )
    add = parser.add_argument
    add(
        "--output",
        default="demo",
        metavar="DIR",
        help="folder for volumes, results and picture (default: demo)",
    )
    add("--seed", type=int, default=DEMO_SEED, help=f"seed of the generated case (default: {DEMO_SEED})")
    add_device(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Run the demonstration and print the comparison."""
    from LiverTumorAttentionLib.pipeline.demo import run_demonstration

    demonstration = run_demonstration(Path(options.output), options.seed, options.device, progress)
    for warning in demonstration.result.warnings:
        console.warn(warning)
    console.say(demonstration.format_table())
    console.say(
        f"\n{options.output}/ holds the volumes, segmentation.seg.nrrd, tumors.csv, report.json and "
        f"preview.png. {NOT_FOR_CLINICAL_USE}"
    )
    console.done(output=options.output, tumors=len(demonstration.result.tumors))
