"""Evaluation of the test cases of runs into one set of files, resumably."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.io.atomic_write import check_folder, check_writable
from LiverTumorAttentionLib.progress import Progress
from training.data.preparation.manifest import Manifest
from training.evaluation.columns import HOW
from training.evaluation.score_case import CaseTask, score_case
from training.evaluation.score_files import SUFFIX, CaseScores, ScoreFiles
from training.evaluation.segment import CoarseLiver, weights_sha256
from training.parallel import each, usable_cores
from training.recipes.recipe import Recipe, read_recipe, recipe_names, to_values
from training.recipes.settings import EvaluationSettings
from training.runs.run_folder import Run

UNIMPORTANT = ("title", "source", "reproduces")
"""What of a recipe changes no training."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How runs are scored."""

    device: str = "auto"
    """"auto", "cpu" or "cuda"."""
    liver: CoarseLiver = field(default_factory=CoarseLiver)
    """Where tumor stages get their coarse liver from."""
    prepared: Path | None = None
    """Where the prepared cases lie now; None is where they lay when the run was trained."""
    all_of: Path | None = None
    """Score all cases of this prepared folder, in place of the run's own test cases."""
    save_labels: Path | None = None
    """Folder that the label maps are written into."""
    processes: int = 1
    """Cases at a time."""


def evaluate_runs(
    folders: Sequence[Path], output: Path, options: EvaluationOptions, progress: Progress | None = None
) -> list[CaseScores]:
    """Score the test cases of runs into `output` and the files beside it; return their rows.

    A row that is there is kept when it was made by the same weights, the same coarse liver and in the same way;
    other rows of these runs are dropped first. The files are written after each case.
    Raises `InputError` for runs that cannot be scored, before anything is done, and for cases that could not be, when
    all others are done; `Cancelled`.
    """
    check_writable(output, suffixes=(SUFFIX,), name="scores")
    if options.save_labels is not None:
        check_folder(options.save_labels, name="folder for label maps", parents=True)
    choose_device(options.device)  # which raises before anything is done
    tasks = [task for folder in folders for task in case_tasks(folder.resolve(), options)]
    files = ScoreFiles(output)
    there = _kept(files, tasks)
    missing = [task for task in tasks if task.key not in there]
    failed: list[str] = []
    work = each(score_case, missing, processes=options.processes, progress=progress, name=_name)
    for place, result in work:
        if isinstance(result, CaseScores):
            files.put([result])
        elif isinstance(result, InputError | ModelError):
            failed.append(f"{_name(missing[place])}: {result}")
        else:
            raise result
    if failed:
        raise InputError(
            f"{len(failed)} of {len(tasks)} cases could not be scored, the others were; the first is {failed[0]}"
            "; correct them and run `evaluate` again"
        )
    scores = files.read()
    return [scores[task.key] for task in tasks]


def _kept(files: ScoreFiles, tasks: Sequence[CaseTask]) -> set[tuple[str, str]]:
    """Return the cases whose rows can stay; drop those of the same runs that were made in another way."""
    wanted = {task.key: task.how for task in tasks}
    runs = {run for run, _ in wanted}
    there = {key: scores.how for key, scores in files.read().items() if key[0] in runs}
    files.drop([key for key, how in there.items() if wanted.get(key) != how])
    return {key for key, how in there.items() if wanted.get(key) == how}


def case_tasks(folder: Path, options: EvaluationOptions) -> list[CaseTask]:
    """Return what is to be done for a run, case by case. Raises `InputError`."""
    run = Run.read(folder)
    prepared = options.all_of or options.prepared or run.prepared
    manifest = Manifest.read(prepared)
    manifest.check_fits(run.recipe)
    threads = max(1, usable_cores() // options.processes) if options.processes > 1 else None
    how = _how(run, options)
    return [
        CaseTask(
            run=folder,
            prepared=prepared,
            case=name,
            how=how,
            liver=options.liver,
            device=options.device,
            threads=threads,
            labels=None if options.save_labels is None else labels_path(options.save_labels, run, name),
        )
        for name in _cases(run, manifest, everything=options.all_of is not None)
    ]


def _cases(run: Run, manifest: Manifest, *, everything: bool) -> list[str]:
    """Return the names of the cases to score."""
    names = [case.name for case in manifest.cases()]
    if everything:
        known = sorted({*run.training, *run.validation} & set(names))
        if known:
            raise InputError(
                f"the run '{run.folder}' was trained on {known[0]!r} and {len(known) - 1} more of the cases in "
                f"'{manifest.folder}': prepare those that it has not seen into a folder of their own"
            )
        return names
    if not run.test:
        raise InputError(
            f"the run '{run.folder}' keeps no case for testing: prepare test cases and name their folder with --all-of"
        )
    missing = [name for name in run.test if name not in names]
    if missing:
        raise InputError(
            f"the case {missing[0]!r} of the run '{run.folder}' is not prepared in '{manifest.folder}': prepare it, or "
            "say with --prepared where the cases lie now"
        )
    return list(run.test)


def _how(run: Run, options: EvaluationOptions) -> tuple[tuple[str, str], ...]:
    """Return the columns that decide the scores of a run, with their values."""
    values = {
        "changed": "yes" if is_changed(run.recipe) else "no",
        "weights_sha256": weights_sha256(run.folder),
        "stage": run.recipe.stage.name,
        "liver_from": options.liver.name if run.recipe.stage.name == "tumor" else "",
        "keep": kept_as(run.recipe.evaluation),
    }
    return tuple((name, values[name]) for name in HOW)


def kept_as(settings: EvaluationSettings) -> str:
    """Return what is kept, with a threshold that is not the usual one: "raw", "raw above 0.6"."""
    if settings.tumor_threshold == EvaluationSettings().tumor_threshold:
        return settings.keep
    return f"{settings.keep} above {settings.tumor_threshold:g}"


def is_changed(recipe: Recipe) -> bool:
    """Whether a recipe differs from the packaged recipe of its name."""
    if recipe.name not in recipe_names():
        return True
    mine, original = to_values(recipe), to_values(read_recipe(recipe.name))
    return any(mine[key] != original[key] for key in mine if key not in UNIMPORTANT)


def labels_path(folder: Path, run: Run, case: str) -> Path:
    """Return where a case's label map is saved below the folder of `--save-labels`."""
    name = f"{run.recipe.name.replace('/', '-')}-part{run.part}-seed{run.seed}"
    return folder / name / f"{case}.nii.gz"


def _name(task: CaseTask) -> str:
    return f"{task.case} of {task.run.name}"
