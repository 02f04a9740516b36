"""Train the networks of the papers: prepare, train, evaluate, tables, and what goes with them.

python -m training COMMAND --help
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from LiverTumorAttentionLib.errors import Cancelled, LiverTumorAttentionError

COMMANDS: tuple[str, ...] = (
    "phantoms",
    "check",
    "prepare",
    "splits",
    "train",
    "evaluate",
    "tables",
    "export",
)
"""Modules of `training.commands` in the order of work; each has HELP, `add_arguments(parser)` and `run(options)`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 2 for bad input (one line says what), 130 when stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train the networks of the papers. Not for clinical use."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"training.commands.{name}")
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (Cancelled, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        return 130
    except LiverTumorAttentionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
