"""Read a data set whole and say in one table what is wrong with it.

`prepare` checks the same before it begins. Exit status 0 when no case has an error, 2 when one has.
"""

from __future__ import annotations

import argparse

from LiverTumorAttentionLib.errors import InputError
from training.commands.options import add_data, add_processes, cases_of, watched

HELP = "say what is wrong with a data set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_data(parser)
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="check what this recipe needs: without it, missing arterial volumes pass",
    )
    add_processes(parser)


def run(options: argparse.Namespace) -> None:
    """Check and print the table."""
    from training.data.checks import check_cases, print_findings

    phases = None
    if options.recipe is not None:
        from training.recipes.recipe import read_recipe

        phases = read_recipe(options.recipe).stage.phases
    cases = cases_of(options)
    with watched("checking") as progress:
        findings = check_cases(cases, progress, phases=phases, processes=options.processes)
    print_findings(findings, len(cases))
    wrong = {finding.case for finding in findings if finding.severity == "error"}
    if wrong:
        raise InputError(
            f"{len(wrong)} of {len(cases)} cases cannot be used as they are: see the table above"
        )
