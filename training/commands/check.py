"""`check`: what is wrong with a data set."""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_data, add_processes, cases_of

DESCRIPTION = """Read every case of a data set and list in one table what is wrong.

`prepare` runs the same checks first. Exit status 0 when no case has an error, 2 otherwise."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "check",
        help="say what is wrong with a data set",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser)
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="check what this recipe needs: without it, missing arterial volumes pass",
    )
    add_processes(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Check and print the table."""
    from training.data.checks import check_cases, print_findings

    phases = None
    if options.recipe is not None:
        from training.recipes.recipe import read_recipe

        phases = read_recipe(options.recipe).stage.phases
    cases = cases_of(options)
    findings = check_cases(
        cases, progress.part(0.0, 1.0, "checking"), phases=phases, processes=options.processes
    )
    print_findings(findings, len(cases))
    wrong = {finding.case for finding in findings if finding.severity == "error"}
    if wrong:
        raise InputError(
            f"{len(wrong)} of {len(cases)} cases cannot be used as they are: see the table above"
        )
