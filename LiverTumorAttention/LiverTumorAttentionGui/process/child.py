"""The child process: Slicer's Python runs this file by its path, and it runs the command line.

It leads a process group of its own, so that it can be terminated together with its own child processes, and says which
process it is: Slicer's PythonSlicer is a launcher that starts another one. When the application has ended, whatever
ended it, the child kills its group.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

LIBRARY = "LiverTumorAttentionLib"
APPLICATION = "LIVER_TUMOR_ATTENTION_APPLICATION"
"""The environment variable with the process id of the application that reads this process's output."""
PROCESS_EVENT = "process"


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


def announce() -> None:
    """Tell the application which process computes, if one listens: not the one that it started where that launches."""
    if os.environ.get(APPLICATION):
        print(json.dumps({"event": PROCESS_EVENT, "pid": os.getpid()}), flush=True)


def exit_with_application() -> None:
    """Kill this process and its children when the application has ended, if one started it."""
    application = os.environ.get(APPLICATION)
    if not application:
        return

    def watch() -> None:
        if os.name == "nt":
            import subprocess

            wait_for_process(int(application))
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(os.getpid())], check=False)
            os._exit(1)
        while os.read(0, 4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="application watch", daemon=True).start()


def wait_for_process(pid: int, kernel: Any = None) -> None:
    """Return when a process of Windows has ended, or where there is none of that id.

    A thread that read standard input there instead would block the loading of libraries. kernel: kernel32, for tests.
    """
    import ctypes

    kernel = kernel or ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    kernel.OpenProcess.restype = ctypes.c_void_p
    kernel.OpenProcess.argtypes = (ctypes.c_ulong, ctypes.c_int, ctypes.c_ulong)
    kernel.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_ulong)
    synchronize, forever = 0x00100000, 0xFFFFFFFF
    handle = kernel.OpenProcess(synchronize, False, pid)
    if handle:
        kernel.WaitForSingleObject(handle, forever)


def main() -> int:
    """Run the command line with this process's arguments; return its exit code."""
    start_process_group()
    exit_with_application()
    announce()
    own_folder = str(Path(__file__).resolve().parent)
    sys.path[:] = [str(library_parent()), *(entry for entry in sys.path if entry != own_folder)]
    from LiverTumorAttentionLib.__main__ import main as program

    return program()


if __name__ == "__main__":
    sys.exit(main())
