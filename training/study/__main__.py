"""Run the study: cohort and preparation, training, evaluation, report.

    python -m training.study prepare
    python -m training.study train --jobs 2
    python -m training.study evaluate --jobs 2
    python -m training.study report

Every command resumes where it was stopped, and `train` may be stopped at any moment. `training/study/plan.py` lists the
trainings; `training/results` has the results. A training that these hold already, with the same settings and the same
cohort, is not repeated: a study may be continued on another computer.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.evaluation.score_files import CaseScores, ScoreFiles
from training.recipes.recipe import read_recipe
from training.study.kept_runs import cohort_digest, keep, kept_run, read_kept_runs, settings_digest
from training.study.plan import CASES, FIRST_SEED, TRAININGS, Training, planned

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "study"
RESULTS = ROOT / "training" / "results"
SCORES = "scores.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m training.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("prepare", "train", "evaluate", "report"))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the cohort and the runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where scores are kept and told")
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
        return _prepare(options.folder, chosen, options.jobs)
    study = _Study(options.folder, options.results)
    return _all(study.train if options.command == "train" else study.evaluate, chosen, options.jobs)


def _chosen(names: Sequence[str] | None) -> list[Training]:
    """Return the trainings of these names, all without any. Raises `InputError` for another name."""
    unknown = set(names or ()) - {training.name for training in TRAININGS}
    if unknown:
        known = ", ".join(training.name for training in TRAININGS)
        raise InputError(f"the study has no training {min(unknown)!r}: name one of {known}")
    return [training for training in TRAININGS if names is None or training.name in names]


def run_folder(folder: Path, training: Training, seed: int) -> Path:
    """Return where a training of a seed lies."""
    return folder / "runs" / training.run_name(seed)


def scores_file(folder: Path, training: Training, seed: int) -> Path:
    """Return where its scores lie."""
    return folder / "scores" / f"{training.run_name(seed)}.csv"


def finished(run: Path, training: Training) -> bool:
    """Return whether a run has made all its steps, by its log. Raises `InputError` for a damaged log."""
    if not (run / "log.csv").exists():
        return False
    hint = f"remove '{run}' and run `train` again"
    rows = read_csv(run / "log.csv", "the log", hint).rows()
    try:
        steps = [int(float(row["step"])) for row in rows]
    except (KeyError, ValueError, OverflowError) as error:
        raise InputError(f"the log '{run / 'log.csv'}' has a line without a step: {hint}") from error
    recipe = read_recipe(training.recipe, training.settings)
    samples = recipe.sampling.samples_an_epoch or 0
    return bool(steps) and steps[-1] >= recipe.schedule.epochs * math.ceil(samples / recipe.loop.batch)


def _prepare(folder: Path, trainings: Sequence[Training], jobs: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    cohort = folder / "cohort"
    command = [
        "phantoms",
        "--count",
        str(CASES),
        "--seed",
        str(FIRST_SEED),
        "--size",
        "small",
        "--single-kind",
    ]
    status = _call([*command, "--output", str(cohort), "--processes", str(jobs)])
    for name in dict.fromkeys(training.prepared for training in trainings):
        # the training that needs most of a preparation: both phases where any row takes them
        needing = [training for training in trainings if training.prepared == name]
        widest = max(needing, key=lambda training: "msf" in training.name)
        command = ["prepare", "--layout", "plain", "--data", str(cohort), "--recipe", widest.recipe]
        command += [*_settings(widest.settings), "--output", str(folder / f"prepared-{name}")]
        status = status or _call([*command, "--processes", str(jobs)])
    return status


class _Study:
    """What is trained and scored in one folder, and kept in the results."""

    def __init__(self, folder: Path, results: Path) -> None:
        """Raises `InputError` without a cohort, and for results that cannot be read."""
        if not (folder / "cohort" / "cohort.json").is_file():
            raise InputError(f"there is no cohort in '{folder}': run `prepare` first")
        self.folder = folder
        self.results = results
        self.cohort = cohort_digest(folder / "cohort")
        self.kept = read_kept_runs(results)

    def train(self, training: Training, seed: int) -> int:
        """Train one seed, unless the results hold it."""
        run = run_folder(self.folder, training, seed)
        if self._is_kept(training, seed):
            print(f"{run.name}: in the results already", flush=True)
            return 0
        run.parent.mkdir(parents=True, exist_ok=True)
        command = ["train", "--recipe", training.recipe, *_settings(training.settings)]
        command += ["--prepared", str(self.folder / f"prepared-{training.prepared}"), "--part", "0"]
        command += ["--seed", str(seed), "--threads", "1", "--output", str(run)]
        return _call(command, log=run.name, folder=self.folder)

    def evaluate(self, training: Training, seed: int) -> int:
        """Score one seed on the test cases, and keep scores and curve in the results."""
        run = run_folder(self.folder, training, seed)
        if self._is_kept(training, seed):
            return 0
        if not finished(run, training):
            print(f"{run.name}: not trained to its end yet", flush=True)
            return 0
        scores = scores_file(self.folder, training, seed)
        scores.parent.mkdir(parents=True, exist_ok=True)
        command = ["evaluate", "--run", str(run), "--output", str(scores)]
        status = _call(command, log=f"evaluate-{run.name}", folder=self.folder)
        if status == 0:
            row = kept_run(run, run.name, settings=settings_digest(training), cohort=self.cohort)
            named = [_named(each, run.name) for each in ScoreFiles(scores).read().values()]
            ScoreFiles(self.results / SCORES).put(named)
            keep(self.results, row)  # last: what it names is there
        return status

    def _is_kept(self, training: Training, seed: int) -> bool:
        kept = self.kept.get(training.run_name(seed))
        return (
            kept is not None
            and kept.settings_sha256 == settings_digest(training)
            and kept.cohort_sha256 == self.cohort
        )


def _named(scores: CaseScores, name: str) -> CaseScores:
    """Return the rows under a name of the run without digits of its folder, which differ from computer to computer."""
    return replace(
        scores,
        case={**scores.case, "run": name},
        lesions=[{**row, "run": name} for row in scores.lesions],
        slices=[{**row, "run": name} for row in scores.slices],
    )


def _all(one: Callable[[Training, int], int], trainings: Sequence[Training], jobs: int) -> int:
    """Do all seeds of these trainings, in the order of the plan."""
    with ThreadPoolExecutor(jobs) as pool:
        work = [pool.submit(one, training, seed) for training, seed in planned() if training in trainings]
        return max((done.result() for done in work), default=0)


def _settings(settings: Mapping[str, Any]) -> list[str]:
    return [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]


def _call(arguments: Sequence[str], *, log: str | None = None, folder: Path = FOLDER) -> int:
    """Run a command of `python -m training` with one thread; its words go to a log if there is one."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    command = [sys.executable, "-m", "training", *arguments]
    if log is None:
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with (folder / "logs" / f"{log}.txt").open("a", encoding="utf-8") as stream:
        status = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=stream, stderr=stream, check=False
        ).returncode
    print(f"{log}: {'done' if status == 0 else f'ended with {status}'}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
