"""`train`: the training of a recipe."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted
from training.commands.options import add_prepared, add_recipe

if TYPE_CHECKING:
    from LiverTumorAttentionLib.inference import Device
    from training.data.case import PreparedCase
    from training.data.preparation import Manifest
    from training.data.splits import Split
    from training.loop.click_task import ClickTask
    from training.loop.distributed import Processes
    from training.loop.task import RecipeTask
    from training.recipes.recipe import Recipe
    from training.runs.stage_weights import StageWeights

SPLIT_SEED = 0
"""Of the splits, whatever the seed of the training: trainings of one part are tested on the same cases."""
MOST_WORKERS = 8

DESCRIPTION = """Train a recipe on prepared cases, or resume a run that was stopped.

Stopped by Ctrl-C or a request to terminate, it finishes its step, saves, and ends with exit status 130; the same
command resumes from there. Killed, it resumes from its last checkpoint. A run is resumed only with the same recipe,
seed and cases. Several GPUs: torchrun --nproc-per-node N -m training train …"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train a recipe on prepared cases, or resume it",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add_recipe(parser)
    add_prepared(parser)
    add(
        "--output",
        required=True,
        type=Path,
        metavar="RUN",
        help="folder of the run, new or to be resumed",
    )
    add("--part", type=int, default=0, metavar="N", help="fold or repeat of the split (default: %(default)s)")
    add("--splits", type=Path, metavar="FILE", help="take the splits from this file of the command `splits`")
    add(
        "--seed", type=int, default=0, metavar="S", help="of first weights and samples (default: %(default)s)"
    )
    add(
        "--imagenet",
        type=Path,
        metavar="FILE",
        help="for recipes that start from ImageNet: a ResNet with torchvision's names, .safetensors or "
        "torchvision's own .pth",
    )
    add(
        "--initial",
        metavar="MODEL",
        help="start from the weights of an earlier run of the same network (its folder), or of a model (id or path)",
    )
    add(
        "--hard-negatives",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folders that `mine` filled, for a recipe with sampling.hard_share",
    )
    add("--epochs", type=int, metavar="N", help="short for --set schedule.epochs=N")
    add(
        "--precision",
        metavar="KIND",
        help="float32, bfloat16 or float16; short for --set loop.precision=KIND",
    )
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    add("--threads", type=int, metavar="N", help="of the CPU, for what is not done by --workers")
    add(
        "--workers",
        type=int,
        metavar="N",
        help=f"processes that make samples ahead (default: on CUDA up to {MOST_WORKERS}, else none)",
    )
    trial = parser.add_argument_group("trying it out").add_argument
    trial(
        "--dry-run",
        action="store_true",
        help="make two steps, say what the training needs, and leave nothing",
    )
    trial(
        "--overfit",
        metavar="CASE",
        help="say whether the network learns this case, within a minute; leave nothing",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Train, or try it out."""

    def say(line: str) -> None:
        progress.check()
        console.print(line)

    import torch

    from training.data.preparation import Manifest
    from training.loop.distributed import joined_processes
    from training.loop.task import RecipeTask
    from training.recipes.recipe import read_recipe

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    short = {"schedule.epochs": options.epochs, "loop.precision": options.precision}
    overrides = {**options.set, **{key: value for key, value in short.items() if value is not None}}
    recipe = read_recipe(options.recipe, overrides)
    if recipe.interaction is not None:
        _check_clicks(options)
    manifest = Manifest.read(options.prepared)
    manifest.check_fits(recipe)
    with joined_processes(options.device) as (processes, device):
        if processes.world > 1 and (options.dry_run or options.overfit is not None):
            raise InputError("--dry-run and --overfit are for one process: start them without torchrun")
        if options.overfit is not None:
            _overfit(options, recipe, manifest.cases(), device, say)
            return
        task = _task(options, recipe, manifest, device, say if processes.writes else lambda line: None)
        workers = _workers(options.workers, device)
        if options.dry_run and isinstance(task, RecipeTask):
            from training.loop.dry_run import rehearse

            found = rehearse(task, options.output, processes=processes, workers=workers, say=say)
            for line in found.lines():
                say(line)
            return
        progress.check()
        if not _train(options.output, task, processes, device, workers, say):
            raise Cancelled


def _check_clicks(options: argparse.Namespace) -> None:
    """Raise `InputError` for an option that a network which answers clicks has no use for."""
    unused = {
        "--dry-run": options.dry_run,
        "--overfit": options.overfit is not None,
        "--imagenet": options.imagenet is not None,
        "--hard-negatives": options.hard_negatives is not None,
    }
    for option, given in unused.items():
        if given:
            raise InputError(
                f"{option} is for networks that segment; one that answers clicks has no use for it: leave it out"
            )


def _train(
    output: Path,
    task: RecipeTask | ClickTask,
    processes: Processes,
    device: Device,
    workers: int,
    say: Callable[[str], None],
) -> bool:
    """Train to the end; return False when it was stopped before. No reference to the network outlives this call."""
    from training.loop.trainer import Trainer

    trainer = Trainer(output, task, processes=processes, workers=workers, say=say)
    if processes.writes:
        say(
            f"{task.recipe.title}: {counted(len(task.training), 'case trains', 'cases train')}, "
            f"{len(task.validation)} validate, step {trainer.step} of {trainer.schedule.steps}, on {device.describe()}"
        )
    return trainer.run()


def _task(
    options: argparse.Namespace,
    recipe: Recipe,
    manifest: Manifest,
    device: Device,
    say: Callable[[str], None],
) -> RecipeTask | ClickTask:
    """Return the recipe on the cases of its part."""
    from training.export.card import sources_before
    from training.loop.click_task import ClickTask
    from training.loop.task import RecipeTask
    from training.mining.hard_negatives import HardNegatives
    from training.runs.stage_weights import StageWeights

    cases = {case.name: case for case in manifest.cases()}
    split = _split(options, recipe, list(cases.values()))
    about: dict[str, Any] = {
        "part": options.part,
        "prepared": str(options.prepared.resolve()),
        "preparation": {"key": manifest.key, "settings": manifest.settings},
        "cases": {"training": split.training, "validation": split.validation, "test": split.test},
    }
    if options.imagenet is not None:
        about["imagenet_sha256"] = _sha256(options.imagenet)
    initial = None
    if options.initial is not None:
        stage = recipe.stage.name
        initial = StageWeights.find(options.initial, lambda found: found.name == stage, f"{stage!r}")
        about["initial"] = {
            "sha256": initial.sha256,
            "run": _decided(initial),
            "sources": sources_before(initial),
        }
    training, hard = [cases[name] for name in split.training], None
    if recipe.interaction is not None:
        return ClickTask(
            recipe,
            training,
            [cases[name] for name in split.validation],
            seed=options.seed,
            about=about,
            initial=initial,
        )
    if options.hard_negatives is not None:
        mined = HardNegatives.read(options.hard_negatives, training, manifest.key)
        about["hard_negatives"], hard = mined.about, mined.voxels
        where = counted(len(mined.voxels), "training case")
        say(f"{counted(mined.count, 'hard negative')} in {where}")
    return RecipeTask(
        recipe,
        training,
        [cases[name] for name in split.validation],
        seed=options.seed,
        device=device,
        about=about,
        imagenet=options.imagenet,
        initial=initial,
        hard=hard,
    )


def _decided(initial: StageWeights) -> dict[str, Any] | None:
    """Return what decided the run that a training starts from, for run.json; None for a model, which says it itself."""
    if initial.run is None:
        return None
    left_out = ("cases", "prepared", "starts")
    return {name: value for name, value in initial.run.values.items() if name not in left_out}


def _split(options: argparse.Namespace, recipe: Recipe, cases: Sequence[PreparedCase]) -> Split:
    """Return the part of the split that is asked for."""
    from training.data.splits import make_splits, read_splits

    if options.splits is not None:
        splits = read_splits(options.splits, [case.name for case in cases])
    else:
        share = recipe.loop.validation_share
        splits = make_splits(cases, recipe.split, SPLIT_SEED, validation_share=share)
    if not 0 <= options.part < len(splits):
        raise InputError(
            f"there is no part {options.part}: the split has {len(splits)}, counted from 0"
            ": choose a lower one"
        )
    return splits[options.part]


def _overfit(
    options: argparse.Namespace,
    recipe: Recipe,
    cases: Sequence[PreparedCase],
    device: Device,
    say: Callable[[str], None],
) -> None:
    from LiverTumorAttentionLib.config_parsing import nearest
    from training.loop.overfit import overfit

    named = {case.name: case for case in cases}
    if options.overfit not in named:
        raise InputError(f"there is no prepared case {options.overfit!r}{nearest(options.overfit, named)}")
    found = overfit(recipe, named[options.overfit], seed=options.seed, device=device, say=say)
    if not found.learnt:
        raise InputError(
            f"{found}: give it more time or a higher optimizer.learning_rate on a faster device; else look at the "
            "case's images and labels"
        )
    say(str(found))


def _workers(asked: int | None, device: Device) -> int:
    """Return how many processes make samples."""
    if asked is not None:
        return asked
    import os

    from training.parallel import usable_cores

    if device.torch.type == "cpu":
        return 0
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(MOST_WORKERS, usable_cores() // beside - 1))


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"the ImageNet weights '{path}' cannot be read: {error.strerror}: check the path"
        ) from error
