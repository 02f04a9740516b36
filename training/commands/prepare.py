"""`prepare`: a data set on a recipe's grid."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import check_outside
from LiverTumorAttentionLib.progress import Progress
from training.commands.options import add_data, add_processes, add_recipe, cases_of

DESCRIPTION = """Check a data set and prepare it for a recipe: registered, resampled, cropped, stored for fast reading.

Cases with errors are left out (--strict ends the run instead). Prepared cases whose files have not changed are left
alone, so that the command resumes where it was stopped and does nothing when all is done; further data sets may be
added to the same folder. Recipes that agree in all that preparation depends on share one folder; for others it is
refused, naming the setting.
Two phases of 512 x 512 x 200 voxels take a process about 2.5 GB: give --processes where there is less a core."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "prepare",
        help="check a data set and prepare it for a recipe",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser)
    add = parser.add_argument
    add_recipe(
        parser, "recipe, by its name or the path of a file; it decides grid, phases, mask and registration"
    )
    add(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of the prepared cases; its parent must exist",
    )
    add("--strict", action="store_true", help="stop when a case has an error, instead of leaving it out")
    add(
        "--liver-model",
        metavar="MODEL",
        help="take the coarse liver that a tumor recipe is cropped and masked by from this model, or "
        "this run of a liver stage (default: the true liver)",
    )
    add_processes(parser)
    add_progress(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Check, prepare, and say what came of it."""
    from training.data.checks import check_cases, print_findings
    from training.data.preparation import Preparation
    from training.data.preparation.entry import print_entries
    from training.data.preparation.prepare_cohort import opened
    from training.recipes.recipe import read_recipe

    recipe = read_recipe(options.recipe, options.set)
    preparation = Preparation.of(recipe, options.liver_model)
    sources = cases_of(options)
    cases = {f"case {source.name} at": source.portal for source in sources}
    check_outside(options.output, {"data set": options.data, **cases})
    with opened(options.output, preparation) as cohort:
        missing = cohort.missing(sources, progress.part(0.0, 0.1, "comparing"))
        wrong: dict[str, str] = {}
        if missing:
            findings = check_cases(
                missing,
                progress.part(0.1, 0.3, "checking"),
                phases=preparation.checked_phases,
                processes=options.processes,
            )
            print_findings(findings, len(missing))
            wrong = {finding.case: finding.what for finding in findings if finding.severity == "error"}
        if wrong and options.strict:
            raise InputError(
                f"{len(wrong)} of {len(missing)} cases cannot be used as they are, see the table above: correct "
                "them, or leave out --strict to prepare the others"
            )
        for source in missing:
            if source.name in wrong:
                cohort.leave_out(source, wrong[source.name])
        fit = [source for source in missing if source.name not in wrong]
        entries = cohort.prepare(
            fit, processes=options.processes, progress=progress.part(0.3, 1.0, "preparing")
        )
    print_entries(entries, there=len(sources) - len(missing), left_out=len(wrong))
