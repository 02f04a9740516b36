"""The folder of a run: its settings, weights and logs.

run.json                  recipe, cases, seed, versions, and every start
checkpoint.safetensors    all that is needed to resume
best.safetensors          the network's weights: the best ones on the validation cases, or the last
log.csv, scores.csv       loss, rate and time at regular steps; scores on the validation cases
attention.csv             what the network's attention weighs at each validation, where it has any
tensorboard/              the same for TensorBoard, where it is installed
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.json_values import load_json
from training.recipes.recipe import Recipe, recipe_from, to_values
from training.runs.checkpoint import BEST, CHECKPOINT

RUN_FILE = "run.json"
LOCK_FILE = ".lock"
NAME_DIGITS = 8
MAY_DIFFER = frozenset(
    {
        "prepared",
        "versions",
        "starts",
        "initial: sources",
        "recipe: title",
        "recipe: source",
        "recipe: reproduces",
    }
)
"""What may change between two starts of a run: where things lie, what things are called and said of them."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a recipe, read from its folder."""

    folder: Path
    recipe: Recipe
    prepared: Path
    """Folder of the prepared cases."""
    part: int
    """Fold or repeat of the split."""
    seed: int
    training: tuple[str, ...]
    """Names of the cases, as of the other two."""
    validation: tuple[str, ...]
    test: tuple[str, ...]
    values: Mapping[str, Any]
    """The whole of run.json."""

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read run.json. Raises `InputError` when there is none or it is no recipe's."""
        values = read_run_file(folder)
        try:
            cases = {name: tuple(values["cases"][name]) for name in ("training", "validation", "test")}
            return cls(
                folder=folder,
                recipe=recipe_from(values["recipe"], values["recipe"]["name"]),
                prepared=Path(values["prepared"]),
                part=values["part"],
                seed=values["seed"],
                values=values,
                **cases,
            )
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{folder / RUN_FILE} is not that of a recipe's run ({error} is missing): name a folder that "
                "`train` wrote"
            ) from error

    @property
    def weights(self) -> Path:
        """The network's weights. Raises `InputError` when there are none yet."""
        path = self.folder / BEST
        if not path.is_file():
            raise InputError(
                f"the run {self.folder} has no weights yet: train it, at least to its first validation"
            )
        return path


def run_name(folder: Path) -> str:
    """Return what scores call a run: its folder's name, and digits that tell it from others of this name.

    Where the folder lies is left out: paths may hold names of people, and scores are passed on.
    """
    real = folder.resolve()
    return f"{real.name} {hashlib.sha256(os.fsencode(real)).hexdigest()[:NAME_DIGITS]}"


def read_run_file(folder: Path) -> dict[str, Any]:
    """Return the values of run.json. Raises `InputError`."""
    path = folder / RUN_FILE
    try:
        values = load_json(path)
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is not a run: it has no {RUN_FILE}; name the folder given to `train`"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): restore it from a copy") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no settings: restore it from a copy")
    return values


def check_folder_fits(folder: Path, settings: Mapping[str, Any]) -> None:
    """Raise `InputError` unless `folder` is new, or holds a run of the same settings; the first difference is named."""
    if not (folder / RUN_FILE).exists():
        if folder.exists() and (
            not folder.is_dir() or any(path.name != LOCK_FILE for path in folder.iterdir())
        ):
            raise InputError(f"{folder} is there and is not a run: name a new folder for this one")
        return
    difference = _difference(_of_this_version(read_run_file(folder)), json.loads(json.dumps(settings)))
    if difference:
        raise InputError(
            f"the run in {folder} is another one: {difference}; start it as it was started, or name a new folder"
        )


@contextmanager
def alone_in(folder: Path, *, doing: str = "training") -> Iterator[None]:
    """Keep other processes from training in a run's folder; the system ends this with the process, even a killed one.

    doing: what the message says that the other process does.

    Raises `InputError` when one does already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise InputError(
            f"another process is {doing} in {folder}: wait for it, or name a new folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def record_start(folder: Path, settings: Mapping[str, Any], start: Mapping[str, Any]) -> None:
    """Write run.json: the settings, the versions of the first start, and a line for every start."""
    before = read_run_file(folder) if (folder / RUN_FILE).exists() else {}
    values = {
        **settings,
        "versions": before.get("versions", versions()),
        "starts": [*before.get("starts", []), {**start, "versions": versions()}],
    }
    with replacing(folder / RUN_FILE, name="run file") as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the versions that decide what a training gives."""
    import numpy
    import torch

    import LiverTumorAttentionLib

    return {
        "liver-tumor-attention": LiverTumorAttentionLib.__version__,
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
    }


def _of_this_version(values: dict[str, Any]) -> dict[str, Any]:
    """Return run.json with the defaults of recipe settings that came after it was written."""
    recipe = values.get("recipe")
    if not isinstance(recipe, dict) or "name" not in recipe:
        return values
    try:
        return {**values, "recipe": json.loads(json.dumps(to_values(recipe_from(recipe, recipe["name"]))))}
    except InputError:
        return values  # the comparison says which setting it was


def _difference(old: Any, new: Any, where: str = "") -> str | None:
    """Say where two JSON values differ first, or None."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            inner = f"{where}: {key}" if where else str(key)
            if inner in MAY_DIFFER:
                continue
            found = _difference(old.get(key), new.get(key), inner)
            if found:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return next((found for i, (a, b) in pairs if (found := _difference(a, b, f"{where}[{i}]"))), None)
    if isinstance(old, list) and isinstance(new, list):
        return f"{where} had {len(old)} entries, now it has {len(new)}"
    return None if old == new else f"{where} was {_short(old)}, now it is {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


__all__ = [
    "BEST",
    "CHECKPOINT",
    "RUN_FILE",
    "Run",
    "check_folder_fits",
    "read_run_file",
    "record_start",
    "run_name",
    "versions",
]
