"""Options that several commands share, and the job that a command's options describe."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TypeVar

from LiverTumorAttentionLib.commands.console import STYLES
from LiverTumorAttentionLib.pipeline.jobs import Job

J = TypeVar("J", bound=Job)


def add_progress(parser: argparse.ArgumentParser, default: str = "bar") -> None:
    """Add --progress."""
    parser.add_argument(
        "--progress",
        choices=STYLES,
        default=default,
        help=f"how to show progress: a bar, JSON lines on standard output, or not at all (default: {default})",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device", default="auto", help="auto (CUDA where there is one), cpu, cuda or cuda:N (default: auto)"
    )


def point_mm(text: str) -> tuple[float, float, float]:
    """Read "X,Y,Z" in millimetres."""
    try:
        x, y, z = (float(value) for value in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected three numbers X,Y,Z in LPS mm, got {text!r}") from None
    return x, y, z


def job_of(kind: type[J], options: argparse.Namespace) -> J:
    """Return the job whose fields have the names of the options; fields without an option keep their defaults."""
    names = [field.name for field in dataclasses.fields(kind) if hasattr(options, field.name)]
    return kind(**{name: getattr(options, name) for name in names})
