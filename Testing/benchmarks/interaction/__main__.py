"""How many clicks lesions take, and how long a click: see the package for what is measured."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

from LiverTumorAttentionLib import __version__
from Testing.benchmarks.interaction import report
from Testing.benchmarks.interaction.counting import Row
from Testing.benchmarks.interaction.speed import measured
from Testing.benchmarks.interaction.trials import TOOLS, trials_of
from Testing.benchmarks.networks import processor

SEEDS = range(300, 330)
PACKAGES = ("numpy", "scipy", "SimpleITK", "torch", "slicer-core")
THREADS = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the trials that are missing, measure the speed and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m Testing.benchmarks.interaction", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--name", default=report.NAME, help=f"of the tables' files ({report.NAME})")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("build/benchmark-interaction"),
        help="what is kept between runs (build/benchmark-interaction)",
    )
    parser.add_argument("--phantoms", type=int, nargs="+", default=list(SEEDS), metavar="SEED")
    parser.add_argument("--size", choices=("small", "full"), default="small", help="of the phantoms")
    parser.add_argument("--jobs", type=int, default=1, help="phantoms at a time, one core each")
    parser.add_argument(
        "--tools", nargs="*", choices=list(TOOLS), default=list(TOOLS), help="those that are tried (all)"
    )
    parser.add_argument(
        "--click-model",
        type=Path,
        metavar="MODEL",
        help="folder of a model that answers clicks: one tool more",
    )
    parser.add_argument("--skip-speed", action="store_true", help="leave out the timing in a large volume")
    options = parser.parse_args(arguments)
    rows = [row for own in all_trials(options) for row in own]
    speed = None if options.skip_speed else measured(options.scratch, model=options.click_model)
    setting = {
        "command": _command(options),
        "seeds": options.phantoms,
        "size": options.size,
        "cores": os.cpu_count(),
        "processor": processor(),
        "versions": _versions(),
    }
    print(report.write(options.output, setting, rows, speed, options.name))


def all_trials(options: argparse.Namespace) -> Iterator[list[Row]]:
    """Return the trials of all phantoms in their order; each phantom is made in a process of one thread."""
    for name in THREADS:
        os.environ[name] = "1"
    found: dict[int, list[Row]] = {}
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        jobs = {
            pool.submit(
                trials_of, seed, options.size, options.scratch, options.tools, options.click_model
            ): seed
            for seed in options.phantoms
        }
        for done in as_completed(jobs):
            found[jobs[done]] = done.result()
            print(f"phantom {jobs[done]}: {len(found)} of {len(jobs)}", flush=True)
    return (found[seed] for seed in options.phantoms)


def _command(options: argparse.Namespace) -> str:
    """Return the command that writes the same tables."""
    words = ["python -m Testing.benchmarks.interaction --output", shlex.quote(str(options.output))]
    if options.name != report.NAME:
        words += ["--name", shlex.quote(options.name)]
    if options.phantoms != list(SEEDS):
        words += ["--phantoms", *(str(seed) for seed in options.phantoms)]
    if options.size != "small":
        words += ["--size", options.size]
    if options.tools != list(TOOLS):
        words += ["--tools", *options.tools]
    if options.click_model is not None:
        words += ["--click-model", shlex.quote(str(options.click_model))]
    if options.jobs > 1:
        words += ["--jobs", str(options.jobs)]
    return " ".join([*words, *["--skip-speed"] * options.skip_speed])


def _versions() -> str:
    found = [f"version {__version__}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


if __name__ == "__main__":
    main()
