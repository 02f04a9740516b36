"""The option --set, which changes a recipe's values for one run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add --set, after which `options.set` holds the overrides that `read_recipe` takes."""
    parser.add_argument(
        "--set",
        action=_Override,
        default={},
        metavar="KEY=VALUE",
        help="change a value of the recipe, such as schedule.epochs=2 or stage.grid.in_plane_spacing_mm=1.5; "
        "may be given several times",
    )


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

        from training.recipes.yaml_values import read_yaml

        key, equals, text = str(values).partition("=")
        if not equals or not key:
            parser.error(f"{option_string} expected KEY=VALUE such as schedule.epochs=2, got {values!r}")
        try:
            value = read_yaml(text)
        except yaml.YAMLError:
            parser.error(f"{option_string} {key}: {text!r} is no value of a recipe's file")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), key: value})
