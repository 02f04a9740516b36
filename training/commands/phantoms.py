"""`phantoms`: a cohort of generated cases."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_cohort, tell_written
from training.data.synthesis import TRAINING_SEEDS

DESCRIPTION = """Write a cohort of generated two-phase cases with full truth, one folder a case (layout "plain").

The same seeds and settings give the same voxels. Complete cases are left alone, so that the command resumes where it
was stopped, and a larger --count lengthens a cohort.
Seeds: training takes those from 100000 on. Lower ones are reserved for tests and evaluation: no phantom that was
trained on may be among them."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "phantoms",
        help="write a cohort of generated cases",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
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
        help="give all lesions of a case one type, the types in turn, so that scores by tumor type make sense",
    )
    add("--matrix", type=int, metavar="N", help="pixels a side, in place of those of --size")
    add("--slices", type=int, metavar="N", help="number of slices (default: what covers the upper abdomen)")
    add(
        "--thickness",
        type=float,
        metavar="MM",
        help="slice thickness (default: 5.5 for small, drawn for full)",
    )
    add_cohort(
        parser,
        seed=TRAINING_SEEDS,
        seed_help="first seed (default: %(default)s; below it only for tests and evaluation)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Write what is missing of the cohort."""
    from training.data.synthesis.phantom_cohort import PhantomSettings, write_phantom_cohort

    settings = PhantomSettings(
        size=options.size,
        lesions=options.lesions,
        kinds=tuple(options.kinds or ()),
        single_kind=options.single_kind,
        matrix=options.matrix,
        slices=options.slices,
        thickness_mm=options.thickness,
    )
    written = write_phantom_cohort(
        options.output,
        settings,
        count=options.count,
        seed=options.seed,
        processes=options.processes,
        progress=progress.part(0.0, 1.0, "phantoms"),
    )
    tell_written(options, console, written, "phantoms")
