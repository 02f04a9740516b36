"""What a model of nnU-Net takes here and in nnU-Net's own predictor as the slices grow, and beside a busy process.

    python -m Testing.benchmarks.models.sizes --nnunet-python build/nnunet/bin/python --scratch build/models \
        --output Testing/benchmarks/results

The 3d_fullres networks of the other benchmark, of one and of two phases, on drawn volumes of 512 x 512 pixels a slice.
Resumes where it was stopped. `--ours-alone` is for sizes that nnU-Net's predictor has no memory for. Not for clinical
use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from itertools import product
from pathlib import Path
from typing import Any

from Testing.benchmarks.default_path import SLICES, busy
from Testing.benchmarks.models.cases import CASES
from Testing.benchmarks.models.compare import Comparison

CASE_OF_PHASES = {1: "3d_fullres", 2: "3d_fullres, two phases"}
MATRIX = 512
BESIDE = ("nothing", "a busy process")


def main() -> None:
    """Run both predictors at every size that is not there yet, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nnunet-python", type=Path, required=True, help="Python with nnunetv2")
    parser.add_argument("--scratch", type=Path, required=True, help="folder of data, models and predictions")
    parser.add_argument("--output", type=Path, required=True, help="folder for the table")
    parser.add_argument("--slices", type=int, nargs="+", default=SLICES)
    parser.add_argument("--phases", type=int, nargs="+", choices=(1, 2), default=(1, 2))
    parser.add_argument("--ours-alone", action="store_true", help="leave out nnU-Net's predictor")
    parser.add_argument("--beside", nargs="+", choices=BESIDE, default=BESIDE[:1])
    options = parser.parse_args()
    comparison = Comparison(nnunet_python=options.nnunet_python, scratch=options.scratch)
    comparison.make_models([CASE_OF_PHASES[phases] for phases in options.phases])
    place = options.output / "models-sizes.json"
    rows = json.loads(place.read_text(encoding="utf-8"))["rows"] if place.is_file() else []
    for slices, phases, beside in product(options.slices, options.phases, options.beside):
        row: dict[str, Any] = {"slices": slices, "phases": phases, "beside": beside}
        if any({key: old[key] for key in row} == row for old in rows):
            continue
        with busy(beside != BESIDE[0]):
            row |= comparison.of(
                CASE_OF_PHASES[phases], MATRIX, slices, half_sums=False, ours_alone=options.ours_alone
            )
        rows.append(row)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        content = {
            "command": "python -m Testing.benchmarks.models.sizes",
            "machine": f"{platform.machine()}, {cores} cores, "
            f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}",
            "rows": sorted(
                rows, key=lambda each: (each["slices"], each["phases"], BESIDE.index(each["beside"]))
            ),
        }
        place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        place.with_suffix(".md").write_text(table(content), encoding="utf-8")
        print(json.dumps(row), flush=True)


def table(content: dict[str, Any]) -> str:
    """Return the results as a page."""
    lines = [
        "# A model of nnU-Net as the slices grow, here and in nnU-Net's own predictor",
        "",
        f"`{content['command']}`: the networks of *{CASE_OF_PHASES[1]}* and *{CASE_OF_PHASES[2]}* in "
        f"[models.md](models.md), {CASES[CASE_OF_PHASES[1]].features} features at their first level, on "
        f"{MATRIX} x {MATRIX} pixels a slice, {content['machine']}. Ours → nnU-Net's, and their ratio. Other programs "
        "on the machine lengthen the seconds of the processor for both, and those of the wall by much more. Where "
        "nnU-Net's are missing, its predictor was not run.",
        "",
        "| slices | phases | beside it | voxels that agree | processor s | ratio | wall s | ratio | peak GiB | ratio "
        "| ours, bytes a voxel |",
        "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in content["rows"]:
        agreement = f"{100 * row['agreement']:.4f} %" if "agreement" in row else ""
        cells = [str(row["slices"]), str(row["phases"]), row["beside"], agreement]
        for key, digits in (("processor_seconds", 1), ("seconds", 1), ("peak_gib", 2)):
            ours, other = row["ours"][key], row.get("nnunet", {}).get(key)
            cells.append(f"{ours:.{digits}f} →" + (f" {other:.{digits}f}" if other else ""))
            cells.append(f"{ours / other:.2f}" if other else "")
        voxels = MATRIX * MATRIX * row["slices"]
        cells.append(f"{row['ours']['peak_gib'] * 2**30 / voxels:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
