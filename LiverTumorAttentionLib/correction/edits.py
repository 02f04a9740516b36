"""What a tool hands back: new labels in boxes, and what becomes of the lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.lesions import MOST_LESIONS, Lesion, LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.labels import LIVER


@dataclass(frozen=True)
class Patch:
    """New labels (z, y, x) for the voxels `where` of a box; the others stay."""

    box: Box
    where: NDArray[np.bool_]
    labels: NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change that is not made yet.

    patches: new labels, painted in their order. records: new or changed records; lesions that lose
    their last voxel are taken off by themselves, unless they are rejected.
    subject: the lesion that it is about, the one to look at next; None when there is none.
    by_hand: whether a person drew it, rather than a network. note: a sentence for the user, possibly empty.
    """

    patches: tuple[Patch, ...] = ()
    records: Mapping[int, Lesion] = field(default_factory=dict)
    subject: int | None = None
    by_hand: bool = True
    note: str = ""


def repainted(lesions: LesionMap, number: int, box: Box, mask: NDArray[np.bool_]) -> Patch:
    """Return the patch that makes `mask` the whole of a lesion in a box.

    Voxels of other lesions stay theirs. What the lesion gives up is liver again, or background where no liver was.
    """
    labels = lesions.labels[box]
    value = number + LIVER
    given_up, taken = (labels == value) & ~mask, mask & (labels <= LIVER)
    return Patch(box, given_up | taken, np.where(taken, value, lesions.organ(box)).astype(np.uint16))


def new_number(lesions: LesionMap, *, after: int = 0) -> int:
    """Return the number of a new lesion, or of the one `after` it. Raises `InputError` when there are no more."""
    number = lesions.next_number + after
    if number > MOST_LESIONS:
        raise InputError(
            f"there are no more numbers for lesions (65534 at most): save, and go on from the file, got {number}"
        )
    return number
