"""Write the table of all recipes into the README beside this file: `python -m training.recipes.index`."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from training.recipes.recipe import Recipe, read_recipe, recipe_names
from training.recipes.settings import PaperRow

README = Path(__file__).resolve().parent / "README.md"
BEGIN = "<!-- The rest is written by `python -m training.recipes.index`. -->\n"


def main() -> None:
    """Write the table anew."""
    text = README.read_text(encoding="utf-8")
    README.write_text(with_tables(text), encoding="utf-8")


def with_tables(readme: str) -> str:
    """Return the README with what follows its mark replaced by the tables of all recipes, one a paper."""
    recipes = [read_recipe(name) for name in sorted(recipe_names(), key=_natural)]
    papers = sorted({recipe.name.split("/")[0] for recipe in recipes})
    tables = [
        "\n".join(_table(paper, [r for r in recipes if r.name.startswith(f"{paper}/")])) for paper in papers
    ]
    return readme.split(BEGIN)[0] + BEGIN + "\n" + "\n\n".join(tables) + "\n"


def parameters(recipe: Recipe) -> int:
    """Return how many numbers a recipe's training changes, without taking memory for them."""
    return _parameters(recipe.stage.network, json.dumps(recipe.stage.arguments))


@cache
def _parameters(network: str, arguments: str) -> int:
    from torch._subclasses.fake_tensor import FakeTensorMode

    from LiverTumorAttentionLib.networks import build_network

    with FakeTensorMode():
        built = build_network(network, **json.loads(arguments))
    return sum(parameter.numel() for parameter in built.parameters())


def _table(paper: str, recipes: list[Recipe]) -> list[str]:
    lines = [
        f"## {paper}",
        "",
        "| recipe | what | rows | network | parameters |",
        "| --- | --- | --- | --- | ---: |",
    ]
    for recipe in recipes:
        rows = "; ".join(_row(row) for row in recipe.reproduces) or "none"
        lines.append(
            f"| `{recipe.name}` | {recipe.title} | {rows} | `{_network(recipe)}` | {parameters(recipe):,} |"
        )
    return lines


def _row(row: PaperRow) -> str:
    number = f"Table {row.table}" if row.table[0] in "0123456789I" else row.table
    return f"{number}: {row.row}"


def _network(recipe: Recipe) -> str:
    """Return the network with those arguments that make it what it is."""
    shape = ("in_channels", "classes")  # these follow from the stage
    options = [f"{key}={value}" for key, value in recipe.stage.arguments.items() if key not in shape]
    return " ".join([recipe.stage.network, *options])


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort numbers in a name by their value: table4 before table10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


if __name__ == "__main__":
    main()
