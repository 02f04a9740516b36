"""The child process: Slicer's Python runs this file by its path, and it runs the command line.

It leads a process group of its own, so that it can be terminated together with its own child processes. When the
application exits, the pipe to standard input closes, and the child kills its group.
"""

import os
import signal
import sys
import threading
from pathlib import Path

LIBRARY = "LiverTumorAttentionLib"
WATCH_PARENT = "LIVER_TUMOR_ATTENTION_WATCH_PARENT"


def library_parent() -> Path:
    """Return the folder that contains the library: beside the module when installed, above it in the sources."""
    here = Path(__file__).resolve()
    candidates = (here.parents[2], here.parents[3])
    for folder in candidates:
        if (folder / LIBRARY / "__init__.py").is_file():
            return folder
    raise FileNotFoundError(
        f"{LIBRARY} is neither in {candidates[0]} nor in {candidates[1]}: "
        "install the extension LiverTumorAttention again"
    )


def add_library_to_path() -> None:
    """Make the library importable in this process."""
    folder = str(library_parent())
    if folder not in sys.path:
        sys.path.append(folder)


def start_process_group() -> None:
    """Make this process the leader of a new process group. On Windows taskkill follows the process tree instead."""
    if os.name == "posix" and os.getpgrp() != os.getpid():
        os.setsid()


def exit_with_parent() -> None:
    """Kill this process group when standard input closes, that is when the application's process has ended.

    Not on Windows, where a thread that waits on a pipe blocks the loading of libraries.
    """
    if os.name != "posix" or os.environ.get(WATCH_PARENT) != "1":
        return

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def main() -> int:
    """Run the command line with this process's arguments; return its exit code."""
    start_process_group()
    exit_with_parent()
    own_folder = str(Path(__file__).resolve().parent)
    sys.path[:] = [str(library_parent()), *(entry for entry in sys.path if entry != own_folder)]
    from LiverTumorAttentionLib.__main__ import main as program

    return program()


if __name__ == "__main__":
    sys.exit(main())
