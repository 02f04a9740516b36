"""`export`: from runs to a model."""

from __future__ import annotations

import argparse
from pathlib import Path

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress

IDENTITY = {
    "id": "name by which it is chosen (default: the recipe's)",
    "title": "name that is shown (default: the recipe's title)",
    "version": "of the model (default: 1)",
    "licence": "SPDX name of the licence of the weights (default: what their sources ask for)",
    "statement": "what everybody must know; it has to say 'not for clinical use'",
    "intended_use": "what the model is for and what not",
}

DESCRIPTION = """Make a model of one run that finds liver and tumors, or of one run for each.

The model is a folder, or a .zip, that `liver-tumor-attention models add` and the 3D Slicer module take. It records
the recipe, the number of cases, the versions and the data that its weights come from, each source with its licence, and
that it is not for clinical use. README.md, the model card, and LICENSE.md are written beside the weights from the same
facts. Weights made from share-alike data get that licence."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "export",
        help="make a model of runs, for the command line and 3D Slicer",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--run",
        dest="runs",
        default=[],
        action="extend",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folder of a run; two where one finds the liver and the other one tumors; none keeps all of --keep",
    )
    add("--output", required=True, type=Path, metavar="PATH", help="new folder of the model, or its .zip")
    add("--keep", metavar="MODEL", help="id or path: the stage that no run trains is this model's, as it is")
    add(
        "--pixels",
        dest="pixels_mm",
        action="append",
        default=[],
        type=_setting,
        metavar="STAGE=MM",
        help="run a kept stage with this pixel spacing, such as tumor=1, in place of that of its training",
    )
    add(
        "--scales",
        action="append",
        default=[],
        type=_scales,
        metavar="STAGE=S,S",
        help="average a kept stage over these scales of its pixels, such as tumor=1,0.8",
    )
    add("--scores", type=Path, metavar="CSV", help="record the means of this table of `evaluate`")
    add(
        "--assessment",
        type=Path,
        metavar="DIR",
        help="record what `assess` measured of these weights: export, assess that model, export again with its folder",
    )
    add(
        "--card",
        type=Path,
        metavar="YAML",
        help="lists never_seen and known_failures: what the model card says beside the sources of the cases",
    )
    add(
        "--precision",
        choices=("float16", "float32"),
        default="float16",
        help="of the stored weights (default: %(default)s, half the size)",
    )
    add(
        "--postprocessing",
        action="append",
        default=[],
        type=_setting,
        metavar="KEY=VALUE",
        help="from probabilities to tumors, where it differs from the defaults, such as minimum_diameter_mm=7",
    )
    add(
        "--candidates",
        type=Path,
        metavar="JSON",
        help="candidates.json of `candidates`: the lesion probability, and how candidates are found",
    )
    identity = parser.add_argument_group("what the model says of itself").add_argument
    for name, text in IDENTITY.items():
        identity(f"--{name.replace('_', '-')}", help=text)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Write the model and say how to use it."""
    from training.export.export_clicks import answers_clicks, export_clicks
    from training.export.export_runs import export_runs
    from training.export.kept_stages import RunAs
    from training.export.model_folder import check_new

    check_new(options.output)
    if not options.runs and options.keep is None:
        raise InputError("there is nothing to export: name a --run, or a model to --keep")
    given = {name: getattr(options, name) for name in IDENTITY}
    if answers_clicks(options.runs):
        unused = [
            name
            for name in (
                "keep",
                "pixels_mm",
                "scales",
                "scores",
                "assessment",
                "postprocessing",
                "candidates",
            )
            if getattr(options, name)
        ]
        if unused:
            raise InputError(
                f"--{unused[0]} is for models that segment whole cases: leave it out for one that answers clicks"
            )
        about = export_clicks(
            options.runs[0],
            options.output,
            identity={name: value for name, value in given.items() if value is not None},
            card=options.card,
            half=options.precision == "float16",
        )
        console.say(f"{options.output}: {about.id}, {about.statement}")
        console.say(f"the weights are licensed {about.licence}")
        return
    description = export_runs(
        options.runs,
        options.output,
        identity={name: value for name, value in given.items() if value is not None},
        scores=options.scores,
        assessment=options.assessment,
        card=options.card,
        postprocessing=dict(options.postprocessing),
        candidates=options.candidates,
        keep=options.keep,
        run_as={
            name: RunAs(
                pixels_mm=dict(options.pixels_mm).get(name), scales=dict(options.scales).get(name, ())
            )
            for name in dict([*options.pixels_mm, *options.scales])
        },
        half=options.precision == "float16",
    )
    console.say(f"{options.output}: {description.id}, {description.statement}")
    console.say(f"the weights are licensed {description.licence}")
    console.say(f"install it with: liver-tumor-attention models add {options.output}")


def _setting(text: str) -> tuple[str, float]:
    key, _, value = text.partition("=")
    try:
        return key, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE with a number, got {text!r}") from None


def _scales(text: str) -> tuple[str, tuple[float, ...]]:
    name, _, values = text.partition("=")
    try:
        return name, tuple(float(value) for value in values.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected STAGE=NUMBER,NUMBER, got {text!r}") from None
