"""Agreement, time and memory of models of nnU-Net here and in nnU-Net's own predictor, in one run.

    python -m Testing.benchmarks.models --nnunet-python build/nnunet/bin/python --scratch build/models \
        --output Testing/benchmarks/results

nnU-Net's own package plans and builds each model on drawn cases, it is trained for a moment, converted as `models add`
does it, and both predictors segment one volume, each in a process of its own, from file to file. Ours does it twice: in
float32, and with the sums of patches in half precision as nnU-Net has them, which tells what differs for that reason
alone. Each row is saved once it is there, and rows of the same volume and options are kept. `make benchmark-models`
installs nnU-Net for it. Not for clinical use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from Testing.benchmarks.models.cases import CASES, FULL_SIZE
from Testing.benchmarks.models.compare import Comparison


def main() -> None:
    """Make the models that are missing, run both predictors, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--nnunet-python", type=Path, required=True, help="Python of an environment with nnunetv2 and nnunet")
    add(
        "--scratch",
        type=Path,
        required=True,
        help="folder for data, models and predictions; what is there is used",
    )
    add("--output", type=Path, required=True, help="folder for the table")
    add("--name", default="models", help="name of the table (default: models)")
    add(
        "--case",
        action="append",
        choices=tuple(CASES),
        help="only these cases, in any number (default: all but the full-size network)",
    )
    add("--matrix", type=int, default=96, help="pixels along a side of the slices (default: 96)")
    add("--slices", type=int, default=44, help="slices (default: 44)")
    add(
        "--where-needed",
        action="store_true",
        help="ours: only where there is body, and liver where that is known",
    )
    add("--bfloat16", action="store_true", help="ours: in bfloat16 where the processor can")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    names = options.case or [name for name in CASES if name != FULL_SIZE]
    comparison = Comparison(
        nnunet_python=options.nnunet_python,
        scratch=options.scratch,
        where_needed=options.where_needed,
        bfloat16=options.bfloat16,
    )
    comparison.make_models(names)
    place = options.output / f"{options.name}.json"
    content = {
        "command": "python -m Testing.benchmarks.models " + " ".join(told(options)),
        "volume": f"{options.matrix} x {options.matrix} x {options.slices}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}",
        "rows": [],
    }
    rows = kept_rows(place, content)
    for name in names:
        rows[name] = {"model": name, **comparison.of(name, options.matrix, options.slices)}
        content["rows"] = [rows[case] for case in CASES if case in rows]
        print(json.dumps(rows[name]), flush=True)
        place.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        place.with_suffix(".md").write_text(table(content), encoding="utf-8")


def kept_rows(place: Path, content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows of an earlier run of the same volume, options and machine by case."""
    if not place.is_file():
        return {}
    before = json.loads(place.read_text(encoding="utf-8"))
    same = all(before.get(key) == content[key] for key in ("command", "volume", "machine"))
    return {row["model"]: row for row in before["rows"]} if same else {}


def told(options: argparse.Namespace) -> list[str]:
    """Return the options that the result depends on."""
    words = ["--matrix", str(options.matrix), "--slices", str(options.slices)]
    return words + [
        f"--{flag}" for flag in ("where-needed", "bfloat16") if getattr(options, flag.replace("-", "_"))
    ]


def table(content: dict[str, Any]) -> str:
    """Return the results as a page."""
    lines = [
        "# Models of nnU-Net, here and in nnU-Net's own predictor",
        "",
        f"`{content['command']}`, {content['volume']} voxels, {content['machine']}. Ratios are ours to nnU-Net's; time "
        "is given for the processor and for the wall, which other programs on the machine lengthen. *With half sums*: "
        "voxels that still differ when ours sums up patches in half precision too, as nnU-Net 2 does: the rest differs "
        "by that rounding. nnU-Net 1 sums up in float32 as ours does.",
        "",
        "| model | voxels that agree | differing | with half sums | processor time | wall time | peak memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in content["rows"]:
        ours, other = row["ours"], row["nnunet"]
        ratios = [ours[key] / other[key] for key in ("processor_seconds", "seconds", "peak_gib")]
        lines.append(
            f"| {row['model']} | {100 * row['agreement']:.4f} % | {row['differing']} | "
            f"{row.get('differing_with_half_sums', '')} | "
            + " | ".join(f"{ratio:.2f}" for ratio in ratios)
            + " |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
