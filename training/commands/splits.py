"""`splits`: which cases train and which test."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted
from training.commands.options import add_prepared, add_recipe

DESCRIPTION = """Write which cases train, validate and test, for each fold or repeat of a recipe, to a JSON file.

`train` makes the same splits by itself; a file serves to inspect, change and share them."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "splits",
        help="say which cases train and which test",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add_recipe(parser)
    add_prepared(parser)
    add("--seed", type=int, default=0, metavar="S", help="seed of the draw (default: %(default)s)")
    add("--output", required=True, type=Path, metavar="FILE", help="file to write, ending in .json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Make the splits, write them, and print how many cases each has."""
    from LiverTumorAttentionLib.file_identity import check_apart
    from LiverTumorAttentionLib.io import check_writable
    from training.data.preparation import Manifest
    from training.data.preparation.manifest import MANIFEST_FILE
    from training.data.splits import make_splits, write_splits
    from training.recipes.recipe import read_recipe

    check_writable(options.output, suffixes=(".json",), name="file of splits")
    check_apart(
        {"splits": str(options.output)},
        {"manifest": str(options.prepared / MANIFEST_FILE), "recipe": options.recipe},
    )
    recipe = read_recipe(options.recipe, options.set)
    cases = Manifest.read(options.prepared).cases()
    share = recipe.loop.validation_share
    splits = make_splits(cases, recipe.split, options.seed, validation_share=share)
    write_splits(options.output, splits, recipe.split, options.seed, validation_share=share)
    for number, split in enumerate(splits):
        console.say(
            f"part {number}: {counted(len(split.training), 'case trains', 'cases train')}, "
            f"{len(split.validation)} validate, {len(split.test)} test"
        )
