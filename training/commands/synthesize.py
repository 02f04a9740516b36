"""`synthesize`: a cohort painted from label maps."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_cohort, tell_written


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "synthesize",
        help="write cases painted from label maps",
        description="Paint two-phase CT with lesions from label maps of real abdomens, one folder a case (layout "
        '"plain"). The same label maps, seeds and settings give the same voxels; cases that are complete are left '
        "alone, so that the command resumes where it was stopped, and a larger --count lengthens a cohort.",
    )
    add = parser.add_argument
    add(
        "--label-map",
        dest="label_maps",
        action="append",
        required=True,
        metavar="PATH:KIND",
        help="label map and what its values mean: spl (SPL/NAC abdominal atlas) or amos (AMOS22); several take turns",
    )
    add(
        "--livers",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="folder of label maps of real livers (couinaud/, vessel/, *_manualMask.nii.gz) that take the place of the "
        "map's own in three quarters of the cases, with their vessels; several may be given",
    )
    add("--in-plane", type=float, default=1.25, metavar="MM", help="pixel spacing (default: %(default)s)")
    add(
        "--slice-spacing",
        type=float,
        nargs=2,
        default=(3.0, 7.0),
        metavar=("LOW", "HIGH"),
        help="range of the slice spacing in mm (default: 3 7)",
    )
    add(
        "--liver-margin",
        type=float,
        metavar="MM",
        help="show the liver's box with this margin alone, enough for a tumor stage (default: the whole body)",
    )
    add_cohort(parser, lesion_share=0.65)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Write the missing cases of the cohort."""
    from training.data.synthesis.livers import find_livers
    from training.data.synthesis.painted_cohort import LabelMap, PaintingSettings, write_painted_cohort

    settings = PaintingSettings(
        in_plane_mm=options.in_plane,
        slice_spacing_range_mm=tuple(options.slice_spacing),
        liver_margin_mm=options.liver_margin,
        lesion_share=options.lesion_share,
    )
    written = write_painted_cohort(
        options.output,
        [LabelMap.parse(text) for text in options.label_maps],
        settings,
        livers=[liver for folder in options.livers for liver in find_livers(folder)],
        count=options.count,
        seed=options.seed,
        processes=options.processes,
        progress=progress.part(0.0, 1.0, "painting"),
    )
    tell_written(options, console, written)
