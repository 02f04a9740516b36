"""The command line: one sub-command, one call. `--help` imports nothing heavy."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.commands import (
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
)
from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.ending import AT_ONCE, ending_signals, ignore_signals
from LiverTumorAttentionLib.errors import Cancelled, LiverTumorAttentionError

COMMANDS = (segment, refine, review, register, phantom, evaluate, export_training, models, networks, demo)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input, 130 cancelled.

    A fault of the program itself is not hidden: its traceback is shown and the code is 1.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    console = Console(getattr(options, "progress", "none"))
    with ending_signals() as cancelled:
        try:
            with console.shown(cancelled) as progress:
                options.run(options, progress, console)
        except LiverTumorAttentionError as error:
            console.error(error)
            return error.exit_code
        except KeyboardInterrupt:
            ignore_signals()
            console.error(Cancelled(AT_ONCE))
            return Cancelled.exit_code
        except MemoryError as error:
            console.error(error)
            return 2
        except BrokenPipeError:
            # Who read the output has gone, as `| head` does; what is still buffered must go somewhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
    return 0


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
