"""`phantom`: generation of a two-phase case with its ground truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted

FURTHER = ("native", "early-arterial", "delayed")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "phantom",
        help="generate a two-phase abdominal CT with full truth",
        description="Write portal.nii.gz, arterial.nii.gz, labels.nii.gz (0, 1 liver, 2 tumor), lesions.json and "
        "displacement.nii.gz (LPS mm: a portal point p lies at p + u(p) in the arterial volume); "
        "of further phases NAME.nii.gz and displacement-NAME.nii.gz.",
    )
    add = parser.add_argument
    add("--seed", type=int, required=True, help="the same seed gives the same case")
    add("--output", required=True, metavar="DIR", help="folder to write to; it is made where it is not there")
    add("--size", choices=("small", "full"), default="full", help="full: 512 x 512 pixels (default: full)")
    add("--lesions", type=int, metavar="N", help="number of lesions, 0 to 8 (default: drawn)")
    add("--slices", type=int, metavar="N", help="number of slices (default: what covers the upper abdomen)")
    add("--thickness", type=float, metavar="MM", help="slice thickness, 1 to 7 mm (default: drawn)")
    add(
        "--phases",
        nargs="+",
        default=[],
        choices=FURTHER,
        metavar="PHASE",
        help=f"further phases beside the late arterial and the portal one: {', '.join(FURTHER)}",
    )
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Generate the case and write it."""
    from LiverTumorAttentionLib.io import check_folder
    from LiverTumorAttentionLib.phantoms import generate_phantom, write_phantom

    check_folder(options.output, name="phantom", parents=True)
    phantom = generate_phantom(
        options.seed,
        size=options.size,
        lesions=options.lesions,
        slices=options.slices,
        thickness_mm=options.thickness,
        further_phases=tuple(phase.replace("-", "_") for phase in FURTHER if phase in options.phases),
        progress=progress.part(0.0, 0.8, "generating"),
    )
    write_phantom(phantom, Path(options.output), progress.part(0.8, 1.0, "writing"))
    console.say(f"{options.output}: {counted(len(phantom.lesions), 'lesion')}")
    console.done(output=options.output, lesions=len(phantom.lesions))
