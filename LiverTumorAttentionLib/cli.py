"""The command line: one sub-command, one call. `--help` imports nothing heavy."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.commands import (
    cohort,
    compare,
    demo,
    evaluate,
    export_training,
    models,
    networks,
    phantom,
    refine,
    register,
    review,
    segment,
    segments,
    serve,
    vessels,
)
from LiverTumorAttentionLib.commands.program import run_program

COMMANDS = (
    segment,
    cohort,
    refine,
    review,
    compare,
    segments,
    vessels,
    register,
    phantom,
    evaluate,
    export_training,
    models,
    networks,
    serve,
    demo,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input, 130 cancelled.

    A fault of the program itself is not hidden: its traceback is shown and the code is 1.
    """
    return run_program(build_parser, arguments)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with all sub-commands."""
    parser = argparse.ArgumentParser(
        prog="liver-tumor-attention",
        description=f"Liver tumors on CT: registration, segmentation, measurement. {NOT_FOR_CLINICAL_USE}",
        epilog="Exit codes: 0 done, 2 bad input (one line says what to do), 130 cancelled.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
