"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.commands.console import Console, add_progress
from LiverTumorAttentionLib.config_parsing import whole_number
from training.data.case import SourceCase
from training.data.layouts import LAYOUTS, find_cases
from training.data.layouts.labels import CLASSES


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add --layout, --data, --channel, --label and --fact, which `cases_of` reads."""
    add = parser.add_argument_group("data").add_argument
    listed = "; ".join(f"{name}: {layout.summary}" for name, layout in LAYOUTS.items())
    add("--layout", required=True, choices=LAYOUTS, metavar="NAME", help=listed)
    add("--data", required=True, type=Path, metavar="PATH", help="folder of the data set, or the CSV file")
    add(
        "--channel",
        action="append",
        default=[],
        type=_channel,
        metavar="PHASE=NUMBER",
        help="which channel is a phase where its name does not say, such as portal=2 (nnunet)",
    )
    add(
        "--label",
        action="append",
        default=[],
        type=_label,
        metavar="NAME=CLASS",
        help="what a label is where its name does not say: liver, tumor or background; by name, other= for all "
        "names that do not say (nnunet, msd), or by value, such as 3=background (plain, csv)",
    )

    add(
        "--fact",
        action="append",
        default=[],
        type=_fact,
        metavar="NAME=VALUE",
        help="a fact that all cases of the data set share, such as source=phantom; splits and mixtures go by facts",
    )


def cases_of(options: argparse.Namespace) -> list[SourceCase]:
    """Return the cases that the options of `add_data` name. Raises `InputError`."""
    cases = find_cases(
        options.layout, options.data, channels=dict(options.channel), labels=dict(options.label)
    )
    if not options.fact:
        return cases
    return [replace(case, facts={**case.facts, **dict(options.fact)}) for case in cases]


def add_recipe(
    parser: argparse.ArgumentParser, text: str = "recipe, by its name or the path of a file"
) -> None:
    """Add --recipe and --set, which `read_recipe` takes as `options.recipe` and `options.set`. text: the help."""
    parser.add_argument("--recipe", required=True, metavar="NAME", help=text)
    add_set(
        parser,
        "change a value of the recipe, such as schedule.epochs=2 or stage.grid.in_plane_spacing_mm=1.5; "
        "may be given several times",
    )


def add_set(parser: argparse.ArgumentParser, text: str) -> None:
    """Add --set, whose values are a mapping in `options.set`. text: the help."""
    parser.add_argument("--set", action=_Override, default={}, metavar="KEY=VALUE", help=text)


def add_prepared(parser: argparse.ArgumentParser) -> None:
    """Add --prepared."""
    parser.add_argument(
        "--prepared", required=True, type=Path, metavar="DIR", help="folder that `prepare` filled"
    )


def add_cohort(
    parser: argparse.ArgumentParser,
    *,
    seed: int = 0,
    seed_help: str = "first seed (default: %(default)s)",
    lesion_share: float | None = None,
) -> None:
    """Add what commands that write cohorts share: --count, --output, --seed, --processes, --progress.

    seed: the first one. lesion_share: default of --lesion-share; None adds no such option.
    """
    add = parser.add_argument
    add("--count", type=int, required=True, metavar="N", help="number of cases")
    add(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the cohort",
    )
    add("--seed", type=int, default=seed, metavar="S", help=seed_help)
    if lesion_share is not None:
        add(
            "--lesion-share",
            type=float,
            default=lesion_share,
            metavar="P",
            help="cases with lesions (default: %(default)s)",
        )
    add_processes(parser)
    add_progress(parser)


def tell_written(options: argparse.Namespace, console: Console, written: int, what: str = "cases") -> None:
    """Say how many cases of a cohort were written, and that the others were there."""
    console.say(f"{options.output}: {written} of {options.count} {what} written, the others were there")
    console.done(output=str(options.output), written=written)


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add --processes; None takes every core."""
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="cases at a time (default: one for each core)",
    )


def _channel(text: str) -> tuple[str, int]:
    phase, _, number = text.partition("=")
    value = whole_number(number)
    if value is None:
        raise argparse.ArgumentTypeError(f"expected PHASE=NUMBER such as portal=2, got {text!r}")
    return phase, value


def _label(text: str) -> tuple[str, str]:
    name, _, kind = text.rpartition("=")
    if not name or kind not in CLASSES:
        raise argparse.ArgumentTypeError(f"expected NAME=CLASS with liver, tumor or background, got {text!r}")
    return name, kind


def _fact(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name or not value:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE such as source=phantom, got {text!r}")
    return name, value


class _Override(argparse.Action):
    """Collects KEY=VALUE into a mapping; values are read as in a recipe's file."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        import yaml

        from LiverTumorAttentionLib.yaml_values import read_yaml

        key, equals, text = str(values).partition("=")
        if not equals or not key:
            parser.error(f"{option_string} expected KEY=VALUE such as schedule.epochs=2, got {values!r}")
        try:
            value = read_yaml(text)
        except yaml.YAMLError:
            parser.error(f"{option_string} {key}: {text!r} is no value of a recipe's file")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), key: value})
