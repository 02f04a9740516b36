"""Stand-in for PythonSlicer, which is CTK's AppLauncher: it starts python-real and waits for it.

As the launcher does: standard streams are passed on, and so is the exit code; signals are not; a python-real that a
signal ended is told in words, without the signal, and with exit code 1.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path


def make(folder: Path) -> Path:
    """Write an executable PythonSlicer into a folder; return its path."""
    path = folder / "PythonSlicer"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{os.path.abspath(__file__)}" "$@"\n')
    path.chmod(0o755)
    return path


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = subprocess.Popen([sys.executable, *sys.argv[1:]]).wait()
    if code < 0:
        print(f"error: [{sys.executable}] exit abnormally - Report the problem.", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
