"""A process with its children: signals to all of them.

Slicer's PythonSlicer is a launcher: it starts python-real, waits for it and passes its exit code on, but no signal. A
process group reaches both.
"""

from __future__ import annotations

import os
import signal
import subprocess


def terminate_tree(pid: int, *, force: bool) -> bool:
    """Terminate (with `force`: kill) the process group led by `pid`. Returns whether there was one.

    pid: a process's id; on Windows the process tree below it, always by force.
    """
    if pid <= 0:
        return False
    if os.name == "nt":
        command = ["taskkill", "/F", "/T", "/PID", str(pid)]
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        return subprocess.run(command, capture_output=True, creationflags=flags, check=False).returncode == 0
    return signal_group(pid, signal.SIGKILL if force else signal.SIGTERM)


def signal_group(leader: int, number: int) -> bool:
    """Send a signal to the process group led by `leader`. Returns whether there was one that may be signalled."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def group_is_alive(leader: int) -> bool:
    """Return whether a process of the group led by `leader` is left. On Windows there are no groups: False."""
    return os.name == "posix" and signal_group(leader, 0)
