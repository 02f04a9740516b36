"""Train the networks of the papers: prepare, train, evaluate, tables, export, and generated cohorts.

python -m training COMMAND --help
"""

import sys
from collections.abc import Callable

from LiverTumorAttentionLib.ending import as_program


def command_line() -> Callable[[], int]:
    """Import and return the command line."""
    from training.cli import main

    return main


if __name__ == "__main__":
    sys.exit(as_program(command_line, spin=True))  # nothing is drawn beside a training
