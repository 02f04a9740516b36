"""How well proposed vessels meet the truth: see the package for what is measured."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib import __version__
from Testing.benchmarks.networks import processor
from Testing.benchmarks.vessels import report
from Testing.benchmarks.vessels.cases import abdomen, grid_note, livers_with_vessels, measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the cases that are missing and write the table."""
    parser = argparse.ArgumentParser(prog="python -m Testing.benchmarks.vessels", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that holds msd-hepatic-vessels and the atlas"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the table")
    parser.add_argument(
        "--scratch", type=Path, default=Path("build/benchmark-vessels"), help="what is kept between runs"
    )
    parser.add_argument(
        "--cases", type=int, default=0, metavar="N", help="the first N in the order below (all)"
    )
    options = parser.parse_args(arguments)
    options.scratch.mkdir(parents=True, exist_ok=True)
    livers = livers_with_vessels(options.data / "msd-hepatic-vessels")
    livers = sorted(enumerate(livers), key=lambda pair: (not pair[1].trees_apart, pair[0] * 7 % len(livers)))
    rows = []
    for number, liver in livers[: options.cases or len(livers)]:
        kept = options.scratch / f"{liver.name}.json"
        if not kept.is_file():
            row = measured(liver, abdomen(options.data / "spl-abdominal-atlas" / "labels.nrrd"), number)
            kept.write_text(json.dumps(row.as_dict()), encoding="utf-8")
        rows.append(json.loads(kept.read_text(encoding="utf-8")))
        print(f"{liver.name}: {len(rows)} of {options.cases or len(livers)}", flush=True)
    words = ["python -m Testing.benchmarks.vessels --data DATA --output", shlex.quote(str(options.output))]
    words += ["--cases", str(options.cases)] if options.cases else []
    setting = {
        "command": " ".join(words),
        "version": __version__,
        "processor": processor(),
        "grid": grid_note(),
    }
    print(report.write(options.output, setting, rows))


if __name__ == "__main__":
    main()
