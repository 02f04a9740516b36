"""`export-training`: export of a corrected case as a folder for training."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib.commands.console import Console, add_labels, add_progress, job_of
from LiverTumorAttentionLib.pipeline.jobs import TrainingExportJob
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "export-training",
        help="write a corrected case as training reads it",
        description="Write OUTPUT/NAME with portal.nii.gz, arterial.nii.gz, labels.nii.gz (0, 1 liver, 2 tumor) and "
        "case.json: the layout 'plain' of training. The arterial CT must lie on the portal grid (registered), or is "
        "brought onto it by its position in the patient.",
    )
    add = parser.add_argument
    add("--portal", required=True, metavar="P", help="portal venous CT")
    add("--arterial", metavar="A", help="arterial CT, registered onto the portal one")
    add("--segmentation", required=True, metavar="S", help="corrected segmentation on the portal grid")
    add("--log", metavar="LOG", help="log of the corrections, as `refine --log` wrote it")
    add("--name", required=True, metavar="NAME", help="name of the case")
    add("--patient", metavar="ID", help="name of the patient; cases of one patient are never split")
    add("--output", required=True, metavar="DIR", help="folder of cases; it is made when it is not there")
    add_labels(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Read the case and write its folder."""
    from LiverTumorAttentionLib.pipeline import export_training_case

    target, warnings = export_training_case(job_of(TrainingExportJob, options), progress)
    for warning in warnings:
        console.warn(warning)
    console.say(f"{target}: written")
    console.done(output=str(target))
