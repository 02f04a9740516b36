"""`register`: registration of the arterial onto the portal venous phase."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_device, add_paths, add_progress, job_of
from LiverTumorAttentionLib.pipeline.arterial_policy import graded_reason
from LiverTumorAttentionLib.pipeline.jobs import RegistrationJob
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "register",
        help="register one phase onto another",
        description=f"Register the moving (arterial) onto the fixed (portal venous) volume. {NOT_FOR_CLINICAL_USE}",
    )
    add = parser.add_argument
    add("--fixed", required=True, metavar="P", help="portal venous CT: NIfTI, NRRD, MHA or a DICOM folder")
    add("--moving", required=True, metavar="A", help="arterial CT of the same examination")
    add("--fixed-series", help="DICOM series of the fixed folder: UID, number or description")
    add("--moving-series", help="DICOM series of the moving folder, likewise")
    add(
        "--model",
        default="demonstration",
        metavar="NAME|PATH",
        help="model whose liver stage masks the livers",
    )
    add_device(parser)
    add_progress(parser)
    add("--output", required=True, metavar="FILE", help="the moving volume on the fixed volume's grid")
    add("--transform", metavar="FILE", help="the transform, fixed points to moving points (.h5 or .tfm)")
    add(
        "--inverse-transform",
        dest="inverse",
        metavar="FILE",
        help="the inverse transform, moving points to fixed points, likewise",
    )
    add("--preview", metavar="PNG", help="checkerboards and differences, before and after")
    add("--report", metavar="JSON", help="the verdict and its numbers")
    add_paths(parser)
    add("--seed", type=int, default=0, help="seed of the samples that are drawn (default: 0)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Register the volumes and print the verdict."""
    from LiverTumorAttentionLib.pipeline import register_case

    job = job_of(RegistrationJob, options)
    result = register_case(job, progress)
    for warning in result.warnings:
        console.warn(warning)
    console.say(graded_reason(result.verdict))
    console.done(output=job.output, grade=result.verdict.grade)
