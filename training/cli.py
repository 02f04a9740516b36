"""The command line of training: one sub-command a file of `training.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.program import run_program
from training.commands import (
    assess,
    candidates,
    check,
    clicks,
    evaluate,
    export,
    figures,
    implant,
    liver_threshold,
    mine,
    phantoms,
    prepare,
    segments,
    splits,
    synthesize,
    tables,
    train,
)

COMMANDS = (
    phantoms,
    synthesize,
    implant,
    check,
    prepare,
    clicks,
    splits,
    train,
    mine,
    evaluate,
    tables,
    figures,
    liver_threshold,
    candidates,
    export,
    assess,
    segments,
)
"""In the order of work. Each has `add_to(commands)` and `run(options, progress, console)`, as the library's have."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 2 bad input (one line on stderr), 130 cancelled."""
    return run_program(build_parser, arguments, cancelled_message="stopped")


def program_name() -> str:
    """Return the program as it was called: the script that is installed, or else a module of this folder's."""
    script = Path(sys.argv[0]).stem
    return script if script == "liver-tumor-attention-training" else "python -m training"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with all commands."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=f"Train the networks of the papers. {NOT_FOR_CLINICAL_USE}"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return parser
