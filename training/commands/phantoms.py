"""Write a cohort of generated two-phase cases with full truth, one folder a case (layout "plain").

The same seeds and settings give the same voxels. Cases that are there already are left alone, so the command goes
on where it was stopped, and a larger --count lengthens a cohort.
Seeds: training takes those from 100000 on. Lower ones are kept for tests and evaluation: a phantom that was
trained on must never be among them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import add_processes, watched
from training.data.seeds import TRAINING_SEEDS

HELP = "write a cohort of generated cases"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("--count", type=int, required=True, metavar="N", help="number of cases")
    add(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the cohort; its parent must exist",
    )
    add(
        "--seed",
        type=int,
        default=TRAINING_SEEDS,
        metavar="S",
        help="first seed (default: %(default)s; below it only for tests and evaluation)",
    )
    add(
        "--size", choices=("small", "full"), default="small", help="160 or 512 pixels a side (default: small)"
    )
    add(
        "--lesions", type=int, metavar="N", help="lesions of a case, 0 to 8 (default: drawn, none in a sixth)"
    )
    add("--kinds", nargs="+", metavar="TYPE", help="cyst, FNH, HCC, hemangioma, metastasis (default: drawn)")
    add(
        "--single-kind",
        action="store_true",
        help="give all lesions of a case one type, the types in turn, so that scores by tumour type make sense",
    )
    add("--matrix", type=int, metavar="N", help="pixels a side, in place of those of --size")
    add("--slices", type=int, metavar="N", help="number of slices (default: what covers the upper abdomen)")
    add(
        "--thickness",
        type=float,
        metavar="MM",
        help="slice thickness (default: 5.5 for small, drawn for full)",
    )
    add_processes(parser)


def run(options: argparse.Namespace) -> None:
    """Write what is missing of the cohort."""
    from training.data.phantom_cohort import PhantomSettings, write_cohort

    settings = PhantomSettings(
        size=options.size,
        lesions=options.lesions,
        kinds=tuple(options.kinds or ()),
        single_kind=options.single_kind,
        matrix=options.matrix,
        slices=options.slices,
        thickness_mm=options.thickness,
    )
    with watched("phantoms") as progress:
        written = write_cohort(
            options.output,
            settings,
            count=options.count,
            seed=options.seed,
            processes=options.processes,
            progress=progress,
        )
    print(f"{options.output}: {written} of {options.count} phantoms written, the others were there")
