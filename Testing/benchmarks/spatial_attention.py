"""The context network's spatial extractor against the naive form that holds the map of all pairs of places.

    python -m Testing.benchmarks.spatial_attention --output Testing/benchmarks/results

64 channels at 112 x 112, the finest skip of the network: 12,544 places, 157 million pairs. Each run is a
process of its own; its memory is what it grows by above the built module and its input. "step" is forward and
backward. The table is printed and written as spatial-attention.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

from LiverTumorAttentionLib.networks.context import SpatialExtractor

CHANNELS, SIDE = 64, 112
FORMS, PRECISIONS, PASSES = ("extractor", "naive"), ("float32", "bfloat16"), ("forward", "step")


def naive(module: SpatialExtractor, x: torch.Tensor) -> torch.Tensor:
    """Eq. 1 to 3 as they are printed, with the whole map."""
    q, k, v = (part(x).flatten(2) for part in (module.query, module.key, module.value))
    weights = torch.softmax(torch.bmm(q.transpose(1, 2), k), dim=2)
    return module.alpha * torch.bmm(v, weights.transpose(1, 2)).reshape(x.shape) + x


def measure(form: str, precision: str, what: str) -> dict[str, float]:
    """Run once in this process; return seconds and the memory that it grew by, in MiB."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = SpatialExtractor(CHANNELS)
    torch.nn.init.constant_(module.alpha, 0.5)
    x = torch.randn(1, CHANNELS, SIDE, SIDE, requires_grad=what == "step")
    module(x[:, :, :8, :8])  # warm
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with torch.set_grad_enabled(what == "step"):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            out = module(x) if form == "extractor" else naive(module, x)
        if what == "step":
            out.float().square().mean().backward()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": round(seconds, 3), "mib": round(peak / 1024, 1)}


def table(rows: dict[tuple[str, str, str], dict[str, float]]) -> str:
    """Return the rows as a table, each pair with its ratios."""
    lines = [
        "| precision | pass | extractor s | naive s | times as fast | extractor MiB | naive MiB | memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for precision in PRECISIONS:
        for what in PASSES:
            ours, theirs = rows["extractor", precision, what], rows["naive", precision, what]
            lines.append(
                f"| {precision} | {what} | {ours['seconds']:.2f} | {theirs['seconds']:.2f} "
                f"| {theirs['seconds'] / ours['seconds']:.1f} | {ours['mib']:.0f} | {theirs['mib']:.0f} "
                f"| 1 / {theirs['mib'] / ours['mib']:.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure everything in child processes and print the table; with --child, measure one run here."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="folder for the table")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(*options.child)))
        return
    rows = {}
    for key in [(form, p, what) for form in FORMS for p in PRECISIONS for what in PASSES]:
        command = [sys.executable, "-m", "Testing.benchmarks.spatial_attention", "--child", *key]
        rows[key] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    text = table(rows)
    print(text)
    if options.output is not None:
        command = "python -m Testing.benchmarks.spatial_attention --output Testing/benchmarks/results"
        head = f"{CHANNELS} channels at {SIDE} x {SIDE}, one thread of a CPU. `{command}`\n\n"
        (options.output / "spatial-attention.md").write_text(head + text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
