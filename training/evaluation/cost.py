"""Time and memory of a piece of work in this process."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.memory import give_back


@dataclass(kw_only=True)
class Cost:
    """What a piece of work took; filled in when it is done."""

    seconds: float = 0.0
    """By the clock on the wall."""
    processor_seconds: float = 0.0
    """Of all threads of this process; on a machine that others use too, this is what can be compared."""
    peak_mb: float | None = None
    """The most memory that was held beyond what was held before; None where the system does not tell (not Linux)."""

    def cells(self) -> dict[str, float | str]:
        """Return the values for a row of a table."""
        return {
            "seconds": round(self.seconds, 1),
            "processor_seconds": round(self.processor_seconds, 1),
            "peak_mb": "" if self.peak_mb is None else round(self.peak_mb),
        }


@contextlib.contextmanager
def measured_cost() -> Iterator[Cost]:
    """Measure what is done meanwhile.

    What other threads freed at the end of their heaps (GNU's C library keeps up to 64 MB of each) is not given back
    before: filled again meanwhile, it does not count.
    """
    cost = Cost()
    gc.collect()
    give_back()  # filled again, what was freed and is kept for later would not count
    before = _restarted_peak_mb()
    wall, processor = time.perf_counter(), time.process_time()
    yield cost
    cost.seconds, cost.processor_seconds = time.perf_counter() - wall, time.process_time() - processor
    peak = _status_mb("VmHWM")
    if before is not None and peak is not None:
        cost.peak_mb = max(0.0, peak - before)


def _restarted_peak_mb() -> float | None:
    """Let the peak of this process start again from what it holds now; return that, None where it cannot be."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return _status_mb("VmRSS")


def _status_mb(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), None)
