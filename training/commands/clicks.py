"""`clicks`: simulated users of the random walker on prepared cases."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted
from training.commands.options import add_prepared, add_processes, add_recipe

DESCRIPTION = """Simulate users who click on the lesions of prepared cases and correct what the random walker answers,
for the recipe of a network that improves these answers. One file a case, beside its arrays; cases that are complete
are left alone, so that the command resumes where it was stopped."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "clicks",
        help="simulate users of the random walker on prepared cases",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_recipe(parser)
    add_prepared(parser)
    add_processes(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Simulate the clicks that are not there yet."""
    from training.data.preparation import Manifest
    from training.recipes.recipe import read_recipe
    from training.sampling.click_cases import simulate

    recipe = read_recipe(options.recipe, options.set)
    if recipe.interaction is None:
        raise InputError(
            f"the recipe '{recipe.title}' has no simulated users: give one of a network that answers clicks, such as "
            "bundled/interaction"
        )
    manifest = Manifest.read(options.prepared)
    manifest.check_fits(recipe)
    done = simulate(
        manifest.cases(),
        recipe.interaction,
        processes=options.processes,
        progress=progress.part(0.0, 1.0, "clicks"),
    )
    console.say(
        f"{options.prepared}: clicks on {counted(done.cases, 'case')}, {done.added} of them simulated now"
    )
    console.done(prepared=str(options.prepared), cases=done.cases)
