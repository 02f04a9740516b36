"""`cohort`: many cases, on this computer or on a Ray cluster."""

from __future__ import annotations

import argparse
import dataclasses

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import (
    Console,
    add_engine,
    add_paths,
    add_progress,
    add_segmentation_settings,
)
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "cohort",
        help="segment many cases, with tables and an overview page",
        description="Segment all cases of a folder, each as `segment` does it: a folder a case in --output, which the "
        "panel's worklist opens, cases.csv, lesions.csv, failures.csv and overview.html. Cases are named as their "
        "folders, or as the list names them: a name may tell who the patient is. A case that fails does not stop the "
        f"others. {NOT_FOR_CLINICAL_USE}",
    )
    add = parser.add_argument
    add(
        "--input",
        required=True,
        metavar="IN",
        help="folder of cases (portal.nii.gz and the other phases, as `phantom` writes them; nnU-Net's imagesTs), a "
        "tree of DICOM files, or a CSV list with the columns name, and portal, arterial, delayed, native or study",
    )
    add("--output", required=True, metavar="DIR", help="folder of the results; made where it is missing")
    add("--resume", action="store_true", help="go on with --output: what is done and unchanged is skipped")
    add_engine(parser)
    add(
        "--without-volumes",
        dest="volumes",
        action="store_false",
        help="leave out registered volumes, transforms and probabilities: less to store, and the panel then corrects a "
        "case on its portal phase alone",
    )
    add_segmentation_settings(parser)
    add_paths(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Segment the cohort and say what became of it."""
    from LiverTumorAttentionLib.cohort.job import CohortJob
    from LiverTumorAttentionLib.cohort.run import run_cohort
    from LiverTumorAttentionLib.pipeline.jobs import SEGMENTATION_SETTINGS

    settings = {name: getattr(options, name) for name in SEGMENTATION_SETTINGS}
    names = [field.name for field in dataclasses.fields(CohortJob) if hasattr(options, field.name)]
    job = CohortJob(**{name: getattr(options, name) for name in names}, settings=settings)

    def on_case(name: str, state: str, message: str) -> None:
        if state == "failed":
            console.warn(f"{name}: {message}")
        console.event("case", case=name, state=state, message=message)

    summary = run_cohort(job, progress, on_case)
    for text in (*(f"left out: {text}" for text in summary.left_out), *summary.warnings):
        console.warn(text)
    console.say(f"{job.output}: {summary.sentence}")
    console.done(
        output=job.output,
        cases=summary.total,
        done=summary.done,
        skipped=summary.skipped,
        failed=len(summary.failures),
    )
