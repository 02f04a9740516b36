"""Train the networks of the papers: prepare, train, evaluate, tables, export, and generated cohorts.

python -m training COMMAND --help
"""

import sys
from collections.abc import Callable
from importlib.util import find_spec

from LiverTumorAttentionLib.ending import as_program

NEEDED = {"yaml": "pyyaml", "matplotlib": "matplotlib", "monai": "monai", "filelock": "filelock"}
"""Modules that the library does without, with the packages they come in: the extra `training`."""


def command_line() -> Callable[[], int]:
    """Import and return the command line, or what refuses to run without its packages."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        return lambda: refuse(missing)
    from training.cli import main

    return main


def refuse(missing: list[str]) -> int:
    """Say which packages are missing; return the exit code of bad input."""
    print(
        f"error: training needs {', '.join(missing)}, not installed here: run pip install '.[training]' in the folder "
        "of the sources",
        file=sys.stderr,
    )
    return 2


def main() -> int:
    """Run the command line as a program."""
    return as_program(command_line, spin=True)  # nothing is drawn beside a training


if __name__ == "__main__":
    sys.exit(main())
