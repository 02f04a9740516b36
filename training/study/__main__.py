"""Run the study: cohort and preparation, training, evaluation, report.

    python -m training.study prepare
    python -m training.study train --jobs 2
    python -m training.study evaluate --jobs 2
    python -m training.study report

Every command resumes where it was stopped, and `train` may be stopped at any moment. `training/study/plan.py` lists the
trainings; `training/results` has the results.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.recipes.recipe import read_recipe
from training.study.plan import CASES, FIRST_SEED, SEEDS, TRAININGS, Training

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "study"
RESULTS = ROOT / "training" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m training.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("prepare", "train", "evaluate", "report"))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the cohort and the runs")
    parser.add_argument(
        "--jobs", type=int, default=1, help="trainings or evaluations at a time, one thread each"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these trainings alone, such as msf-pa")
    options = parser.parse_args(arguments)
    chosen = [t for t in TRAININGS if options.only is None or t.name in options.only]
    try:
        return _run(options, chosen)
    except LiverTumorAttentionError as error:
        print(error, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, chosen: Sequence[Training]) -> int:
    if options.command == "report":
        from training.study.report import write_report

        write_report(options.folder, RESULTS)
        return 0
    steps = {"prepare": _prepare, "train": _train, "evaluate": _evaluate}
    return steps[options.command](options.folder, chosen, options.jobs)


def run_folder(folder: Path, training: Training, seed: int) -> Path:
    """Return where a training of a seed lies."""
    return folder / "runs" / f"{training.name}-{seed}"


def scores_file(folder: Path, training: Training, seed: int) -> Path:
    """Return where its scores lie."""
    return folder / "scores" / f"{training.name}-{seed}.csv"


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


def _train(folder: Path, trainings: Sequence[Training], jobs: int) -> int:
    def one(training: Training, seed: int) -> int:
        run = run_folder(folder, training, seed)
        run.parent.mkdir(parents=True, exist_ok=True)
        command = ["train", "--recipe", training.recipe, *_settings(training.settings)]
        command += ["--prepared", str(folder / f"prepared-{training.prepared}"), "--part", "0"]
        return _call(
            [*command, "--seed", str(seed), "--threads", "1", "--output", str(run)],
            log=run.name,
            folder=folder,
        )

    return _all(one, trainings, jobs)


def _evaluate(folder: Path, trainings: Sequence[Training], jobs: int) -> int:
    def one(training: Training, seed: int) -> int:
        if not finished(run_folder(folder, training, seed), training):
            print(f"{training.name}-{seed}: not trained to its end yet", flush=True)
            return 0
        scores = scores_file(folder, training, seed)
        scores.parent.mkdir(parents=True, exist_ok=True)
        command = ["evaluate", "--run", str(run_folder(folder, training, seed)), "--output", str(scores)]
        return _call(command, log=f"evaluate-{training.name}-{seed}", folder=folder)

    return _all(one, trainings, jobs)


def _all(one: Any, trainings: Sequence[Training], jobs: int) -> int:
    """Do one seed of every training, then the next seed, so that a study that is cut short is complete for some."""
    with ThreadPoolExecutor(jobs) as pool:
        work = [pool.submit(one, training, seed) for seed in SEEDS for training in trainings]
        return max(done.result() for done in work)


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
