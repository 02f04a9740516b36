"""A volume in LPS order as an array in the axis order of a network of nnU-Net, without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

AXES = {"R": 2, "L": 2, "A": 1, "P": 1, "I": 0, "S": 0}
"""Axis of a (z, y, x) array in LPS order along which a letter of an orientation runs."""
AGAINST_LPS = "RAI"
"""Letters that run against it."""

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class AxisOrder:
    """Which axis of a volume in LPS order is which of a network's, and which of them run the other way."""

    axes: tuple[int, int, int]
    """The axis of the (z, y, x) array that becomes the first, second and third."""
    reversed: tuple[bool, bool, bool]
    """Whether it runs the other way, by the network's axes."""

    @classmethod
    def of(cls, orientation: str, transposition: Sequence[int]) -> AxisOrder:
        """Return the order for an orientation such as "RAS" and a transposition of its (slices, rows, columns)."""
        letters = orientation[::-1]  # of slices, rows, columns
        first, second, third = (letters[axis] for axis in transposition)
        return cls(
            axes=(AXES[first], AXES[second], AXES[third]),
            reversed=(first in AGAINST_LPS, second in AGAINST_LPS, third in AGAINST_LPS),
        )

    def view(self, array: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return a (z, y, x) array in LPS order in the network's order; the same memory."""
        return array.transpose(self.axes)[
            tuple(slice(None, None, -1 if back else 1) for back in self.reversed)
        ]

    def ordered(self, by_axis: Sequence[float]) -> tuple[float, ...]:
        """Return values by (z, y, x), such as a spacing, in the network's order."""
        return tuple(by_axis[axis] for axis in self.axes)
