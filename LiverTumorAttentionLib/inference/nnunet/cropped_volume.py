"""The part of a case that nnU-Net looks at, and which of its patches hold something to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from LiverTumorAttentionLib.inference.nnunet.network_run import Wanted
from LiverTumorAttentionLib.voxels.boxes import Box

BODY_HU = -300.0
"""What lies below is air, inside the body or around it; fat begins at -150 HU."""


def holds_body(volume: NDArray[Any]) -> Wanted:
    """Return whether a box of the volume (HU) holds anything but air.

    Every voxel of the body lies in such boxes alone, so that leaving out the others changes none of them.
    """
    return lambda box: bool((volume[box] > BODY_HU).any())


def touches(wanted: Box) -> Wanted:
    """Return whether a box has a voxel in the box that is wanted."""
    return lambda box: all(
        side.start < part.stop and part.start < side.stop for side, part in zip(box, wanted, strict=True)
    )


def all_of(conditions: Sequence[Wanted]) -> Wanted | None:
    """Return whether all conditions hold; None where there is none."""
    return (lambda box: all(condition(box) for condition in conditions)) if conditions else None
