"""The file lists in the CMakeLists.txt of module and library, compared with git or written from it.

Run as a script, it rewrites the lists: `python Testing/bench/cmake_lists.py`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Folder, name of its list of Python files, name of its list of other files.
LISTS = (
    ("LiverTumorAttention", "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"),
    ("LiverTumorAttentionLib", "LIBRARY_PYTHON_SCRIPTS", "LIBRARY_PYTHON_RESOURCES"),
)


def files_in_git(folder: str) -> tuple[list[str], list[str]]:
    """Return the Python files and the other files that git tracks in a folder, relative to it, sorted."""
    command = ["git", "ls-files", "--cached", "-z", "--", folder]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    names = sorted(
        Path(name).relative_to(folder).as_posix()
        for name in listing.split("\0")
        if name and (ROOT / name).is_file() and Path(name).name not in ("CMakeLists.txt", "py.typed")
    )
    python = [name for name in names if name.endswith(".py")]
    return python, [name for name in names if not name.endswith(".py")]


def files_in_cmake(folder: str, variable: str) -> list[str]:
    """Return the files that a folder's CMakeLists.txt lists in a variable."""
    text = (ROOT / folder / "CMakeLists.txt").read_text(encoding="utf-8")
    return _pattern(variable).search(text).group(1).split()


def write_lists() -> None:
    """Make every list what git tracks."""
    for folder, *variables in LISTS:
        path = ROOT / folder / "CMakeLists.txt"
        text = path.read_text(encoding="utf-8")
        for variable, names in zip(variables, files_in_git(folder), strict=True):
            lines = "".join(f"  {name}\n" for name in names)
            text = _pattern(variable).sub(f"set({variable}\n{lines}  )", text)
        path.write_text(text, encoding="utf-8")


def _pattern(variable: str) -> re.Pattern[str]:
    return re.compile(rf"set\({variable}\n(.*?)  \)", re.DOTALL)


if __name__ == "__main__":
    write_lists()
