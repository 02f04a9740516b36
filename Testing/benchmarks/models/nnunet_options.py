"""The command line of both sides of nnU-Net, version 1 and 2."""

from __future__ import annotations

import argparse
from pathlib import Path


def read_options(description: str | None) -> argparse.Namespace:
    """Return `what` (train or predict), `root` (the folder of the benchmark) and `rest`.

    rest: the cases to train; to predict, volume, labels and case.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "predict"))
    parser.add_argument("root", type=Path)
    parser.add_argument("rest", nargs="*")
    return parser.parse_args()
