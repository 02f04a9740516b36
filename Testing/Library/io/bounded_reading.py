"""Read files in a child with little memory: a reader that crashes, hangs or allocates shows there.

python bounded_reading.py MEBIBYTES READER PATH…   (on standard output: a JSON list with one line for each path)

READER is a function of one path, such as ``LiverTumorAttentionLib.io:read_volume``.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib.io.volumes import read_image

ROOT = Path(__file__).resolve().parents[3]
READ = "read"
"""What is said of a file that is read."""
MEBIBYTES = 160
"""Above what the libraries take; the small volumes of the tests need far less."""
HANG_S = 120


def outcomes(
    paths: Sequence[Path], reader: str = "LiverTumorAttentionLib.io:read_volume", mebibytes: int = MEBIBYTES
) -> list[str]:
    """Return, for each path, `READ` or the name and text of its error; raise `AssertionError` when the child dies."""
    names = [os.fsencode(path) for path in paths]
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), str(mebibytes), reader, *names],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0, (
        f"the child ended with {done.returncode} at {paths[len(lines)]}: {done.stderr[-2000:]!r}"
    )
    assert not done.stderr, done.stderr.decode(errors="replace")
    return [json.loads(line) for line in lines]


def read_picture(path: Path) -> None:
    """Read a picture as the training's layouts do."""
    read_image(path, "picture")


def main() -> None:
    import resource

    module, function = sys.argv[2].split(":")
    read = getattr(importlib.import_module(module), function)
    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit = used + int(sys.argv[1]) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for path in sys.argv[3:]:
        signal.alarm(HANG_S)  # no measure of speed: a read of a pipe ends never
        try:
            read(Path(path))
            said = READ
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
