"""Parameters and multiply-adds of every network in the table "Sizes" of the networks' README, written there anew.

    python -m Testing.benchmarks.network_sizes

Which networks stand there, and what the papers print of them, is written by hand; the figures are counted, on one
sample of the size that a network's paper uses. Nothing is computed for it, and it takes seconds.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import networks
from LiverTumorAttentionLib.networks import network_entry
from LiverTumorAttentionLib.networks.counting import network_cost

README = Path(networks.__file__).with_name("README.md")
ROW = re.compile(r"^\| `(build_network\(.*?\))` \|[^|]*\|[^|]*\|[^|]*\|(.*)\|$", re.MULTILINE)


def main() -> None:
    """Write the table anew."""
    README.write_text(with_figures(README.read_text(encoding="utf-8")), encoding="utf-8")


def with_figures(readme: str) -> str:
    """Return the README with the figures of all rows as they are now."""
    return ROW.sub(lambda row: row_of(row[1], row[2].strip()), readme)


def row_of(call: str, printed: str) -> str:
    """Return the row of a network. call: what builds it, as in the README; printed: what a paper prints of it."""
    name, arguments = network_and_arguments(call)
    shape = input_shape(name, arguments)
    cost = network_cost(name, input_shape=shape, **arguments)
    phases = len(network_entry(name).phases)
    sample = f"{f'{phases} of ' if phases > 1 else ''}{' x '.join(map(str, shape))}"
    billions = f"{cost.multiply_adds / 1e9:.1f}"
    return f"| `{call}` | {cost.parameters:,} | {sample} | {billions} | {printed} |".replace("|  |", "| |")


def network_and_arguments(call: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a call of `build_network`; nothing of it is run."""
    built = ast.parse(call, mode="eval").body
    assert isinstance(built, ast.Call)
    return ast.literal_eval(built.args[0]), {
        str(keyword.arg): ast.literal_eval(keyword.value) for keyword in built.keywords
    }


def input_shape(name: str, arguments: dict[str, Any]) -> tuple[int, ...]:
    """Return one sample of one phase in the network's paper; of a volume, a slice where it is built for slices."""
    shape = network_entry(name).input_shape
    return (shape[0], *shape[2:]) if arguments.get("dimensions") == 2 else shape


if __name__ == "__main__":
    main()
