"""`compare`: two time points of a patient: lesions matched, their changes, response."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_labels, add_progress, job_of
from LiverTumorAttentionLib.pipeline.arterial_policy import graded_reason
from LiverTumorAttentionLib.progress import Progress


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "compare",
        help="compare two time points: pairs of lesions, changes, response",
        description="Register a follow-up onto its baseline, match the lesions of both, and write a page, a table and "
        f"all numbers of what changed. {NOT_FOR_CLINICAL_USE}",
    )
    add = parser.add_argument
    for visit, title in (("baseline", "baseline"), ("followup", "follow-up")):
        add(
            f"--{visit}-portal",
            required=True,
            metavar="P",
            help=f"portal venous CT of the {title}: NIfTI, NRRD, MHA or a DICOM folder",
        )
        add(
            f"--{visit}",
            required=True,
            metavar="S",
            help=f"its liver and tumors: .seg.nrrd, DICOM SEG or label map ({title})",
        )
        add(f"--{visit}-arterial", metavar="A", help=f"arterial CT of the {title}, registered here")
        add(
            f"--{visit}-series",
            metavar="X",
            help="DICOM series of the portal folder: UID, number or description",
        )
        add(f"--{visit}-arterial-series", metavar="X", help="DICOM series of the arterial folder, likewise")
        add(
            f"--{visit}-headers",
            metavar="JSON",
            help=f"what the DICOM headers say of volumes of the {title} that are no DICOM (see segment --headers)",
        )
        add(
            f"--{visit}-segments",
            metavar="C",
            help=f"Couinaud segments of the {title}: a file, landmarks (.json), or propose",
        )
        add(
            f"--{visit}-date",
            metavar="DAY",
            help=f"day of the {title}, YYYY-MM-DD (default: of the DICOM headers)",
        )
    add(
        "--arterial-registered",
        action="store_true",
        help="the arterial CT lie on the portal grids already (segment --save-registered)",
    )
    add(
        "--pair",
        action="append",
        default=[],
        metavar="B=F",
        help="lesion B of the baseline is lesion F of the follow-up, may be repeated; B=none is gone, none=F is new",
    )
    add(
        "--targets",
        type=_numbers,
        default=(),
        metavar="N,N",
        help="lesions of the baseline that a person chose as targets, at most two; without them no response is told",
    )
    for name, what in (("", "longest"), ("viable-", "viable")):
        add(
            f"--nadir-{name}sum",
            dest=f"nadir_{name.replace('-', '_')}sum_mm",
            type=float,
            metavar="MM",
            help=f"smallest sum of the targets' {what} diameters before this follow-up (default: that of the baseline)",
        )
    add(
        "--non-target-progression",
        action="store_true",
        help="a person finds unequivocal progression of the lesions that are no targets",
    )
    for name, title in (("", "follow-up"), ("baseline-", "baseline")):
        add(
            f"--{name}viable",
            action="append",
            default=[],
            metavar="N=MM",
            help=f"viable diameter of target N in the {title} as a person measured it, may be repeated",
        )
    add(
        "--patient-name",
        metavar="NAME",
        help="write this at the head of the page (default: no name anywhere)",
    )
    add("--output", metavar="HTML", help="the page")
    add("--csv", metavar="FILE", help="table of the pairs")
    add("--json", metavar="FILE", help="all numbers")
    add(
        "--transform",
        metavar="FILE",
        help="the registration, baseline points to follow-up points (.h5 or .tfm)",
    )
    for visit, title in (("baseline", "baseline"), ("followup", "follow-up")):
        add(
            f"--{visit}-sr",
            metavar="DCM",
            help=f"DICOM structured report of the {title}; lesions that are one are tracked over both",
        )
        add(f"--{visit}-seg", metavar="DCM", help="DICOM SEG that it refers to, where S is none itself")
    add("--seed", type=int, default=0, help="seed of the samples that are drawn (default: 0)")
    add_labels(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def _numbers(text: str) -> tuple[int, ...]:
    """Return numbers of lesions that commas separate."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"targets are numbers of lesions that commas separate, got {text!r}: give them as 1,3"
        ) from None


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Write the report and print its summary."""
    from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob
    from LiverTumorAttentionLib.report import report_comparison

    job = job_of(ComparisonJob, options)
    content = report_comparison(job, progress)
    for warning in content.cases.warnings:
        console.warn(warning)
    console.say(f"registration: {graded_reason(content.cases.registration.verdict)}")
    counts = content.counts()
    console.say(", ".join(f"{count} {status}" for status, count in counts.items() if count) or "no lesion")
    for line in content.response_lines():
        console.say(line)
    console.say(f"{next(path for path in job.outputs().values() if path)}: {NOT_FOR_CLINICAL_USE}")
    console.done(output=job.output, **counts)
