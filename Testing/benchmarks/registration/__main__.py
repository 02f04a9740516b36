"""See the package for what is measured, and --help for how."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import __version__
from Testing.benchmarks import registration
from Testing.benchmarks.networks import processor
from Testing.benchmarks.registration import label_pairs, report
from Testing.benchmarks.registration.methods import METHODS, run
from Testing.benchmarks.registration.pair_store import (
    LARGE,
    PHANTOMS,
    ROOT,
    check_name,
    generator_of,
    stored,
)

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, keep it as it comes, print and write the tables."""
    options = parse(arguments)
    try:
        names = [check_name(name) for name in options.pairs or [*PHANTOMS, *label_pairs.NAMES]]
    except ValueError as error:
        raise SystemExit(str(error)) from None
    if options.large:
        names.append(LARGE)
    if any(generator_of(name) == "labels" for name in names) and not label_pairs.available():
        print("The label maps are not at hand: their pairs are left out.")
        names = [name for name in names if generator_of(name) != "labels"]
    with tempfile.TemporaryDirectory() as temporary:
        scratch = options.scratch or Path(temporary)
        rows = measure(names, options.methods, scratch, cores=options.cores, minutes=options.minutes)
    print(report.write(options.output, setting(options), rows))


def measure(
    names: Sequence[str], methods: Sequence[str], scratch: Path, *, cores: int, minutes: float
) -> list[Row]:
    """Return a row for every pair and method: from the last call where nothing has changed, or measured now."""
    scratch.mkdir(parents=True, exist_ok=True)
    results = scratch / "results.jsonl"
    before = measured_before(results)
    if results.is_file() and not results.read_bytes().endswith(b"\n"):
        with results.open("a", encoding="utf-8") as file:
            file.write("\n")  # the last call ended in the middle of a line
    rows = []
    for name in names:
        for method in methods:
            pair = stored(name, scratch)
            version = f"{pair.name} {METHODS[method].version} {cores}"
            row = before.get((name, method), {})
            if row.get("version") != version or "failed" in row:
                row = {
                    "pair": name,
                    "method": method,
                    "version": version,
                    **run(pair, METHODS[method], cores=cores, minutes=minutes),
                }
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{name}, {METHODS[method].title}: {described(row)}", flush=True)
            rows.append(row)
    return rows


def measured_before(results: Path) -> dict[tuple[str, str], Row]:
    """Return the last row of each pair and method; a line that was cut off when a call ended does not count."""
    rows = {}
    for line in results.read_text(encoding="utf-8").splitlines() if results.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        rows[row["pair"], row["method"]] = row
    return rows


def described(row: Row) -> str:
    """Return one measurement in words."""
    if "failed" in row:
        return row["failed"]
    return (
        f"TRE {row['tre_before_mean_mm']:.2f} -> {row['tre_after_mean_mm']:.2f} mm "
        f"(95 % {row['tre_after_p95_mm']:.2f}), branch points {row['branch_after_mean_mm']:.2f} mm, "
        f"Dice {row['liver_dice_after']:.3f}, {row['seconds']:.1f} s ({row['processor_seconds']:.1f} s), "
        f"{row['peak_gib']:.2f} GiB"
    )


def setting(options: argparse.Namespace) -> Row:
    """Return what the numbers depend on beside the code."""
    command = "python -m Testing.benchmarks.registration"
    if options.pairs:
        command += f" --pairs {' '.join(options.pairs)}"
    if options.methods != list(METHODS):
        command += f" --methods {' '.join(options.methods)}"
    return {
        "command": command + (" --large" if options.large else ""),
        "version": __version__,
        "processor": processor(),
        "cores": options.cores,
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m Testing.benchmarks.registration",
        description=registration.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--pairs", nargs="+", metavar="NAME", help="these alone, such as phantom-400")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=list(METHODS),
        metavar="METHOD",
        help=f"these alone, of {', '.join(METHODS)}",
    )
    parser.add_argument("--large", action="store_true", help="the large pair as well")
    parser.add_argument("--scratch", type=Path, help="folder that keeps the pairs and what was measured")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "Testing/benchmarks/results", help="for the tables"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="longest time for one run (default: 10)")
    parser.add_argument("--cores", type=int, default=cores, help="threads for each method (default: all)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
