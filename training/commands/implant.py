"""`implant`: a cohort of real CT with implanted lesions."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_cohort, tell_written


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
    add("--use", choices=("training", "validation"), default="training", help="default: %(default)s")
    add_cohort(parser, lesion_share=0.7)
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
    tell_written(options, console, written)
