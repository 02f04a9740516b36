"""`segment`: liver and tumors of a case."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import (
    Console,
    add_device,
    add_paths,
    add_progress,
    add_segmentation_settings,
    add_server,
    job_of,
    server_of,
)
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "segment",
        help="segment liver and tumors of one case",
        description=f"Segment the liver and its tumors on portal venous CT, with the arterial phase where "
        f"there is one. {NOT_FOR_CLINICAL_USE}",
    )
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--portal", default="", metavar="P", help="portal venous CT: NIfTI, NRRD, MHA or a DICOM folder"
    )
    source.add_argument(
        "--study",
        metavar="DIR",
        help="DICOM folder of a study; the portal venous, arterial, delayed and native series are found in it",
    )
    add("--study-uid", metavar="UID", help="which study, where the folder of --study holds several")
    add("--arterial", metavar="A", help="arterial CT of the same examination")
    add("--delayed", metavar="D", help="delayed CT of the same examination, measured beside the others")
    add("--native", metavar="N", help="CT without contrast of the same examination, likewise")
    add(
        "--headers",
        metavar="JSON",
        help="what the DICOM headers say of volumes that are no DICOM: {input: {patient_id, study_uid, frame_uid, "
        "description, contrast_agent, …}}; checked as those of DICOM folders are",
    )
    add(
        "--series", dest="portal_series", help="DICOM series of the portal folder: UID, number or description"
    )
    add("--arterial-series", help="DICOM series of the arterial folder, likewise")
    add("--delayed-series", help="DICOM series of the delayed folder, likewise")
    add("--native-series", help="DICOM series of the native folder, likewise")
    add_device(parser)
    add_progress(parser)
    add("--output", required=True, metavar="OUT", help=".seg.nrrd, .nii.gz, .nrrd, .mha or .dcm (DICOM SEG)")
    add("--table", metavar="CSV", help="table of the tumors")
    add("--report", metavar="JSON", help="everything measured, settings, model and versions")
    add_paths(parser)
    add("--preview", metavar="PNG", help="preview picture")
    add("--save-registered", metavar="FILE", help="the arterial volume registered onto the portal one")
    add(
        "--save-transform",
        metavar="FILE",
        help="the registration's transform, portal points to arterial points",
    )
    add("--save-delayed", metavar="FILE", help="the delayed volume registered onto the portal one")
    add("--save-native", metavar="FILE", help="the native volume registered onto the portal one")
    add(
        "--segments",
        dest="save_segments",
        metavar="FILE",
        help="propose Couinaud segments from the liver's shape, tell those of each tumor, and write them here "
        "(.seg.nrrd or label map)",
    )
    add("--save-probability", metavar="FILE", help="the probability of tumor")
    add("--save-attention", metavar="DIR", help="what the network attended to: volumes, and weights as JSON")
    add(
        "--attention-point",
        type=_point_mm,
        metavar="X,Y,Z",
        help="LPS mm; where to look from at a network that relates places (default: where tumor is most probable)",
    )
    add_segmentation_settings(parser)
    add_server(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Segment the case, here or on a server, and show its table."""
    job = job_of(SegmentationJob, options)
    server = server_of(options)
    if server is not None:
        from LiverTumorAttentionLib.remote.segmentation import segment_remotely

        there = segment_remotely(job, server, progress)
        _tell(job, console, there.warnings, there.summary(), there.tumors, there.statement)
        return
    from LiverTumorAttentionLib.pipeline.segment import segment_case

    here = segment_case(job, progress)
    _tell(job, console, here.warnings, here.summary(), len(here.tumors), here.model.statement)


def _tell(
    job: SegmentationJob,
    console: Console,
    warnings: tuple[str, ...],
    summary: str,
    tumors: int,
    statement: str,
) -> None:
    for warning in warnings:
        console.warn(warning)
    console.say(summary)
    console.done(output=job.output, tumors=tumors, statement=statement)


def _point_mm(text: str) -> tuple[float, float, float]:
    """Read "X,Y,Z" in millimetres."""
    try:
        x, y, z = (float(value) for value in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected three numbers X,Y,Z in LPS mm, got {text!r}") from None
    return x, y, z
