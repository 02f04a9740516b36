"""A program's run from its arguments to its exit code, the same for all programs of the project."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import traceback
from collections.abc import Callable, Sequence

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.ending import AT_ONCE, ending_signals, ignore_signals
from LiverTumorAttentionLib.errors import Cancelled, InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.memory import check_room_for, reserve_for_linear_algebra, told
from LiverTumorAttentionLib.standard_streams import drop_output, drop_untold_errors, encode_anything


def run_program(
    build_parser: Callable[[], argparse.ArgumentParser],
    arguments: Sequence[str] | None = None,
    *,
    cancelled_message: str | None = None,
) -> int:
    """Run the command that the arguments name; return 0 done, 2 bad input, 130 cancelled, 1 when nobody reads.

    cancelled_message: what is said instead of an error when the run was cancelled.
    A fault of the program itself is not hidden: its traceback is shown and the code is 1.
    """
    encode_anything()
    given = sys.argv[1:] if arguments is None else arguments
    try:
        try:
            _check_arguments(given)
            options = _parsed(build_parser(), given)
        except LiverTumorAttentionError as error:
            Console("none").error(error)
            return error.exit_code
        return _run(options, Console(getattr(options, "progress", "none")), cancelled_message)
    except BrokenPipeError:
        # Who read the output has gone, as `| head` does.
        drop_output()
        return 1
    finally:
        drop_untold_errors()


def _run(options: argparse.Namespace, console: Console, cancelled_message: str | None) -> int:
    with ending_signals() as cancelled:
        try:
            reserve_for_linear_algebra()
            check_room_for("SimpleITK")
            with console.shown(cancelled) as progress:
                options.run(options, progress, console)
        except Cancelled as error:
            ignore_signals()
            _say_cancelled(console, cancelled_message, error)
            return Cancelled.exit_code
        except KeyboardInterrupt:
            ignore_signals()
            # Else CPython ends by SIGINT where the interrupt went through an exec, as when a dataclass is made.
            exec("")
            _say_cancelled(console, cancelled_message, Cancelled(AT_ONCE))
            return Cancelled.exit_code
        except BrokenPipeError:
            raise
        except Exception as error:
            known = told(error)
            if not isinstance(known, LiverTumorAttentionError):
                raise
            traceback.clear_frames(error.__traceback__)  # frees what the work had in memory
            console.error(known)
            return known.exit_code
    return 0


def _parsed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; raises `SystemExit` after help or bad usage, `OutputError` where help cannot be written."""
    help_text = io.StringIO()
    try:
        with contextlib.redirect_stdout(help_text):  # argparse does not say so where it cannot write
            return parser.parse_args(arguments)
    except SystemExit:
        if help_text.getvalue():
            Console("none").print(help_text.getvalue().removesuffix("\n"))
        raise


def _say_cancelled(console: Console, message: str | None, error: Cancelled) -> None:
    if message is None:
        console.error(error)
    else:
        with contextlib.suppress(OSError):
            print(message, file=sys.stderr)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raise `InputError` for an empty argument, which as a path would name the current folder."""
    for before, text in zip(["", *arguments], arguments, strict=False):
        name, equals, value = text.partition("=")
        if not text.strip() or (name.startswith("--") and equals and not value.strip()):
            option = name if equals else before
            after = f" after {shown(option)}" if option else ""
            raise InputError(f"an empty value was given{after}: give one, or leave the option out")
