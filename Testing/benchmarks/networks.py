"""Time and memory of one pass through every network, on one sample of the size that its paper uses.

    python -m Testing.benchmarks.networks --output Testing/benchmarks/results

Batch 1, in evaluation, as the predictors run it: channels_last for slices, and once in float32, once under
bfloat16 autocast. Each in a process of its own, which is first run once to warm up and then timed; its memory
is what it grows by above the built network and its input. The ratios are to a plain network of the same
dimensions, once as measured and once a pixel or voxel, for the inputs differ.

The tables are written after every run. A second call goes on where the first one stopped, and tries again
what failed and what other programs have slowed down, unless the machine or the software has changed; --fresh
forgets what was measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from Testing.benchmarks.end_to_end import peak_gib

PEERS = {2: "resseg", 3: "unet3d"}
PRECISIONS = ("float32", "bfloat16")
RUNS = 5
LONG_SECONDS = 30.0
MOST_FOR_OTHERS = 0.1
"""Share of the processors that other programs may take; more makes times two and ten times as long."""

Row = dict[str, Any]


def main() -> None:
    """Measure what is missing, write it down as it comes, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="folder for the tables")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure these networks alone")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--minutes", type=float, default=15.0, help="longest time for one run (default: 15)")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure_here(*options.child)))
        return
    if options.output is None:
        parser.error("the following arguments are required: --output")

    from LiverTumorAttentionLib.errors import ModelError
    from LiverTumorAttentionLib.networks import network_entry, network_names

    try:
        entries = {name: network_entry(name) for name in options.only or network_names()}
    except ModelError as error:
        parser.error(str(error))
    path = options.output / "networks.json"
    setting = describe_setting()
    rows = {} if options.fresh else measured_before(path, setting)
    for name, entry in entries.items():
        for precision in PRECISIONS:
            if is_good(rows.get((name, precision), {})):
                continue
            result = measure_in_child([*CHILD, name, precision], options.minutes * 60)
            rows[name, precision] = {
                "name": name,
                "precision": precision,
                "input_shape": list(entry.input_shape),
                "phases": len(entry.phases),
                **result,
            }
            write(path, setting, rows)
            print(f"{name}, {precision}: {describe(result)}", flush=True)
    print(table(rows))


CHILD = [sys.executable, "-m", "Testing.benchmarks.networks", "--child"]


def measure_here(name: str, precision: str) -> Row:
    """Build a network and time it; this is what the child process does."""
    import torch

    from LiverTumorAttentionLib.networks import build_network, network_entry

    entry = network_entry(name)
    network = build_network(name, generator=torch.Generator().manual_seed(0)).eval()
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand((1, *entry.input_shape), generator=generator) for _ in entry.phases]
    if entry.dimensions == 2:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = [image.contiguous(memory_format=torch.channels_last) for image in images]
    precisely = torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext()
    before = peak_gib(resource.getrusage(resource.RUSAGE_SELF))
    seconds: list[float] = []
    others = OtherPrograms()
    with torch.inference_mode(), precisely:
        while len(seconds) <= RUNS and sum(seconds) < LONG_SECONDS:
            start = time.perf_counter()
            logits = network(*images)
            seconds.append(time.perf_counter() - start)
    if not logits.isfinite().all():
        return {"failed": "the output is not finite"}
    timed = seconds[1:] or seconds  # a single long run warms itself up
    return {
        "seconds": round(statistics.median(timed), 4),
        "runs": len(timed),
        "others": others.share(),
        "peak_gib": round(peak_gib(resource.getrusage(resource.RUSAGE_SELF)) - before, 3),
    }


class OtherPrograms:
    """How busy other programs keep the processors from now on, where the system tells (Linux)."""

    def __init__(self) -> None:
        self._start = self._now()

    def share(self) -> float | None:
        """Return the share of all processors' time since then that other programs took."""
        now = self._now()
        if now is None or self._start is None:
            return None
        all_seconds, idle, own = (after - before for after, before in zip(now, self._start, strict=True))
        return round(max(0.0, all_seconds - idle - own) / max(all_seconds, 1e-9), 3)

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Return the seconds of all processors, those of them idle, and those of this process."""
        try:
            fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
        except OSError:
            return None
        ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
        return sum(ticks), ticks[3] + ticks[4], time.process_time()


def is_good(row: Row) -> bool:
    """Whether a row was measured, and on a machine that had little else to do."""
    return "seconds" in row and "others" in row and (row["others"] or 0.0) <= MOST_FOR_OTHERS


def measure_in_child(command: list[str], seconds: float) -> Row:
    """Run a command that prints a row as JSON; where it fails, the row says why."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done in {seconds / 60:.0f} minutes"}
    if done.returncode < 0:
        return {"failed": f"ended by signal {-done.returncode}, as when memory runs out"}
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return {"failed": said[-1][:300] if said else f"ended with {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def describe_setting() -> Row:
    """What the times depend on."""
    import torch

    from LiverTumorAttentionLib import __version__

    return {
        "command": "python -m Testing.benchmarks.networks",
        "version": __version__,
        "torch": torch.__version__,
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measured_before(path: Path, setting: Row) -> dict[tuple[str, str], Row]:
    """Return the rows of an earlier call in the same setting."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = content.pop("rows")
    return {(row["name"], row["precision"]): row for row in rows} if content == setting else {}


def write(path: Path, setting: Row, rows: dict[tuple[str, str], Row]) -> None:
    """Write the rows as JSON and as a table for people; a call that is ended leaves whole files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = [rows[key] for key in sorted(rows)]
    heading = (
        f"# One pass through each network\n\n`{setting['command']} --output …`, batch 1, "
        f"{setting['processor']}, {setting['threads']} threads, torch {setting['torch']}.\n\n"
        'Ratios are to resseg for slices and to unet3d for volumes; "a pixel" allows for the size of the '
        "input. "
        f"A * marks times while other programs took more than {MOST_FOR_OTHERS:.0%} of the processors.\n\n"
    )
    texts = {
        path: json.dumps({**setting, "rows": ordered}, indent=2) + "\n",
        path.with_suffix(".md"): f"{heading}{table(rows)}\n",
    }
    for target, text in texts.items():
        partial = target.with_name(target.name + ".part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)


def describe(row: Row) -> str:
    """Return one measurement in words."""
    busy = "" if "failed" in row or is_good(row) else f"; other programs took {row['others']:.0%}: try again"
    return row.get("failed") or f"{row['seconds']:.2f} s, {row['peak_gib']:.2f} GiB{busy}"


def table(rows: dict[tuple[str, str], Row]) -> str:
    """Return the rows as a table in Markdown, one line a network, and below it what failed."""
    lines = [
        "| network | input | float32, s | x peer | x peer, a pixel | peak, GiB "
        "| bfloat16, s | x peer | x peer, a pixel | peak, GiB |",
        "| --- | --- |" + " ---: |" * 8,
    ]
    for name in sorted({name for name, _ in rows}):
        shape = next(row["input_shape"] for (other, _), row in rows.items() if other == name)
        cells = [name, " x ".join(map(str, shape))]
        for precision in PRECISIONS:
            row = rows.get((name, precision), {})
            peer = rows.get((PEERS[len(shape) - 1], precision), {})
            cells += measurements(row, peer)
        lines.append(f"| {' | '.join(cells)} |")
    failed = [
        f"- {name}, {precision}: {row['failed']}"
        for (name, precision), row in sorted(rows.items())
        if "failed" in row
    ]
    return "\n".join([*lines, *([""] + failed if failed else [])])


def measurements(row: Row, peer: Row) -> list[str]:
    """Return seconds, their ratio to the peer's, the same a pixel, and memory; "-" where there is none."""
    if "seconds" not in row:
        return ["failed" if row else "-", "-", "-", "-"]
    ratios = ["-", "-"]
    if "seconds" in peer:
        ratio = row["seconds"] / peer["seconds"]
        pixels = math.prod(row["input_shape"][1:]) / math.prod(peer["input_shape"][1:])
        ratios = [f"{ratio:.2f}", f"{ratio / pixels:.2f}"]
    return [f"{row['seconds']:.3f}{'' if is_good(row) else '*'}", *ratios, f"{row['peak_gib']:.2f}"]


if __name__ == "__main__":
    main()
