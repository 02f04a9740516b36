"""The child process that writes DICOM objects: the folder of its packages comes before the arguments of the command."""

import importlib
import sys
from pathlib import Path


def main() -> int:
    """Put the packages before Slicer's own; run the command line with the other arguments."""
    packages = sys.argv.pop(1)
    if packages:
        sys.path.insert(0, packages)
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    # The script beside this one: it is run by its path, and the panel's own package is not there.
    return int(importlib.import_module("child").main())


if __name__ == "__main__":
    sys.exit(main())
