"""Terminal of the commands: options that they share, progress as a bar or JSON lines, one line for an error."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from LiverTumorAttentionLib.errors import InputError, OutputError, PhaseMismatch
from LiverTumorAttentionLib.lesion_classifier import DEFAULT_OPERATING_POINT, OPERATING_POINTS
from LiverTumorAttentionLib.pipeline.jobs import AVERAGING, Job
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from LiverTumorAttentionLib.remote.address import ServerAddress
from LiverTumorAttentionLib.standard_streams import drop_output, encode_anything

STYLES = ("bar", "json", "none")

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


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the options of `EngineSettings`."""
    add = parser.add_argument
    add(
        "--engine",
        default="local",
        metavar="local|ray",
        help="processes of this computer, or Ray (default: local)",
    )
    add(
        "--address",
        metavar="A",
        help="of the Ray cluster: auto or ray://HOST:PORT (default: Ray on this computer)",
    )
    add(
        "--workers",
        type=int,
        metavar="N",
        help="cases at a time, at most (default: by cores, cards and memory)",
    )
    add(
        "--gpus",
        default="auto",
        metavar="all|none|0,1",
        help="graphics cards, one case at a time on each (default: all where there are any)",
    )
    add(
        "--memory-gib",
        type=float,
        default=3.0,
        metavar="GIB",
        help="memory that a case may need (default: 3; 512 x 512 x 200 in two phases take 1)",
    )


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add --paths."""
    parser.add_argument(
        "--paths",
        action="store_true",
        help="name files, folders and series in the report; they may tell who the patient is (default: no names)",
    )


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add --label, which says what segments are."""
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        dest="labels",
        metavar="NAME=MEANING",
        help="what a segment (or a value of a label map) is, where its name does not say it, may be repeated; "
        "MEANING is liver, tumor, vessel or ignore",
    )


def add_segmentation_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that set how any case is segmented; see `SEGMENTATION_SETTINGS` of `pipeline.jobs`."""
    add = parser.add_argument
    add("--model", default="demonstration", metavar="NAME|PATH", help="installed model, model folder or zip")
    add(
        "--phases-as-given",
        action="store_true",
        help="use the volumes as they were given where they look like other phases, or are of two studies",
    )
    add(
        "--minimum-diameter",
        dest="minimum_diameter_mm",
        type=float,
        metavar="MM",
        help="drop smaller tumors",
    )
    add("--threshold", dest="tumor_threshold", type=float, metavar="P", help="probability of a tumor voxel")
    add(
        "--averaging",
        choices=tuple(AVERAGING),
        default="none",
        help="average the probability of tumor over mirrored and turned slices; the tumor network then takes "
        + ", ".join(f"{passes} times as long ({name})" for name, passes in AVERAGING.items() if passes > 1)
        + " (default: none)",
    )
    add(
        "--whole-volume",
        action="store_true",
        help="run the networks of a model that another program trained on the whole volume, as that program does, not "
        "only where there is body, and liver where that is known",
    )
    add(
        "--bfloat16",
        action="store_true",
        help="run such networks in bfloat16 where the device can",
    )
    add(
        "--operating-point",
        choices=OPERATING_POINTS,
        help="which findings to keep by their lesion probability: sensitive keeps nearly all lesions, specific leaves "
        f"few false findings (default: {DEFAULT_OPERATING_POINT}, where the model gives a lesion probability)",
    )
    add("--seed", type=int, default=0, help="seed of what is drawn at random (default: 0)")


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the options of `ServerAddress`."""
    add = parser.add_argument_group(
        "on a server",
        "Computed by a server of your site (`serve`) instead of this computer: voxels, their grid and settings are "
        "sent to it, no name and no tag. The model is one of the server, and so is the device.",
    ).add_argument
    add("--server", metavar="URL", help="https://HOST:PORT, or http://127.0.0.1:PORT on this computer")
    add("--token-file", metavar="FILE", help="its first line is the token that the server wants")
    add(
        "--server-certificate",
        metavar="PEM",
        help="of who vouches for the server, where this computer does not know them",
    )


def server_of(options: argparse.Namespace) -> ServerAddress | None:
    """Return the server that is to compute; None for this computer. Raises `InputError`."""
    if options.server is not None:
        return ServerAddress(
            url=options.server, token_file=options.token_file, certificate=options.server_certificate
        )
    if options.token_file is not None or options.server_certificate is not None:
        raise InputError("a token or a certificate is for a server, and none is given: add --server")
    return None


def job_of(kind: type[J], options: argparse.Namespace) -> J:
    """Return the job whose fields have the names of the options; fields without an option keep their defaults."""
    names = [field.name for field in dataclasses.fields(kind) if hasattr(options, field.name)]
    given = {name: getattr(options, name) for name in names}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


class Console:
    """Output of a command: progress, warnings, results and errors in one style.

    style: "bar" draws on stderr; "json" prints one JSON object a line on stdout, each with an "event" of
    "progress", "warning", "done" or "error"; "none" shows no progress.
    """

    def __init__(self, style: str) -> None:
        self.style = style
        encode_anything()

    @contextlib.contextmanager
    def shown(self, cancelled: Callable[[], bool]) -> Iterator[Progress]:
        """Show the progress of the work done in this block."""
        if self.style == "json":
            yield Progress(self._print_event, cancelled)
        elif self.style == "bar":
            with _bar() as report:
                yield Progress(report, cancelled)
        else:
            yield Progress(None, cancelled)

    def say(self, text: str = "") -> None:
        """Print a line on stdout, except in the style "json"."""
        if self.style != "json":
            self.print(text)

    def print(self, text: str) -> None:
        """Print a result on stdout, in every style. Raises `OutputError` where the output takes no more."""
        try:
            print(text, flush=True)
        except BrokenPipeError:  # a reader who has gone is left to the program
            raise
        except OSError as error:
            drop_output()
            raise OutputError(
                f"what the command says cannot be written ({error.strerror or error}): free some space, or send it "
                "elsewhere; every file that has its final name is whole"
            ) from error

    def warn(self, message: str) -> None:
        """Show a warning."""
        if self.style == "json":
            self._print({"event": "warning", "message": message})
        else:
            with contextlib.suppress(OSError):
                print(f"warning: {message}", file=sys.stderr)

    def event(self, name: str, /, **values: Any) -> None:
        """Print an event with its values, in the style "json"."""
        if self.style == "json":
            self._print({"event": name, **values})

    def done(self, **values: Any) -> None:
        """Print the event "done" with its values, in the style "json"."""
        self.event("done", **values)

    def error(self, error: Exception) -> None:
        """Print an error as one line on stderr, and as an event in the style "json"."""
        message = " ".join(str(error).split())
        with contextlib.suppress(OSError, OutputError):  # where nothing can be told, the exit code tells it
            if self.style == "json":
                event = {"event": "error", "kind": type(error).__name__, "message": message}
                if isinstance(error, PhaseMismatch):
                    event["question"] = " ".join(error.finding.split())
                self._print(event)
        with contextlib.suppress(OSError):
            print(f"error: {message}", file=sys.stderr, flush=True)

    def _print_event(self, event: ProgressEvent) -> None:
        self._print(
            {
                "event": "progress",
                "stage": event.stage,
                "fraction": round(event.fraction, 4),
                "message": event.message,
            }
        )

    def _print(self, values: dict[str, Any]) -> None:
        self.print(json.dumps(values))


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[ProgressEvent], None]]:
    """Draw a progress bar on stderr, removed when the work ends."""
    import rich.console
    import rich.progress

    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("[dim]{task.fields[message]}"),
    )
    # What is printed meanwhile must not go through the bar's console to stderr where stdout is a file or a pipe.
    with rich.progress.Progress(
        *columns,
        console=rich.console.Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    ) as progress:
        task = progress.add_task("starting", total=1.0, message="")

        def report(event: ProgressEvent) -> None:
            progress.update(
                task, completed=event.fraction, description=event.stage or "working", message=event.message
            )

        yield report
