"""Ending a child process and everything that it started."""

from __future__ import annotations

import os
import signal
import subprocess


def end_tree(pid: int, *, force: bool) -> bool:
    """Ask (or, with `force`, make) the process group that `pid` leads end. Returns whether there was one.

    pid: the child's process id; on Windows the tree below it is followed instead, always by force.
    """
    if pid <= 0:
        return False
    if os.name == "nt":
        command = ["taskkill", "/F", "/T", "/PID", str(pid)]
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        return subprocess.run(command, capture_output=True, creationflags=flags, check=False).returncode == 0
    try:
        os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return False
    return True
