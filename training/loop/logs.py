"""What a run reports: log.csv, scores.csv, attention.csv, TensorBoard, and lines on the screen."""

from __future__ import annotations

import contextlib
import csv
import io
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import whole_number
from LiverTumorAttentionLib.io.atomic_write import replacing

LOG, SCORES, ATTENTION = "log.csv", "scores.csv", "attention.csv"
FILES = {LOG: "training", SCORES: "validation", ATTENTION: "attention"}
"""The tables of a run, and what TensorBoard calls their values. Every row begins with its step."""


class Logs:
    """Writes the tables of a run. Rows after `step`, of a run that was killed and resumes there, are removed."""

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
    return line.endswith("\n") and (whole_number(number) or 0) <= step and whole_number(number) is not None


def _board(folder: Path, step: int, say: Callable[[str], None]) -> Any:
    """Return a TensorBoard writer that continues at `step`; None, reported once, where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        say(
            "TensorBoard is not installed (pip install tensorboard): log.csv and scores.csv hold the same figures"
        )
        return None
    with _host_unnamed():
        return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


@contextlib.contextmanager
def _host_unnamed() -> Iterator[None]:
    """Keep the computer's name out of the name of TensorBoard's file, which has no option for it."""
    original = socket.gethostname
    socket.gethostname = lambda: "host"
    try:
        yield
    finally:
        socket.gethostname = original


class Report:
    """Sums up steps and writes a row of the log, and says a line, for every `every` of them.

    logs: None says and writes nothing. steps: of the whole run. say: shows a line.
    """

    def __init__(
        self,
        logs: Logs | None = None,
        *,
        steps: int = 1,
        steps_an_epoch: int = 1,
        every: int = 1,
        say: Callable[[str], None],
    ) -> None:
        self._logs, self._say = logs, say
        self._steps, self._steps_an_epoch, self._every = steps, steps_an_epoch, every
        self._started = time.monotonic()
        self._made = 0  # steps since the start, for the estimate of the time left
        self._clear()

    def add(self, step: int, loss: float, rate: float, *, seconds: float, waiting: float) -> None:
        """Count a step. step: number of steps made with it. seconds: it took, `waiting` of them for its samples."""
        self._made += 1
        self._window.append((loss, seconds, waiting))
        self._last = step, rate
        if step % self._every == 0:
            self.write()

    def add_scores(self, step: int, scores: dict[str, float]) -> None:
        """Write and say the scores of a validation."""
        if self._logs is None:
            return
        epoch = step / self._steps_an_epoch
        self._logs.add(SCORES, {"step": step, "epoch": epoch, **scores})
        self._say(
            f"validation after epoch {epoch:g}: " + ", ".join(f"{k} {v:.4f}" for k, v in scores.items())
        )

    def add_attention(self, step: int, figures: dict[str, float]) -> None:
        """Write what the network's attention weighs (`attention_log`)."""
        if self._logs is not None:
            self._logs.add(ATTENTION, {"step": step, "epoch": step / self._steps_an_epoch, **figures})

    def write(self) -> None:
        """Write a row and say a line of the steps since the last, if there are any."""
        if self._logs is None or not self._window:
            return
        step, rate = self._last
        loss, seconds, waiting = (
            sum(column) / len(self._window) for column in zip(*self._window, strict=True)
        )
        waiting_share = waiting / seconds if seconds else 0.0
        epoch = step / self._steps_an_epoch
        row = {"loss": loss, "learning_rate": rate, "seconds_a_step": seconds, "waiting_share": waiting_share}
        self._logs.add(LOG, {"step": step, "epoch": epoch, **row})
        left = (time.monotonic() - self._started) / self._made * (self._steps - step)
        self._say(
            f"step {step} of {self._steps}, epoch {epoch:.2f}, loss {loss:.4f}, {seconds:.3g} s a step "
            f"({waiting_share:.0%} waiting for samples), {in_words(left)} left"
        )
        self._clear()

    def close(self) -> None:
        """Close the logs."""
        if self._logs is not None:
            self._logs.close()

    def _clear(self) -> None:
        self._window: list[tuple[float, float, float]] = []
        self._last = 0, 0.0
