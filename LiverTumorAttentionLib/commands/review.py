"""`review`: report of a segmented case as a page, numbers and DICOM."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_labels, add_progress, job_of
from LiverTumorAttentionLib.contrast_phase import REGISTERED_ROLES
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted, measured


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "review",
        help="report on a segmented case: measures, pictures, plan",
        description="Measure a segmented case and write a page with pictures, its numbers as CSV and JSON, and a DICOM "
        f"structured report. {NOT_FOR_CLINICAL_USE}",
    )
    add = parser.add_argument
    add("--portal", required=True, metavar="P", help="portal venous CT: NIfTI, NRRD, MHA or a DICOM folder")
    add(
        "--segmentation",
        required=True,
        metavar="S",
        help="liver and tumors: .seg.nrrd, DICOM SEG or label map",
    )
    add(
        "--arterial",
        metavar="A",
        help="arterial CT registered onto the portal one (segment --save-registered)",
    )
    add("--delayed", metavar="D", help="delayed CT, likewise (segment --save-delayed)")
    add("--native", metavar="N", help="CT without contrast, likewise (segment --save-native)")
    add(
        "--series", dest="portal_series", help="DICOM series of the portal folder: UID, number or description"
    )
    for phase in REGISTERED_ROLES:
        add(f"--{phase}-series", help=f"DICOM series of the {phase} folder or source, likewise")
    add("--probability", metavar="Q", help="probability of tumor (segment --save-probability)")
    add("--vessels", metavar="V", help="vessels: .seg.nrrd, DICOM SEG or label map")
    add(
        "--segments",
        metavar="FILE|propose",
        help="Couinaud segments: .seg.nrrd, DICOM SEG or label map of 1 to 8, landmarks (.json), or the word propose "
        "for those of the network (see the command segments)",
    )
    add("--plan", metavar="JSON", help="margins and resections to compute; see report/README.md")
    add("--height-cm", type=float, metavar="H", help="the body's height, for the estimated liver volume")
    add("--weight-kg", type=float, metavar="W", help="the body's weight, for what a resection leaves")
    add(
        "--log",
        metavar="LOG",
        help="log of corrections that says who signed (default: that in the .seg.nrrd)",
    )
    add("--report", metavar="JSON", help="what segment --report wrote: model, versions, registration verdict")
    add(
        "--patient-name",
        metavar="NAME",
        help="write this at the head of the page (default: no name anywhere)",
    )
    add("--output", metavar="HTML", help="the page")
    add("--csv", metavar="FILE", help="table of the tumors")
    add(
        "--plan-csv",
        metavar="FILE",
        help="table of the plan: a row for each resection and each cut through a vessel",
    )
    add("--json", metavar="FILE", help="all numbers")
    add("--sr", metavar="DCM", help="DICOM structured report; the portal volume must be a DICOM folder")
    add("--seg", metavar="DCM", help="DICOM SEG that the structured report refers to, where S is none itself")
    add("--rtstruct", metavar="DCM", help="DICOM RT Structure Set with the outlines, likewise")
    for phase in REGISTERED_ROLES:
        add(
            f"--{phase}-source",
            metavar="DIR",
            help=f"DICOM folder of the {phase} series before registration, for the structured report to refer to",
        )
    add_labels(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Write the report and print its summary."""
    from LiverTumorAttentionLib.report import report_case

    job = job_of(ReviewJob, options)
    content = report_case(job, progress)
    for warning in content.warnings():
        console.warn(warning)
    case = content.review.case
    console.say(
        f"liver {measured(case.liver_volume_ml, 'mL')}, {counted(case.tumor_count, 'tumor')}, "
        f"{measured(case.tumor_volume_ml, 'mL')} together"
    )
    console.say(content.status())
    console.say(f"{next(path for path in job.outputs().values() if path)}: {NOT_FOR_CLINICAL_USE}")
    console.done(output=job.output, tumors=case.tumor_count)
