"""Threads of the numerical libraries: how they wait for work, and how many of them there should be."""

from __future__ import annotations

import math
import os
from pathlib import Path

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""How threads of OpenMP wait for the next piece of work: asleep.

By default they spin (GNU's library listens to the first name, LLVM's and Intel's to the second), and so take the core
that another program, such as Slicer drawing its views, or their own sibling would have worked on.
"""
LINEAR_ALGEBRA = {"OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}
"""Threads of numpy's and scipy's linear algebra: its products here are small, so threads of its own slow them,
and several sum up in another order than one, which on some processors moved a voxel of a tumor's border."""
ITK_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


def prepare_threads(*, spin: bool = False) -> None:
    """Set how the numerical libraries use threads; call it before they are imported.

    What the user has set stays, but for linear algebra: with one thread the same input gives the same bits.
    spin: whether threads may spin while they wait, for a program that has its cores to itself.
    """
    os.environ.update(LINEAR_ALGEBRA)
    settings = {} if spin else WAITING
    for name, value in {**settings, ITK_THREADS: str(usable_cores())}.items():
        os.environ.setdefault(name, value)


def usable_cores() -> int:
    """Return on how many cores this process may compute: by the machine, its own affinity and its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _container_cores()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _container_cores(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the processor time a second that Linux' control groups allow, in cores; None without a limit.

    root: where they are mounted; both their versions are read.
    """
    try:
        if (root / "cpu.max").is_file():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text()
            period = (root / "cpu/cpu.cfs_period_us").read_text()
        allowed = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return allowed if allowed > 0 else None
