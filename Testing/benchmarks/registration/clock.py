"""What a piece of work takes: wall and processor time from a start, and the process's peak memory so far."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from Testing.benchmarks.networks import OtherPrograms


class Clock:
    """Starts when it is made."""

    def __init__(self) -> None:
        self._others = OtherPrograms()
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float | None]:
        """Return seconds, processor_seconds, peak_gib, and the share of the processors that others took."""
        return {
            "seconds": time.perf_counter() - self._wall,
            "processor_seconds": time.process_time() - self._processor,
            "peak_gib": peak_gib(),
            "others": self._others.share(),
        }


def peak_gib() -> float:
    """Return the most memory that this process has held.

    Linux hands ru_maxrss down from the parent process to the child, so there VmHWM is read instead.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024**2
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024**3 if sys.platform == "darwin" else 1024**2)
