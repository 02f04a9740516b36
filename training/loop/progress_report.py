"""What a run says of itself while it goes on: a row and a line every so many steps."""

from __future__ import annotations

import time
from collections.abc import Callable

from training.loop.logs import LOG, SCORES, Logs, in_words


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
        self._made = 0  # steps since the start, by which the time left is told
        self._clear()

    def add(self, step: int, loss: float, rate: float, *, seconds: float, waiting: float) -> None:
        """Count the step after which `step` are made; it took so many seconds, so many of them for its samples."""
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
