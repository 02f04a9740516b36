"""Hard-negative mining: a trained stage on the training cases, and what it wrongly takes for a tumor there.

Cases are predicted on their stage's grid from the prepared arrays, as validation does; a case's file is complete or
does not exist, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_outside
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.io import making_folder
from LiverTumorAttentionLib.models import StageDescription
from LiverTumorAttentionLib.progress import Progress
from training.data.case import PreparedCase
from training.data.held_out import is_held_out
from training.data.preparation import Manifest
from training.data.preparation.plan import differences
from training.loop.validation import Predictor, case_inputs, stage_predictor
from training.mining.false_positives import FalsePositive, false_positives
from training.mining.hard_negatives import (
    CASES_FOLDER,
    MINED_FILE,
    MiningSettings,
    read_case,
    read_settings,
    write_case,
    write_settings,
)
from training.parallel import each
from training.runs.checkpoint import remove_leftovers
from training.runs.run_folder import alone_in
from training.runs.stage_weights import StageWeights


@dataclass(frozen=True, kw_only=True)
class Mining:
    """What is mined, and how."""

    model: str
    """Folder of a run, or a model by its id or path."""
    prepared: Path
    """Folder of prepared cases."""
    output: Path
    """Folder of hard negatives, new or to be gone on with; its parent must exist."""
    threshold: float = 0.5
    minimum_diameter_mm: float = 3.0
    count: int | None = None
    """Largest number of cases, those without tumors first; None mines all."""
    device: str = "auto"
    processes: int | None = None
    """Cases at a time; None takes every core, or one on CUDA."""


@dataclass(frozen=True, kw_only=True)
class Mined:
    """What came of it."""

    cases: int
    """Cases that are mined now."""
    added: int
    """Those of them that were mined by this run."""
    false_positives: int
    """In all of them."""


def mine(mining: Mining, progress: Progress | None = None) -> Mined:
    """Write the hard negatives of all cases that may train and are not mined yet.

    A case that validates or tests, by its facts or in the split of the run that is given, is never mined.
    Raises `InputError` where the stage finds no tumors, the cases were prepared for another one, or the folder holds
    what other weights or settings found; `OutputError`, `Cancelled`.
    """
    weights = StageWeights.find(mining.model, _finds_tumors, "that finds tumors")
    manifest = Manifest.read(mining.prepared)
    manifest.check_serves(weights.description, weights.title)
    settings = MiningSettings(
        weights_sha256=weights.sha256,
        preparation=manifest.key,
        threshold=mining.threshold,
        minimum_diameter_mm=mining.minimum_diameter_mm,
    )
    read = {"run": None if weights.run is None else weights.run.folder, "folder of cases": mining.prepared}
    check_outside(mining.output, read)
    cases = _minable(manifest.cases(), weights, mining)
    folder, device = mining.output, choose_device(mining.device)
    with making_folder(folder, name="folder of hard negatives", parents=True):
        _check_folder(folder, settings)
        with alone_in(folder, doing="mining"):
            write_settings(folder, settings)
            (folder / CASES_FOLDER).mkdir(exist_ok=True)
            remove_leftovers(folder / CASES_FOLDER)
            missing = [case for case in cases if read_case(folder, case) is None]
            work = functools.partial(_mine_case, mining.model, mining.device, settings, folder)
            alone = 1 if device.torch.type == "cuda" else None
            results = each(
                work,
                missing,
                processes=alone if mining.processes is None else mining.processes,
                progress=progress,
                name=lambda case: case.name,
            )
            for _, failed in results:
                if isinstance(failed, Exception):
                    raise failed
            found = sum(len(read_case(folder, case) or ()) for case in cases)
    return Mined(cases=len(cases), added=len(missing), false_positives=found)


def mine_case(
    predictor: Predictor, stage: StageDescription, case: PreparedCase, settings: MiningSettings
) -> list[FalsePositive]:
    """Return what a stage wrongly takes for a tumor in a prepared case, strongest first, at most `most_a_case`."""
    maps = predictor.predict(case_inputs(case, stage), Progress())
    probability = maps[list(stage.class_groups).index("tumor")]
    inside = case.inside
    if inside is not None:
        probability = probability * (inside > 0)  # what inference does not look at either
    found = false_positives(
        np.asarray(probability, np.float32),
        case.labels,
        case.spacing_mm,
        threshold=settings.threshold,
        minimum_diameter_mm=settings.minimum_diameter_mm,
    )
    return found[: settings.most_a_case]


def _mine_case(model: str, device: str, settings: MiningSettings, folder: Path, case: PreparedCase) -> None:
    predictor, stage = _loaded(model, device, settings.weights_sha256)
    write_case(folder, case, mine_case(predictor, stage, case, settings))


@functools.lru_cache(maxsize=1)
def _loaded(model: str, device: str, sha256: str) -> tuple[Predictor, StageDescription]:
    """Return a stage, built once in every process. Raises `InputError` when its weights have changed meanwhile."""
    weights = StageWeights.find(model, _finds_tumors, "that finds tumors")
    if weights.sha256 != sha256:
        raise InputError(f"the weights of {weights.title} changed while they were run: run `mine` again")
    return stage_predictor(weights.network(), weights.description, choose_device(device)), weights.description


def _finds_tumors(stage: StageDescription) -> bool:
    return "tumor" in stage.class_groups


def _minable(cases: Sequence[PreparedCase], weights: StageWeights, mining: Mining) -> list[PreparedCase]:
    """Return the cases that may train, those without tumors first where a number is given."""
    left_out = set() if weights.run is None else {*weights.run.validation, *weights.run.test}
    may_train = [case for case in cases if not is_held_out(case.facts) and case.name not in left_out]
    if not may_train:
        raise InputError(
            f"none of the {len(cases)} cases in '{mining.prepared}' may train: prepare some that may"
        )
    if mining.count is None:
        return may_train
    if mining.count < 1:
        raise InputError(f"the number of cases must be at least 1, got {mining.count}: give a larger number")
    order = np.random.default_rng(0).permutation(len(may_train))
    chosen = sorted((may_train[place] for place in order), key=lambda case: case.voxels["tumor"] > 0)
    return chosen[: mining.count]


def _check_folder(folder: Path, settings: MiningSettings) -> None:
    """Raise `InputError` when a folder holds something else, or what other settings found."""
    if not (folder / MINED_FILE).is_file():
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise InputError(f"'{folder}' holds other files: name a new folder for the hard negatives")
        return
    different = differences(asdict(read_settings(folder)), asdict(settings))
    if different:
        raise InputError(
            f"'{folder}' holds hard negatives that were mined otherwise ({different}): name a new folder"
        )
