"""Hounsfield units to network input."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverTumorAttentionLib.errors import InputError


def window_hu(hu: ArrayLike, window: tuple[float, float]) -> NDArray[np.float32]:
    """Clip to a window and scale it to [0, 1].

    hu: any shape, in HU. window: (lowest, highest) HU, which become 0 and 1.
    Source: PA-ResSeg, section 3.A, clips to [-70, 180] HU. The paper does not say how the result is
    scaled; [0, 1] makes its "pixels outside the liver are set to zero" mean the window's lower end.
    Raises InputError when the window is empty.
    """
    low, high = float(window[0]), float(window[1])
    if not low < high:
        raise InputError(f"the HU window [{low:g}, {high:g}] is empty: give the lower value first")
    scaled = np.asarray(hu, dtype=np.float32)
    scaled = np.clip(scaled, low, high)
    scaled -= np.float32(low)
    scaled /= np.float32(high - low)
    return scaled
