"""`vessels`: portal vein, hepatic veins and vena cava of a segmented liver."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_labels, add_progress, job_of
from LiverTumorAttentionLib.pipeline.jobs import VesselsJob
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "vessels",
        help="propose portal vein, hepatic veins and vena cava of a segmented liver",
        description="Propose the portal vein, the hepatic veins and the vena cava of a segmented liver by their "
        "brightness and shape in the portal venous phase, for a reader to correct. Tumors are never taken for vessels. "
        f"What was proposed or corrected is given to review --vessels and segments --vessels. {NOT_FOR_CLINICAL_USE}",
        epilog='points: {"portal_vein": [x, y, z], "hepatic_veins": …, "vena_cava": …}, LPS mm, as many as are known',
    )
    add = parser.add_argument
    add("--portal", required=True, metavar="P", help="portal venous CT: a file or a DICOM folder")
    add(
        "--series", dest="portal_series", help="DICOM series of the portal folder: UID, number or description"
    )
    add(
        "--segmentation",
        required=True,
        metavar="S",
        help="liver and tumors: .seg.nrrd, DICOM SEG or label map",
    )
    add(
        "--headers",
        metavar="JSON",
        help="what the DICOM headers say of a portal CT that is no DICOM (see segment --headers)",
    )
    add(
        "--points",
        metavar="JSON",
        help="where the portal vein, the hepatic veins and the cava begin, where the proposal got them wrong",
    )
    add(
        "--output",
        required=True,
        metavar="OUT",
        help=".seg.nrrd with names and codes, or a label map of 1 portal vein, 2 hepatic veins, 3 vena cava",
    )
    add("--json", metavar="FILE", help="source and volumes")
    add_labels(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Propose the vessels and print their volumes."""
    from LiverTumorAttentionLib.pipeline.liver_vessels import vessels_case

    job = job_of(VesselsJob, options)
    result = vessels_case(job, progress)
    for warning in result.warnings:
        console.warn(warning)
    console.say(result.line())
    console.say(f"{job.output}: {NOT_FOR_CLINICAL_USE}")
    console.done(output=job.output, source=result.proposal.source)
