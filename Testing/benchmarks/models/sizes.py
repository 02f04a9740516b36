"""What a model of nnU-Net takes here and in nnU-Net's own predictor as the slices grow, and beside a busy process.

    python -m Testing.benchmarks.models.sizes --nnunet-python build/nnunet/bin/python --scratch build/models \
        --output Testing/benchmarks/results

The 3d_fullres network of the other benchmark on drawn volumes of 512 x 512 pixels a slice, one phase. Resumes where it
was stopped. Two phases are those of `default_path`. Not for clinical use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from Testing.benchmarks.default_path import SLICES, busy
from Testing.benchmarks.models.cases import CASES
from Testing.benchmarks.models.compare import Comparison

CASE = "3d_fullres"
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
    parser.add_argument("--beside", nargs="+", choices=BESIDE, default=BESIDE[:1])
    options = parser.parse_args()
    comparison = Comparison(nnunet_python=options.nnunet_python, scratch=options.scratch)
    comparison.make_models([CASE])
    place = options.output / "models-sizes.json"
    rows = json.loads(place.read_text(encoding="utf-8"))["rows"] if place.is_file() else []
    for slices in options.slices:
        for beside in options.beside:
            row: dict[str, Any] = {"slices": slices, "beside": beside}
            if any({key: old[key] for key in row} == row for old in rows):
                continue
            with busy(beside != BESIDE[0]):
                row |= comparison.of(CASE, MATRIX, slices, half_sums=False)
            rows.append(row)
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            content = {
                "command": "python -m Testing.benchmarks.models.sizes",
                "machine": f"{platform.machine()}, {cores} cores, "
                f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}",
                "rows": sorted(rows, key=lambda each: (each["slices"], BESIDE.index(each["beside"]))),
            }
            place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            place.with_suffix(".md").write_text(table(content), encoding="utf-8")
            print(json.dumps(row), flush=True)


def table(content: dict[str, Any]) -> str:
    """Return the results as a page."""
    lines = [
        "# A model of nnU-Net as the slices grow, here and in nnU-Net's own predictor",
        "",
        f"`{content['command']}`: the network of *{CASE}* in [models.md](models.md), {CASES[CASE].features} features "
        f"at its first level, on {MATRIX} x {MATRIX} pixels a slice, one phase, {content['machine']}. Ours → "
        "nnU-Net's, and their ratio; seconds of the processor, which other programs on the machine lengthen for both.",
        "",
        "| slices | beside it | voxels that agree | processor s | ratio | peak GiB | ratio |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in content["rows"]:
        cells = [str(row["slices"]), row["beside"], f"{100 * row['agreement']:.4f} %"]
        for key, digits in (("processor_seconds", 1), ("peak_gib", 2)):
            ours, other = row["ours"][key], row["nnunet"][key]
            cells += [f"{ours:.{digits}f} → {other:.{digits}f}", f"{ours / other:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
