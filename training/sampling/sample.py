"""What a network is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample and its truth."""

    inputs: tuple[NDArray[np.float32], ...]
    """One a phase, (channels, *size); channels are neighbouring slices, or one for volumes."""
    truth: NDArray[np.uint8]
    """Class numbers, (*size); (2 * neighbours + 1, Y, X) for the 3D BE-loss, which looks at the neighbours."""
    case: str
    """Name of the case that it is cut from."""
