"""Edits, the results of tools: new labels in boxes and new records of lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.labels import LIVER, MOST_TUMORS


@dataclass(frozen=True)
class Patch:
    """New labels (z, y, x) for the voxels `where` of a box."""

    box: Box
    where: NDArray[np.bool_]
    labels: NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change that is not applied yet.

    patches: new labels, applied in their order. records: new or changed records; lesions without voxels are removed,
    unless they are rejected.
    subject: the lesion that the edit is about, to be shown next; None when there is none.
    by_hand: whether it is a person's edit, not a network's. note: a sentence for the user, possibly empty.
    answered_by: name of the network that answered a click; None where none did.
    """

    patches: tuple[Patch, ...] = ()
    records: Mapping[int, Lesion] = field(default_factory=dict)
    subject: int | None = None
    by_hand: bool = True
    note: str = ""
    answered_by: str | None = None


def replacing_mask(lesions: LesionMap, number: int, box: Box, mask: NDArray[np.bool_]) -> Patch:
    """Return the patch that makes `mask` the voxels of a lesion in a box.

    Voxels of other lesions are unchanged. Voxels that the lesion loses become liver, or background where no liver was.
    """
    labels = lesions.labels[box]
    value = number + LIVER
    lost, gained = (labels == value) & ~mask, mask & (labels <= LIVER)
    return Patch(box, lost | gained, np.where(gained, value, lesions.organ(box)).astype(np.uint16))


def new_number(lesions: LesionMap, *, after: int = 0) -> int:
    """Return the number of a new lesion, or of the new one `after` it. Raises `InputError` when there are no more."""
    number = lesions.next_number + after
    if number > MOST_TUMORS:
        raise InputError(
            f"there are no more numbers for lesions (65534 at most): save, and go on from the file, got {number}"
        )
    return number
