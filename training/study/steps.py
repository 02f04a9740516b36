"""The steps of the study: cohort and preparation, trainings, scores."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.data.preparation.manifest import Manifest
from training.evaluation.score_files import CaseScores, ScoreFiles
from training.loop.logs import ATTENTION
from training.recipes.recipe import read_recipe
from training.study.kept_runs import cohort_digest, keep, kept_run, read_kept_runs, settings_digest
from training.study.plan import (
    CASES,
    CONDITIONS,
    FIGURES,
    FIRST_SEED,
    FOUND_LIVER,
    IMPLANTED,
    LIVER_MODEL,
    PICTURED,
    SCORES,
    SLICES_OF,
    TRAININGS,
    WORST,
    Condition,
    Training,
    planned,
)

ROOT = Path(__file__).resolve().parents[2]
REAL = "prepared-implanted"
"""Real CT with implanted lesions, prepared as for the rows of PA-ResSeg."""


def run_folder(folder: Path, training: Training, seed: int) -> Path:
    """Return where a training of a seed lies."""
    return folder / "runs" / training.run_name(seed)


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


def prepare(folder: Path, trainings: Sequence[Training], jobs: int, data: Path | None) -> int:
    """Generate the cohort and prepare it for these trainings; with `data`, real CT with implanted lesions as well.

    Return the exit status of the first command that failed, 0 where none did. Resumes where it was stopped.
    """
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
        status = status or _prepare_for(widest, cohort, folder / f"prepared-{name}", jobs)
    if data is not None:
        implanted = folder / "implanted"
        command = ["implant", "--data", str(data), "--liver-model", LIVER_MODEL, "--count", str(IMPLANTED)]
        command += ["--lesion-share", "1", "--output", str(implanted), "--processes", str(jobs)]
        widest = next(training for training in TRAININGS if training.name == "msf-pa")
        status = status or _call(command) or _prepare_for(widest, implanted, folder / REAL, jobs)
    return status


def _prepare_for(training: Training, cohort: Path, output: Path, jobs: int) -> int:
    command = ["prepare", "--layout", "plain", "--data", str(cohort), "--recipe", training.recipe]
    command += [*_settings(training.settings), "--output", str(output), "--processes", str(jobs)]
    return _call(command)


class Study:
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
        """Train one seed, unless the results hold it with all its scores."""
        run = run_folder(self.folder, training, seed)
        if self._is_complete(training, seed):
            print(f"{run.name}: in the results already", flush=True)
            return 0
        prepared = self.folder / f"prepared-{training.prepared}"
        count = len(Manifest.read(prepared).cases())
        if count != CASES:
            raise InputError(f"'{prepared}' holds {count} of {CASES} cases: let `prepare` end, then train")
        run.parent.mkdir(parents=True, exist_ok=True)
        command = ["train", "--recipe", training.recipe, *_settings(training.settings)]
        command += ["--prepared", str(prepared), "--part", "0"]
        command += ["--seed", str(seed), "--threads", "1", "--output", str(run)]
        return _call(command, log=run.name, folder=self.folder)

    def evaluate(self, training: Training, seed: int) -> int:
        """Score one seed on the test cases, and keep scores and curve in the results, unless these hold them."""
        run = run_folder(self.folder, training, seed)
        if self._is_kept(training, seed):
            return 0
        if not finished(run, training):
            print(f"{run.name}: not trained to its end yet", flush=True)
            return 0
        self._forget(run.name)
        status = self._score(run, self.results / SCORES, [])
        if status == 0:
            row = kept_run(run, run.name, settings=settings_digest(training), cohort=self.cohort)
            keep(self.results, row)  # last: what it names is there
        return status

    def evaluate_beside(self, training: Training, seed: int) -> int:
        """Score one seed under every other condition that the results do not hold, where its run is here."""
        run = run_folder(self.folder, training, seed)
        status = 0
        for condition in CONDITIONS:
            wanted = condition.is_for(training, seed) and self._can_score(condition)
            if wanted and finished(run, training) and not self._has_scores(condition, run.name):
                output = self._file_of(condition)
                status = status or self._score(run, output, self._options(condition), condition.name)
        return status

    def draw(self, trainings: Sequence[Training]) -> int:
        """Draw features, lesion sizes, worst cases and surface distances of the first seed of what is pictured."""
        done = [training for training in trainings if training.name in PICTURED]
        runs = [run_folder(self.folder, training, 0) for training in done]
        finished_runs = [run for run, training in zip(runs, done, strict=True) if finished(run, training)]
        status = 0
        for run in finished_runs:
            labels, scores = self.folder / "labels", self.folder / "scores" / f"{run.name}-pictured.csv"
            scores.parent.mkdir(parents=True, exist_ok=True)
            drawn = self.folder / "figures" / run.name
            evaluate = ["evaluate", "--run", str(run), "--save-labels", str(labels), "--output", str(scores)]
            figures = ["figures", str(scores), "--run", str(run), "--labels", str(labels)]
            figures += ["--features"] if (run / ATTENTION).is_file() else []  # a baseline has no attention
            figures += ["--worst", str(WORST), "--output", str(drawn)]
            status = status or _call(evaluate, log=f"pictured-{run.name}", folder=self.folder)
            status = status or _call(figures, log=f"figures-{run.name}", folder=self.folder)
            if status == 0:
                shown = self.results / FIGURES / run.name
                shown.mkdir(parents=True, exist_ok=True)
                for path in sorted(drawn.glob("*.png")):
                    if path.name != "learning-curves.png":  # of all trainings, on the page
                        shutil.copyfile(path, shown / path.name.removeprefix(f"{run.name}-"))
        return status

    def _score(self, run: Path, output: Path, options: Sequence[str], condition: str = "") -> int:
        """Score a run and put its rows into a file of the results."""
        name = f"{run.name}-{condition}" if condition else run.name
        scores = self.folder / "scores" / f"{name}.csv"
        scores.parent.mkdir(parents=True, exist_ok=True)
        command = ["evaluate", "--run", str(run), *options, "--output", str(scores)]
        status = _call(command, log=f"evaluate-{name}", folder=self.folder)
        if status == 0:
            kept = [_named(each, run.name) for each in ScoreFiles(scores).read().values()]
            if run.name.rpartition("-")[2] not in map(str, SLICES_OF):
                kept = [replace(each, slices=[]) for each in kept]
            ScoreFiles(output).put(kept)
        return status

    def _forget(self, run: str) -> None:
        """Drop the rows of earlier settings or another cohort, under every condition."""
        for path in (self.results / SCORES, *map(self._file_of, CONDITIONS)):
            scores = ScoreFiles(path)
            scores.drop([key for key in scores.read() if key[0] == run])

    def _options(self, condition: Condition) -> list[str]:
        if condition is FOUND_LIVER:
            return ["--liver-model", LIVER_MODEL]
        return ["--all-of", str(self.folder / REAL)]

    def _can_score(self, condition: Condition) -> bool:
        return condition is FOUND_LIVER or (self.folder / REAL).is_dir()

    def _has_scores(self, condition: Condition, run: str) -> bool:
        return any(name == run for name, _ in ScoreFiles(self._file_of(condition)).read())

    def _file_of(self, condition: Condition) -> Path:
        return self.results / f"{condition.name}.csv"

    def _is_kept(self, training: Training, seed: int) -> bool:
        """Return whether the results hold a training and its scores on the test cases."""
        kept = self.kept.get(training.run_name(seed))
        return (
            kept is not None
            and kept.settings_sha256 == settings_digest(training)
            and kept.cohort_sha256 == self.cohort
        )

    def _is_complete(self, training: Training, seed: int) -> bool:
        """Return whether the results hold it with its scores under the other conditions.

        What was trained elsewhere has no weights here: where such scores are missing, it has to be trained again.
        """
        return self._is_kept(training, seed) and all(
            self._has_scores(condition, training.run_name(seed))
            for condition in CONDITIONS
            if condition.is_for(training, seed) and self._can_score(condition)
        )


def _named(scores: CaseScores, name: str) -> CaseScores:
    """Return the rows under a name of the run without digits of its folder, which differ from computer to computer."""
    return replace(
        scores,
        case={**scores.case, "run": name},
        lesions=[{**row, "run": name} for row in scores.lesions],
        slices=[{**row, "run": name} for row in scores.slices],
    )


def each_seed(one: Callable[[Training, int], int], trainings: Sequence[Training], jobs: int) -> int:
    """Do all seeds of these trainings, in the order of the plan."""
    with ThreadPoolExecutor(jobs) as pool:
        work = [pool.submit(one, training, seed) for training, seed in planned() if training in trainings]
        return max((done.result() for done in work), default=0)


def _settings(settings: Mapping[str, Any]) -> list[str]:
    return [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]


def _call(arguments: Sequence[str], *, log: str | None = None, folder: Path | None = None) -> int:
    """Run a command of `python -m training` with one thread; its words go to a log if there is one."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    command = [sys.executable, "-m", "training", *arguments]
    if log is None or folder is None:
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with (folder / "logs" / f"{log}.txt").open("a", encoding="utf-8") as stream:
        status = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=stream, stderr=stream, check=False
        ).returncode
    print(f"{log}: {'done' if status == 0 else f'ended with {status}'}", flush=True)
    return status
