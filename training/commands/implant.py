"""`implant`: a cohort of real CT with implanted lesions."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_processes


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "implant",
        help="write real CT with implanted lesions",
        description="Implant lesions into the livers of the real volumes at hand, one folder a case (layout "
        '"plain"). Volumes that validate are taken by --use validation alone. Cases that are complete are left alone, '
        "so that the command resumes where it was stopped, and a larger --count lengthens a cohort.",
    )
    add = parser.add_argument
    add(
        "--data", type=Path, required=True, metavar="DIR", help="folder that holds real-backgrounds and so on"
    )
    add(
        "--liver-model",
        required=True,
        metavar="MODEL",
        help="whose liver stage finds the liver: a model, by id or path, or the folder of a run",
    )
    add("--count", type=int, required=True, metavar="N", help="number of cases")
    add(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the cohort; its parent must exist",
    )
    add("--seed", type=int, default=0, metavar="S", help="first seed (default: %(default)s)")
    add("--use", choices=("training", "validation"), default="training", help="default: %(default)s")
    add(
        "--lesion-share",
        type=float,
        default=0.7,
        metavar="P",
        help="cases with lesions (default: %(default)s)",
    )
    add_processes(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Write the missing cases of the cohort."""
    from training.data.synthesis.implanted_cohort import ImplantSettings, write_implanted_cohort

    written = write_implanted_cohort(
        options.output,
        options.data,
        ImplantSettings(model=options.liver_model, use=options.use, lesion_share=options.lesion_share),
        count=options.count,
        seed=options.seed,
        processes=options.processes,
        progress=progress.part(0.0, 1.0, "implanting"),
    )
    console.say(f"{options.output}: {written} of {options.count} cases written, the others were there")
    console.done(output=str(options.output), written=written)
