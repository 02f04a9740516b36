"""Files of a data folder: links followed, what is no readable file passed over and named."""

from __future__ import annotations

import os
from pathlib import Path

from LiverTumorAttentionLib.regular_file import unreadable_kind


def files_below(root: str | os.PathLike[str]) -> tuple[list[Path], list[str]]:
    """Return the regular files below `root`, sorted, and in words what was passed over.

    Links to files and folders are followed, a folder that is reached twice is read once. Broken links, pipes,
    sockets and devices are passed over: reading them would fail or wait for ever. Hidden files are ignored.
    Raises `PermissionError` for a folder that may not be read.
    """
    files: list[Path] = []
    passed: list[str] = []
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, onerror=_raise, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort(key=lambda name, folder=folder: (os.path.islink(os.path.join(folder, name)), name))  # type: ignore[misc]
        for name in sorted(names):
            if not name.startswith("."):
                path = Path(folder, name)
                kind = unreadable_kind(path)
                files.append(path) if kind == "" else passed.append(f"the {kind} '{path.name}'")
    return sorted(files), passed


def _raise(error: OSError) -> None:
    raise error
