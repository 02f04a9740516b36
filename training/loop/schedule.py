"""Learning-rate schedules and early stopping."""

from __future__ import annotations

import math
from typing import Any

from training.recipes.settings import ScheduleSettings

POLY_POWER = 0.9


class Schedule:
    """The learning rate of every step, and how many steps there are.

    "plateau" follows the training loss of whole epochs; the other kinds know the whole way from the start. Whatever
    the kind, `stop_patience` and `stop_below` may end training early.
    Source: plateau: the multi-scale context network, section 3.1: half after 10 epochs without a lower error, the end
        after 20 or below 5e-7.
    Departs: "poly" and "cosine" change with every step instead of every epoch.
    """

    def __init__(self, settings: ScheduleSettings, learning_rate: float, steps_an_epoch: int) -> None:
        self.settings = settings
        self.steps = settings.epochs * steps_an_epoch
        self.ended: str | None = None
        """Why training ends before its last epoch; None while it does not."""
        self._learning_rate = learning_rate
        self._factor = 1.0
        self._lowest: float | None = None
        self._epochs_since_lowest = 0
        self._epochs_since_change = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        warm_up = self.settings.warm_up_steps
        if step < warm_up:
            return self._learning_rate * (step + 1) / warm_up
        done = min(1.0, (step - warm_up) / max(1, self.steps - warm_up))
        if self.settings.kind == "poly":
            return self._learning_rate * (1.0 - done) ** POLY_POWER
        if self.settings.kind == "cosine":
            return self._learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))
        return self._learning_rate * self._factor

    def end_epoch(self, loss: float, step: int) -> None:
        """Take notice of an epoch's mean training loss; `step` is the first of the next epoch."""
        if self._lowest is None or loss < self._lowest:
            self._lowest, self._epochs_since_lowest, self._epochs_since_change = loss, 0, 0
        else:
            self._epochs_since_lowest += 1
            self._epochs_since_change += 1
        if self.settings.kind == "plateau" and self._epochs_since_change >= self.settings.patience:
            self._factor *= self.settings.factor
            self._epochs_since_change = 0
        self.ended = self._reason_to_end(step)

    def _reason_to_end(self, step: int) -> str | None:
        patience, lowest_rate = self.settings.stop_patience, self.settings.stop_below
        if patience is not None and self._epochs_since_lowest >= patience:
            return f"the training loss has not fallen for {patience} epochs"
        if lowest_rate is not None and step >= self.settings.warm_up_steps and self.rate(step) < lowest_rate:
            return f"the learning rate has fallen below {lowest_rate:g}"
        return None

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs, as JSON values."""
        return {
            "factor": self._factor,
            "lowest": self._lowest,
            "epochs_since_lowest": self._epochs_since_lowest,
            "epochs_since_change": self._epochs_since_change,
            "ended": self.ended,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state."""
        self._factor, self._lowest = state["factor"], state["lowest"]
        self._epochs_since_lowest = state["epochs_since_lowest"]
        self._epochs_since_change = state["epochs_since_change"]
        self.ended = state["ended"]
