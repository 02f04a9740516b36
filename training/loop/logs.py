"""What a run leaves to read: log.csv, scores.csv, TensorBoard, and lines on the screen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.io.atomic_write import replacing

LOG, SCORES = "log.csv", "scores.csv"
FILES = {LOG: "training", SCORES: "validation"}
"""The tables of a run, and what TensorBoard calls their values. Every row begins with its step."""


class Logs:
    """Writes the tables of a run. Rows after `step`, of a run that was killed and goes on from there, are removed."""

    def __init__(self, folder: Path, step: int, say: Callable[[str], None]) -> None:
        self._folder = folder
        for name in FILES:
            _truncate(folder / name, step)
        self._board = _board(folder / "tensorboard", step, say)

    def add(self, name: str, row: Mapping[str, Any]) -> None:
        """Add a row, {"step": …, column: value}, to a table."""
        path = self._folder / name
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
        if not path.exists():
            writer.writeheader()
        writer.writerow(row)
        with path.open("a", newline="", encoding="utf-8") as file:
            file.write(text.getvalue())
        if self._board is not None:
            for column, value in row.items():
                if column != "step":
                    self._board.add_scalar(f"{FILES[name]}/{column}", value, row["step"])
            self._board.flush()

    def close(self) -> None:
        """Close what is open."""
        if self._board is not None:
            self._board.close()


def in_words(seconds: float) -> str:
    """Return a duration such as "3 d 4 h", "2 h 5 min", "7 min" or "12 s"."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if days >= 2:
        return f"{int(days)} d {int(hours % 24)} h"
    if hours >= 1:
        return f"{int(hours)} h {int(minutes % 60)} min"
    if minutes >= 2:
        return f"{minutes:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _truncate(path: Path, step: int) -> None:
    """Remove the rows after a step, and a last row that was cut short."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = lines[:1] + [line for line in lines[1:] if _is_row(line, step)]
    if kept != lines:
        with replacing(path, name="log") as temporary:
            temporary.write_text("".join(kept), encoding="utf-8", newline="")


def _is_row(line: str, step: int) -> bool:
    number = line.partition(",")[0]
    return line.endswith("\n") and number.isdigit() and int(number) <= step


def _board(folder: Path, step: int, say: Callable[[str], None]) -> Any:
    """Return a TensorBoard writer that forgets what came after `step`; None, said once, where there is none."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        say(
            "TensorBoard is not installed (pip install tensorboard): log.csv and scores.csv hold the same figures"
        )
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
