"""`refine`: correction of a segmentation by clicks, strokes and thresholds."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_labels, add_progress, job_of
from LiverTumorAttentionLib.pipeline.jobs import RefinementJob
from LiverTumorAttentionLib.progress import Progress

PROMPTS = (
    'prompts: {"units": "mm" or "voxel", "add": [[x, y, z], ...], "remove": [...], "include": [...], '
    '"exclude": [...], "threshold": [{"point": [x, y, z], "probability": 0.4}], '
    '"grow": [{"lesion": 2, "distance_mm": 2}], "accept": [{"lesion": 1}], ...}, done in the order of the file. '
    "mm are LPS; voxels are indices i, j, k. Further tools: line and box (two points), lasso (an outline in a slice), "
    "same_in_phase, merge, split, shrink, smooth, fill, draw, reject, revise. What draws (add, line, box, lasso, "
    'include, exclude) takes "phase": "portal" or "arterial", to be answered by that phase alone. '
    "A log that was written before is read as prompts, too."
)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "refine",
        help="correct a segmentation by prompts",
        description=f"Correct the lesions of a segmentation by clicks, strokes and thresholds; what no prompt is "
        f"about stays as it is. {NOT_FOR_CLINICAL_USE}",
        epilog=PROMPTS,
    )
    add = parser.add_argument
    add("--portal", required=True, metavar="P", help="portal venous CT that was segmented")
    add(
        "--arterial", metavar="A", help="arterial CT, registered onto the portal grid or on a grid of its own"
    )
    add(
        "--series", dest="portal_series", help="DICOM series of the portal folder: UID, number or description"
    )
    add("--arterial-series", help="DICOM series of the arterial folder, likewise")
    add(
        "--register",
        action="store_true",
        help="register the arterial CT, also one on the portal grid (else it is taken as it lies in the patient)",
    )
    add("--segmentation", required=True, metavar="S", help="segmentation on the portal grid")
    add("--probability", metavar="Q", help="probability of tumor, as `segment --save-probability` wrote it")
    add("--prompts", metavar="JSON", help="what to do, see below")
    add("--reader", metavar="NAME", help="who signs or reopens the case")
    add(
        "--sign",
        action="store_true",
        help="sign the case, all lesions of which are decided, and lock it",
    )
    add("--reopen", metavar="REASON", help="reopen a signed case, and why")
    add("--history", metavar="LOG", help="log of earlier corrections of this segmentation, to resume")
    add("--output", required=True, metavar="OUT", help=".seg.nrrd, .nii.gz, .nrrd, .mha or .dcm (DICOM SEG)")
    add("--log", metavar="LOG", help="everything that was done, as JSON that can be done again")
    add("--model", metavar="NAME", help="id of the model that made the segmentation, for the log")
    add(
        "--click-model",
        metavar="MODEL",
        help="let a network improve the random walker's answers to clicks: 'clicks' for the one that ships, or a "
        "model of the kind interaction (folder or zip)",
    )
    add("--seed", type=int, default=0, help="seed of what registration draws at random (default: 0)")
    add_labels(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Correct the segmentation and print the outcome of each prompt."""
    from LiverTumorAttentionLib.pipeline import refine_case

    job = job_of(RefinementJob, options)
    result = refine_case(job, progress)
    for warning in result.warnings:
        console.warn(warning)
    for name, outcome in result.outcomes:
        console.say(f"{name}: {outcome.note or _changed(outcome.lesions)}")
    for entry in result.session.signing[-1:]:
        console.say(f"the case: {entry.sentence()}")
    console.done(output=job.output, lesions=len(result.session.lesions), log=job.log)


def _changed(lesions: tuple[int, ...]) -> str:
    return f"lesion{'s' if len(lesions) > 1 else ''} {', '.join(str(number) for number in lesions)}"
