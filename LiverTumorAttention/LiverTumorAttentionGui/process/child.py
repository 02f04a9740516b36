"""The child process: Slicer's Python runs this file by its path, and it runs the command line.

Its own process group makes it possible to end it together with everything it started. When the window that
started it goes away, the pipe to its standard input closes, and the child ends itself and its group.
"""

import os
import signal
import sys
import threading
from pathlib import Path

LIBRARY = "LiverTumorAttentionLib"
WATCH_PARENT = "LIVER_TUMOR_ATTENTION_WATCH_PARENT"


def library_parent() -> Path:
    """Return the folder that holds the library: beside the module once installed, above it in the sources."""
    here = Path(__file__).resolve()
    candidates = (here.parents[2], here.parents[3])
    for folder in candidates:
        if (folder / LIBRARY / "__init__.py").is_file():
            return folder
    raise FileNotFoundError(
        f"{LIBRARY} is neither in {candidates[0]} nor in {candidates[1]}: "
        "install the extension LiverTumorAttention again"
    )


def lead_a_group() -> None:
    """Make this process the leader of a group of its own. Windows has none; there taskkill follows the tree."""
    if os.name == "posix" and os.getpgrp() != os.getpid():
        os.setsid()


def end_with_parent() -> None:
    """End this process's group when standard input closes, which it does when the window's process ends.

    Not on Windows: a thread that waits on a pipe there blocks the loading of libraries.
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
    lead_a_group()
    end_with_parent()
    own_folder = str(Path(__file__).resolve().parent)
    sys.path[:] = [str(library_parent()), *(entry for entry in sys.path if entry != own_folder)]
    from LiverTumorAttentionLib import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
