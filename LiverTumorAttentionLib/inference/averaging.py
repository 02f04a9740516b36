"""Test-time averaging: mean and standard deviation of a prediction over flips and quarter turns of its input."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.plane_symmetries import PlaneSymmetry

Volume = NDArray[np.float32]
Predict = Callable[[PlaneSymmetry, Sequence[Volume], Box, Progress], Volume]
"""From a symmetry, the inputs that it was applied to, one (z, y, x) a phase, the box to keep, and progress to
(groups, z, y, x) in that box."""


def averaged_prediction(
    predict: Predict,
    phases: Sequence[Volume],
    keep: Box,
    symmetries: Sequence[PlaneSymmetry],
    progress: Progress,
) -> tuple[Volume, Volume]:
    """Return the mean and the standard deviation of a prediction over symmetries, both (groups, z, y, x) in `keep`.

    phases: one (z, y, x) network input a phase. symmetries: one at least; the deviation is that of them all
    (divided by their number), so it is 0 for one alone. Takes as long as so many predictions, and the memory of
    two more results.
    Source: Welford, Note on a method for calculating corrected sums of squares, 1962: one view at a time.
    """
    mean = squares = np.zeros(0, dtype=np.float32)
    for number, symmetry in enumerate(symmetries, start=1):
        part = progress.part((number - 1) / len(symmetries), number / len(symmetries))
        turned = [np.ascontiguousarray(symmetry.applied(phase)) for phase in phases]
        box = symmetry.applied_to_box(keep, phases[0].shape)
        found = symmetry.undone(predict(symmetry, turned, box, part))
        if number == 1:
            mean, squares = found.copy(), np.zeros_like(found, order="C")
            continue
        difference = found - mean
        mean += difference / np.float32(number)
        squares += difference * (found - mean)
    return mean, np.sqrt(squares / np.float32(len(symmetries)))
