"""Time and memory of a whole run on a 512 x 512 x 80 two-phase case, beside those of its parts.

    python -m Testing.benchmarks.end_to_end --output Testing/benchmarks/results

Each part runs in a process of its own, so that its peak memory is its own: the generation of the case,
importing and reading alone, and the whole run with one and with both phases. The table gives every time
also as a ratio to reading both volumes, which is what the machine can do at best.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIBRARY = [sys.executable, "-m", "LiverTumorAttentionLib"]
READ = "import sys; from LiverTumorAttentionLib.io import read_volume; [read_volume(p) for p in sys.argv[1:]]"


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the table")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--slices", type=int, default=80)
    parser.add_argument("--thickness", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        case = Path(name)
        portal, arterial = ["--portal", f"{case}/portal.nii.gz"], ["--arterial", f"{case}/arterial.nii.gz"]
        segment = [*LIBRARY, "segment", *portal, "--progress", "none", "--device", "cpu"]
        runs = {
            "generate the case": [
                *(*LIBRARY, "phantom", "--seed", str(options.seed), "--output", str(case), "--size", "full"),
                *(
                    "--slices",
                    str(options.slices),
                    "--thickness",
                    str(options.thickness),
                    "--progress",
                    "none",
                ),
            ],
            "read both volumes": [sys.executable, "-c", READ, portal[1], arterial[1]],
            "segment, portal phase alone": [*segment, "--output", f"{case}/one.seg.nrrd"],
            "segment, both phases": [*segment, *arterial, "--output", f"{case}/two.seg.nrrd"],
        }
        used = {title: measure(command) for title, command in runs.items()}
        rows = [(title, usage.seconds, usage.peak_gib) for title, usage in used.items()]
    print(table(rows))
    content = {
        "command": "python -m Testing.benchmarks.end_to_end",
        "slices": options.slices,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "rows": [{"what": t, "seconds": round(s, 1), "peak_gib": round(g, 2)} for t, s, g in rows],
    }
    (options.output / "end-to-end.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a command took: wall time, processor time of all its threads, peak memory."""

    seconds: float
    processor_seconds: float
    peak_gib: float


def measure(command: list[str], **more: Any) -> Usage:
    """Run a command; return what it took. more: arguments of `Popen`."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return Usage(seconds=seconds, processor_seconds=usage.ru_utime + usage.ru_stime, peak_gib=peak_gib(usage))


def peak_gib(usage: resource.struct_rusage) -> float:
    """Return a process's peak memory; the kernel counts it in KiB, on macOS in bytes."""
    return usage.ru_maxrss / (1024**3 if sys.platform == "darwin" else 1024**2)


def table(rows: list[tuple[str, float, float]]) -> str:
    """Return the rows as text."""
    reading = next(seconds for title, seconds, _ in rows if title.startswith("read"))
    lines = [f"{'':30}{'seconds':>9}{'x reading':>11}{'peak GiB':>10}"]
    lines += [f"{t:30}{s:9.1f}{s / reading:11.1f}{g:10.2f}" for t, s, g in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
