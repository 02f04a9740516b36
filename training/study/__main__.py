"""Run the study: cohort and preparation, training, evaluation, report.

    python -m training.study prepare
    python -m training.study train --jobs 2
    python -m training.study evaluate --jobs 2
    python -m training.study figures
    python -m training.study report

Every command resumes where it was stopped, and `train` may be stopped at any moment. `training/study/plan.py` lists the
trainings; `training/results` has the results. A training that these hold already, with the same settings and the same
cohort, is not repeated: a study may be continued on another computer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from training.study.plan import TRAININGS, Training
from training.study.steps import ROOT, Study, each_seed, prepare

FOLDER = ROOT / "build" / "study"
RESULTS = ROOT / "training" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m training.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("prepare", "train", "evaluate", "figures", "report"))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the cohort and the runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where scores are kept and told")
    parser.add_argument(
        "--data",
        type=Path,
        help="of real volumes, for `prepare`: what is trained is scored with lesions in them too",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="trainings or evaluations at a time, one thread each"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these trainings alone, such as msf-pa")
    options = parser.parse_args(arguments)
    try:
        return _run(options, _chosen(options.only))
    except LiverTumorAttentionError as error:
        print(error, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, chosen: Sequence[Training]) -> int:
    if options.command == "report":
        from training.study.report import write_report

        write_report(options.results)
        return 0
    if options.command == "prepare":
        return prepare(options.folder, chosen, options.jobs, options.data)
    study = Study(options.folder, options.results)
    if options.command == "figures":
        return study.draw(chosen)
    if options.command == "train":
        return each_seed(study.train, chosen, options.jobs)
    return each_seed(study.evaluate, chosen, options.jobs) or each_seed(
        study.evaluate_beside, chosen, options.jobs
    )


def _chosen(names: Sequence[str] | None) -> list[Training]:
    """Return the trainings of these names, all without any. Raises `InputError` for another name."""
    unknown = set(names or ()) - {training.name for training in TRAININGS}
    if unknown:
        known = ", ".join(training.name for training in TRAININGS)
        raise InputError(f"the study has no training {min(unknown)!r}: name one of {known}")
    return [training for training in TRAININGS if names is None or training.name in names]


if __name__ == "__main__":
    sys.exit(main())
