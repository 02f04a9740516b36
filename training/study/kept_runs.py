"""What the results keep of every training beside its scores: enough to draw its curve and to leave it out next time.

    runs.csv    one row a training and seed

A study takes days of a computer. Whoever continues it elsewhere needs no weights: a training whose settings and cohort
are those of its row is not repeated.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import filelock

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.loop.logs import ATTENTION, LOG
from training.recipes.recipe import read_recipe, to_values
from training.study.plan import Training

RUNS = "runs.csv"
DIGITS = 16
"""Of a SHA-256 that are kept."""


@dataclass(frozen=True, kw_only=True)
class KeptRun:
    """A training of one seed that was done and scored."""

    run: str
    """As in the scores: name of the training and seed."""
    settings_sha256: str
    """The first digits, of all settings of the recipe as it was trained."""
    cohort_sha256: str
    """The first digits, of the volumes and labels it was trained and tested on."""
    steps: int
    seconds: float
    """Of the training, with one thread."""
    loss: tuple[float, ...]
    """The mean of each epoch."""
    attention: Mapping[str, float]
    """What the attention weighs at the end (`training.loop.attention_log`); empty without any."""

    def to_row(self) -> dict[str, str]:
        """Return it as cells of runs.csv."""
        values = asdict(self)
        return {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
        }

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> KeptRun:
        """Return what a row says. Raises `KeyError` or `ValueError` for one that is damaged."""
        return cls(
            run=row["run"],
            settings_sha256=row["settings_sha256"],
            cohort_sha256=row["cohort_sha256"],
            steps=int(row["steps"]),
            seconds=float(row["seconds"]),
            loss=tuple(json.loads(row["loss"])),
            attention=json.loads(row["attention"]),
        )


def settings_digest(training: Training) -> str:
    """Return digits of everything that a recipe sets, names and titles aside."""
    values = to_values(read_recipe(training.recipe, training.settings))
    said = {"title", "source", "reproduces"}
    text = json.dumps(
        {key: value for key, value in values.items() if key not in said}, sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def cohort_digest(cohort: Path) -> str:
    """Return digits of all volumes and labels of a cohort."""
    digest = hashlib.sha256()
    for path in sorted(cohort.rglob("*.nii.gz")):
        digest.update(path.relative_to(cohort).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:DIGITS]


def kept_run(folder: Path, name: str, *, settings: str, cohort: str) -> KeptRun:
    """Return what is kept of the folder of a run that is done. Raises `InputError` for a damaged log."""
    log = _numbers(folder / LOG, ("step", "epoch", "loss", "seconds_a_step"))
    steps = [int(row["step"]) for row in log]
    since = [step - before for step, before in zip(steps, [0, *steps], strict=False)]
    epochs: dict[int, list[tuple[float, int]]] = {}
    for row, count in zip(log, since, strict=True):
        epochs.setdefault(math.ceil(row["epoch"]), []).append((row["loss"], count))
    attention = _numbers(folder / ATTENTION, ("step",))[-1] if (folder / ATTENTION).is_file() else {}
    return KeptRun(
        run=name,
        settings_sha256=settings,
        cohort_sha256=cohort,
        steps=steps[-1],
        seconds=round(sum(row["seconds_a_step"] * count for row, count in zip(log, since, strict=True)), 1),
        loss=tuple(
            round(sum(loss * count for loss, count in some) / sum(count for _, count in some), 5)
            for some in epochs.values()
        ),
        attention={
            name: round(value, 5) for name, value in attention.items() if name not in ("step", "epoch")
        },
    )


def read_kept_runs(results: Path) -> dict[str, KeptRun]:
    """Return the rows of runs.csv by run; none where there is no file. Raises `InputError` for a damaged one."""
    path = results / RUNS
    if not path.exists():
        return {}
    rows = read_csv(path, "the runs of the study", "restore it from the repository").rows()
    try:
        return {row["run"]: KeptRun.from_row(row) for row in rows}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"'{path}' has a row that is not one of a training ({error}): restore it from the repository"
        ) from error


def keep(results: Path, run: KeptRun) -> None:
    """Write a run into runs.csv, in place of what was there of it."""
    with filelock.FileLock(results / f".{RUNS}.lock"):
        runs = {**read_kept_runs(results), run.run: run}
        with (
            replacing(results / RUNS, name="runs of the study") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.DictWriter(stream, [each.name for each in fields(KeptRun)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(runs[name].to_row() for name in sorted(runs))


def _numbers(path: Path, wanted: Sequence[str]) -> list[dict[str, float]]:
    hint = f"remove '{path.parent}' and run `train` again"
    rows = read_csv(path, "the log", hint).rows()
    try:
        numbers = [{name: float(value) for name, value in row.items() if value} for row in rows]
        if not numbers or any(not math.isfinite(row[name]) for row in numbers for name in wanted):
            raise ValueError(f"it has no finite {' and '.join(wanted)}")
    except (KeyError, ValueError) as error:
        raise InputError(f"the log '{path}' has a line that is no training's ({error}): {hint}") from error
    return numbers
