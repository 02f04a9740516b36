"""`segments`: the network that tells the Couinaud segments, trained, exported and measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress

FOLDERS = ("lits-liver-segments", "msd-hepatic-vessels")
EPOCHS = 20

DESCRIPTION = """Train the network that proposes Couinaud segments from a liver's shape and vessels, on label maps of
real livers (DATA/lits-liver-segments and DATA/msd-hepatic-vessels, those that are there), or resume it; export it;
measure it on the livers that are held out (training/data/held_out.py). A run that is stopped is resumed by the same
command."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "segments",
        help="train, export and measure the network that tells Couinaud segments",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", required=True, type=Path, metavar="DIR", help="folder that holds the data sets")
    add("--train", type=Path, metavar="RUN", help="train a run in this folder, or resume it")
    add("--epochs", type=int, default=EPOCHS, metavar="N", help="of the training (default: %(default)s)")
    add(
        "--seed", type=int, default=0, metavar="S", help="of first weights and samples (default: %(default)s)"
    )
    add("--initial", type=Path, metavar="RUN", help="start from the weights of this earlier run")
    add(
        "--learning-rate",
        type=float,
        metavar="R",
        help="at the start, after the warm-up (default: as training/couinaud/task.py has it)",
    )
    add("--export", type=Path, metavar="MODEL", help="write the model of the run to this new folder")
    add(
        "--model",
        type=Path,
        metavar="MODEL",
        help="model to measure (default: the exported or else the bundled one)",
    )
    add(
        "--assess",
        type=Path,
        metavar="DIR",
        help="measure on the livers that are held out, and write results there",
    )
    add("--threads", type=int, default=1, metavar="N", help="of the CPU (default: %(default)s)")
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Do what was asked for, in the order of work."""
    import torch

    from training.couinaud.livers import find_maps

    if options.train is None and options.assess is None:
        raise InputError("nothing is asked for: give --train, --assess or both")
    if options.export is not None and options.train is None:
        raise InputError("there is no run to export: give it with --train")
    torch.set_num_threads(options.threads)
    maps = find_maps([options.data / name for name in FOLDERS if (options.data / name).is_dir()])
    if options.train is not None:
        _train(options, maps, progress.part(0.0, 0.7, "reading livers"), console)
    if options.export is not None:
        from training.couinaud.export import export

        export(options.train, options.export)
        console.say(f"{options.export}: the model of {options.train}")
    if options.assess is not None:
        from training.couinaud.assess import assess

        model = options.model or options.export
        summary = assess(model, maps, options.assess, progress.part(0.7, 1.0, "measuring"))
        for given, values in summary.items():
            console.say(f"{given}: mean Dice {values['mean_dice']:.3f}")
    console.done()


def _train(options: argparse.Namespace, maps: list, progress: Progress, console: Console) -> None:
    from LiverTumorAttentionLib.preprocessing.couinaud_input import CouinaudGrid
    from training.couinaud.livers import read_training
    from training.couinaud.task import LEARNING_RATE, SegmentsTask
    from training.loop.trainer import Trainer

    training, choosing, left = read_training(maps, CouinaudGrid(), progress)
    for sentence in left:
        console.warn(sentence)
    task = SegmentsTask(
        training,
        choosing,
        epochs=options.epochs,
        seed=options.seed,
        initial=options.initial,
        learning_rate=options.learning_rate or LEARNING_RATE,
    )
    console.say(
        f"{len(training)} livers train, {len(choosing)} choose, {sum(each.tests for each in maps)} are held out"
    )
    if not Trainer(options.train, task, say=console.print).run():
        raise Cancelled
