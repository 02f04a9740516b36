"""`segments`: Couinaud segments of a segmented liver."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_device, add_labels, add_progress, job_of
from LiverTumorAttentionLib.pipeline.jobs import SegmentsJob
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "segments",
        help="tell the Couinaud segments of a segmented liver",
        description="Tell the Couinaud segments I to VIII of a segmented liver, and in which of them each tumor lies: "
        "proposed by a network from the liver's shape and, where they are given, its vessels; or by planes through "
        f"landmarks; or as another program told them. {NOT_FOR_CLINICAL_USE}",
        epilog='landmarks: {"cava": [x, y, z], "cava_below": …, "right_hepatic_vein": …, "middle_hepatic_vein": …, '
        '"left_hepatic_vein": …, "portal_bifurcation": …, "gallbladder": …, "umbilical_fissure": …}, LPS mm',
    )
    add = parser.add_argument
    add(
        "--segmentation",
        required=True,
        metavar="S",
        help="liver and tumors: .seg.nrrd, DICOM SEG or label map",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--vessels", metavar="V", help="hepatic and portal veins, which the network looks at too, likewise"
    )
    source.add_argument(
        "--landmarks", metavar="JSON", help="landmarks, whose planes tell the segments instead"
    )
    source.add_argument(
        "--segments",
        metavar="FILE",
        help="segments that were made elsewhere, named or coded, or a label map of 1 to 8, brought onto this liver",
    )
    add(
        "--output",
        required=True,
        metavar="OUT",
        help=".seg.nrrd with names and codes, or a label map of 1 to 8",
    )
    add(
        "--save-landmarks",
        metavar="JSON",
        help="landmarks that the segments suggest, to be moved and given to --landmarks",
    )
    add("--json", metavar="FILE", help="source, volumes, and the segments of each tumor")
    add_labels(parser)
    add_device(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Tell the segments and print them."""
    from LiverTumorAttentionLib.pipeline.liver_segments import segments_case

    job = job_of(SegmentsJob, options)
    result = segments_case(job, progress)
    for warning in result.warnings:
        console.warn(warning)
    for line in result.lines():
        console.say(line)
    console.say(f"{job.output}: {NOT_FOR_CLINICAL_USE}")
    console.done(output=job.output, source=result.segments.source, tumors=len(result.tumors))
