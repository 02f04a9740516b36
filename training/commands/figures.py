"""`figures`: pictures of trainings and scores."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress

DESCRIPTION = """Draw what tables do not show:

learning-curves.png    loss and validation Dice of --run, by recipe
lesion-sizes.png       best Dice and detected share of lesions over their diameter, from SCORES-lesions.csv
RUN-features.png       with --features: feature maps of one of its test cases before and after each attention block
RUN-CASE-planes.png    the worst cases of --run, with the outlines of what was found and of the truth
RUN-CASE-surface.png   their found surface, colored by its distance to the true one

The last two need the label maps that `evaluate --save-labels` wrote, and the data set where it was."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "figures",
        help="learning curves, lesion sizes, worst cases, surface distances",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("scores", nargs="*", type=Path, metavar="SCORES.csv", help="what `evaluate` wrote")
    add(
        "--run",
        dest="runs",
        nargs="+",
        default=[],
        type=Path,
        metavar="RUN",
        help="folders that `train` wrote",
    )
    add("--features", action="store_true", help="draw features before and after attention, of each run")
    add("--labels", type=Path, metavar="DIR", help="the folder of `evaluate --save-labels`")
    add("--worst", type=int, default=3, metavar="N", help="worst cases of each run (default: 3)")
    add("--output", required=True, type=Path, metavar="DIR", help="folder for the pictures")
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Draw what there is something of."""
    from LiverTumorAttentionLib.errors import InputError
    from LiverTumorAttentionLib.io.atomic_write import making_folder
    from training.figures.features import draw_features
    from training.figures.learning_curves import draw_learning_curves
    from training.figures.lesion_sizes import draw_lesion_sizes
    from training.figures.worst_cases import draw_worst_cases
    from training.tables.scores import Scores

    if not options.scores and not options.runs:
        raise InputError("there is nothing to draw: give SCORES.csv, --run, or both")
    if options.labels is not None and not (options.scores and options.runs):
        raise InputError(
            "the worst cases need the scores and the runs too: give SCORES.csv and --run beside --labels"
        )
    if options.worst < 1:
        raise InputError(f"--worst must be at least 1, got {options.worst}: give a larger number")
    scores = Scores.read(options.scores) if options.scores else None
    written: list[Path] = []
    with making_folder(options.output, name="figures", parents=True) as folder:
        if options.runs:
            written.append(folder / "learning-curves.png")
            draw_learning_curves(written[-1], options.runs)
        for each in options.runs if options.features else ():
            written.append(folder / f"{each.resolve().name}-features.png")
            draw_features(written[-1], each.resolve())
        if scores is not None and scores.lesions:
            written.append(folder / "lesion-sizes.png")
            draw_lesion_sizes(written[-1], scores)
        if options.labels is not None and scores is not None:
            worst = progress.part(0.1, 1.0, "worst cases")
            written += draw_worst_cases(folder, scores, options.runs, options.labels, options.worst, worst)
    for path in written:
        console.say(str(path))
    console.done(output=options.output, figures=len(written))
