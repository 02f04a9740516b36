"""`mine`: hard negatives of a trained stage."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted
from training.commands.options import add_prepared, add_processes

DESCRIPTION = """Hard-negative mining: run a trained stage on the prepared training cases, and record where it takes
something for a tumor that neither overlaps nor neighbors a true one. `train --hard-negatives DIR` samples these places,
a share sampling.hard_share of all samples. Cases that validate or test are never mined.

Cases that are mined are left alone, so that the command resumes where it was stopped. One folder a round."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "mine",
        help="find hard negatives: what a trained stage wrongly takes for tumors",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", required=True, metavar="MODEL", help="folder of a run, or a model by its id or path")
    add_prepared(parser)
    add(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of hard negatives, new or to be gone on with",
    )
    add(
        "--threshold",
        type=float,
        default=0.5,
        metavar="P",
        help="probability from which on a voxel counts (default: %(default)s)",
    )
    add(
        "--minimum-diameter",
        type=float,
        default=3.0,
        metavar="MM",
        help="smaller false positives are left out (default: %(default)s)",
    )
    add("--count", type=int, metavar="N", help="at most N cases, those without tumors first (default: all)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    add_processes(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Mine what is not mined yet."""
    from training.mining.mine_cases import Mining, mine

    mining = Mining(
        model=options.model,
        prepared=options.prepared,
        output=options.output,
        threshold=options.threshold,
        minimum_diameter_mm=options.minimum_diameter,
        count=options.count,
        device=options.device,
        processes=options.processes,
    )
    mined = mine(mining, progress.part(0.0, 1.0, "mining"))
    console.say(
        f"{options.output}: {counted(mined.false_positives, 'false positive')} in {counted(mined.cases, 'case')}, "
        f"{mined.added} of them mined now"
    )
    console.done(output=str(options.output), cases=mined.cases, false_positives=mined.false_positives)
