"""Standard streams of a program that are closed, full, or cannot encode what is said."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO


def hold_closed_streams() -> None:
    """Open those of the three standard streams that the program was started without, on the null device.

    Else the next file that is opened gets their number, and what a library prints goes into a result.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                opened = os.open(os.devnull, mode)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)


def encode_anything() -> None:
    """Let stdout and stderr show what their encoding lacks with escapes: a name must not end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Let what is still buffered for stdout, and all that follows, go nowhere."""
    _drop(sys.stdout)


def drop_untold_errors() -> None:
    """Let what stderr has no room for go nowhere: for it Python would end with exit code 120, not the program's."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        _drop(sys.stderr)


def _drop(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
