"""`evaluate`: scores of runs on whole test cases."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted

DESCRIPTION = """Score runs on whole test cases. Each case is read from its data set, its arterial phase is aligned as
it was prepared, it is segmented by the library's inference with the run's best weights, and compared with the truth.

Writes one row a case into SCORES.csv, one a lesion into SCORES-lesions.csv and one a slice that shows tumor into
SCORES-slices.csv. Existing rows are not computed again, so that the command resumes where it was stopped; one command
at a time may write into a file. Tumor stages get the true liver unless another is named."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="score runs on their test cases",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--run",
        dest="runs",
        required=True,
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folders that `train` wrote",
    )
    add("--output", required=True, type=Path, metavar="SCORES.csv", help="file for the scores")
    add("--device", default="auto", choices=("auto", "cpu", "cuda"), help="default: auto")
    add("--workers", type=int, default=1, metavar="N", help="cases at a time (default: 1)")
    liver = parser.add_mutually_exclusive_group().add_argument
    liver("--liver-run", type=Path, metavar="RUN", help="take the coarse liver that this run's network finds")
    liver("--liver-model", metavar="MODEL", help="take the coarse liver that this model finds, by id or path")
    add("--prepared", type=Path, metavar="DIR", help="where the prepared cases lie now, if they were moved")
    add(
        "--all-of",
        type=Path,
        metavar="DIR",
        help="score all cases of this prepared folder, in place of the runs' own test cases",
    )
    add("--save-labels", type=Path, metavar="DIR", help="write the label maps into this folder, too")
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Score and say how well it went."""
    from training.evaluation import CoarseLiver, EvaluationOptions, evaluate_runs
    from training.runs.run_folder import run_name
    from training.tables.pooling import mean_over_cases
    from training.tables.select import shows

    settings = EvaluationOptions(
        device=options.device,
        liver=CoarseLiver(
            run=None if options.liver_run is None else options.liver_run.resolve(), model=options.liver_model
        ),
        prepared=options.prepared,
        all_of=options.all_of,
        save_labels=options.save_labels,
        processes=options.workers,
    )
    scores = evaluate_runs(options.runs, options.output, settings, progress.part(0.0, 1.0, "scoring"))
    for folder in options.runs:
        rows = [each.case for each in scores if each.case["run"] == run_name(folder)]
        parts = [counted(len(rows), "case")]
        for name in ("liver", "tumor"):
            shown = [row for row in rows if shows(row, name)]
            dice = mean_over_cases(shown, f"{name}_dice")
            if dice is not None:
                left_out = len(rows) - len(shown)
                more = f" ({counted(left_out, 'case')} without it left out)" if left_out else ""
                parts.append(f"mean Dice of the {name} {dice.mean:.3f}{more}")
        console.say(f"{folder}: {', '.join(parts)}")
    console.say(f"scores: {options.output}")
    console.done(output=str(options.output), cases=len(scores))
