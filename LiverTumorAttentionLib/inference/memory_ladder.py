"""What a predictor does when memory runs out: fewer windows together, smaller windows, the CPU instead of the card."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from LiverTumorAttentionLib.errors import OutOfMemory
from LiverTumorAttentionLib.inference.device import Device, choose_device
from LiverTumorAttentionLib.memory import MemoryWarning, is_out_of_memory, out_of_memory
from LiverTumorAttentionLib.wording import counted

Result = TypeVar("Result")

STRIDE = 32
"""Windows measure whole steps of the coarsest level of the networks, in pixels or voxels."""
SMALLEST = 2 * STRIDE
"""Windows are not made smaller than this along any axis: a network that sees less of the body finds less."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a network is run over a volume."""

    device: Device
    """The device."""
    window: tuple[int, ...]
    """Size of the windows, pixels (y, x) or voxels (z, y, x)."""
    together: int
    """Windows that go through the network as one batch."""

    @property
    def tile(self) -> tuple[int, int]:
        """The last two sides of the windows, rows and columns."""
        return self.window[-2], self.window[-1]

    @property
    def patch(self) -> tuple[int, int, int]:
        """The sides of windows of three."""
        depth, height, width = self.window
        return depth, height, width

    def frugal(self, begin_on: Callable[[Device], Plan]) -> Plan | None:
        """Return the plan that needs the next smaller memory; None when there is none.

        begin_on: the first plan on a device.
        """
        if self.together > 1:
            return replace(self, together=self.together // 2)
        smaller = tuple(min(side, max(SMALLEST, side // 2 // STRIDE * STRIDE)) for side in self.window)
        if smaller != self.window:
            return replace(self, window=smaller)
        return None if self.device.kind == "cpu" else begin_on(choose_device("cpu"))

    def told_from(self, first: Plan) -> str:
        """Return what differs from the plan that a prediction began with, as a warning."""
        changes = []
        if self.device is not first.device:
            changes.append(
                f"on {self.device.describe()} instead of {first.device.describe()}, which takes longer"
            )
        if _smaller(self.window, first.window) != first.window:
            changes.append(
                f"on windows of {_size(self.window)} instead of {_size(first.window)}, so that what it finds at their "
                "borders can differ a little"
            )
        elif self.device is first.device:
            changes.append(
                f"on {counted(self.together, 'window')} at a time instead of {first.together}, with the same result up "
                "to rounding"
            )
        return f"memory ran short, so the network ran {' and '.join(changes)}"


class MemoryLadder:
    """The steps down of one predictor: its later predictions begin where an earlier one found memory enough."""

    def __init__(self) -> None:
        self._window: tuple[int, ...] | None = None
        self._together: int | None = None

    def run(
        self, work: Callable[[Plan], Result], device: Device, begin_on: Callable[[Device], Plan]
    ) -> Result:
        """Return what `work` returns for the first plan that there is memory for.

        begin_on: the plan to begin with on a device, which it makes ready; called for `device`, and for the CPU where
        another one has too little memory. What was done is told in a `MemoryWarning`. Raises `OutOfMemory` where
        the last step needs too much.
        """
        plan = first = self._limited(begin_on(device))
        while True:
            try:
                result = work(plan)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                smaller = plan.frugal(begin_on)
                if smaller is None:
                    raise _nothing_left(error) from error
            plan.device.freed()
            if smaller.device is not plan.device:
                self._window = self._together = None
            elif smaller.window != plan.window:
                self._window = smaller.window
            else:
                self._together = smaller.together
            plan = smaller
        if plan is not first:
            warnings.warn(plan.told_from(first), MemoryWarning, stacklevel=2)
        return result

    def _limited(self, plan: Plan) -> Plan:
        window = plan.window if self._window is None else _smaller(plan.window, self._window)
        return replace(plan, window=window, together=min(plan.together, self._together or plan.together))


def on_the_processor_too(predict: Callable[[Device], Result], device: Device) -> tuple[Result, Device]:
    """Return what `predict` gives on a device, or on the CPU where the device has too little memory, and which it was.

    For networks of other programs, whose windows are part of the result and stay as they are. Warns by `MemoryWarning`;
    raises `OutOfMemory` where the CPU has too little too.
    """
    try:
        return predict(device), device
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        if device.kind == "cpu":
            raise out_of_memory(error) from error
    device.freed()
    cpu = choose_device("cpu")
    warnings.warn(
        f"memory ran short, so the network ran on {cpu.describe()} instead of {device.describe()}, which takes longer",
        MemoryWarning,
        stacklevel=3,
    )
    return on_the_processor_too(predict, cpu)


def _nothing_left(error: Exception) -> OutOfMemory:
    return out_of_memory(error.__cause__ if isinstance(error, OutOfMemory) else error)


def _size(window: Sequence[int]) -> str:
    return " x ".join(str(side) for side in window)


def _smaller(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(min(pair) for pair in zip(one, other, strict=True))
