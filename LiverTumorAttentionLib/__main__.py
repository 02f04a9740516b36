"""The program: `python -m LiverTumorAttentionLib` and `liver-tumor-attention`."""

import sys
from collections.abc import Callable

from LiverTumorAttentionLib.ending import as_program


def command_line() -> Callable[[], int]:
    """Import and return the command line."""
    from LiverTumorAttentionLib.cli import main

    return main


def main() -> int:
    """Run the command line as a program."""
    return as_program(command_line)


if __name__ == "__main__":
    sys.exit(main())
