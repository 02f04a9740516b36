"""Sign-off of a case: who stands by its segmentation and since when, and who reopened it and why.

A signed case is locked: nothing changes it until it is reopened with a reason. What was signed is remembered by the
voxels, the faces and the place of each body, which stay the same when a volume is loaded along other axes; a
segmentation that was changed elsewhere since is a draft again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import label_boxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_number

SIGNED, REOPENED = "signed", "reopened"
LONGEST_NAME = 64
"""Characters of a person's name in DICOM."""
LONGEST_REASON = 1000
DRAFT = "DRAFT"
"""What a report says until its case is signed."""


@dataclass(frozen=True, kw_only=True)
class SignedBody:
    """A body as it was signed.

    number: of the tumor, 0 the liver. faces: of its voxels towards what is not of it. offsets: along the three axes,
    without sign and the smallest first, the sum over its voxels of twice their distance in voxels from the middle.
    """

    number: int
    voxels: int
    faces: int
    offsets: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SignOff:
    """One entry: a case was signed, or reopened.

    kind: `SIGNED` or `REOPENED`. reader: the name that was given. time: UTC, ISO 8601. reason: of reopening. bodies:
    what was signed; empty for a reopening.
    Raises `InputError` for a name or a reason that is none.
    """

    kind: str
    reader: str
    time: str
    reason: str = ""
    bodies: tuple[SignedBody, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in (SIGNED, REOPENED):
            raise InputError(
                f"a case is {SIGNED} or {REOPENED}, got {self.kind!r}: use the log as it was written"
            )
        _check_text(self.reader, "the reader's name", LONGEST_NAME, "give the name of who signs")
        if self.kind == REOPENED:
            _check_text(
                self.reason, "the reason for reopening", LONGEST_REASON, "say why the case is reopened"
            )

    def sentence(self) -> str:
        """Return who signed or reopened the case, and when."""
        text = f"{self.kind} by {self.reader} on {self.time}"
        return f"{text}: {self.reason}" if self.reason else text


def _check_text(text: str, what: str, longest: int, instead: str) -> None:
    if not text.strip():
        raise InputError(f"{what} is empty: {instead}")
    if len(text) > longest or not text.isprintable() or "\\" in text:
        raise InputError(
            f"{what} has to be one line of at most {longest} characters without a backslash, got {text[:longest]!r}: "
            f"{instead}"
        )


def bodies_of(labels: NDArray[np.integer]) -> tuple[SignedBody, ...]:
    """Return the bodies of a segmentation (z, y, x): 0 background, 1 liver, 2, 3, … tumors."""
    bodies = []
    for value, box in label_boxes(labels).items():
        mask = np.pad(labels[box] == value, 1)
        faces = sum(int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in range(3))
        number = tumor_number(value) if value >= FIRST_TUMOR else 0
        bodies.append(
            SignedBody(
                number=number,
                voxels=int(np.count_nonzero(mask)),
                faces=faces,
                offsets=_offsets(mask[1:-1, 1:-1, 1:-1], box, labels.shape),
            )
        )
    return tuple(bodies)


def _offsets(mask: NDArray[np.bool_], box: tuple[slice, ...], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the offsets of a mask that lies at a box of an array of a shape."""
    sums = []
    for axis, (side, length) in enumerate(zip(box, shape, strict=True)):
        voxels = np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis}))
        sums.append(abs(int(np.dot(voxels, 2 * np.arange(side.start, side.stop) - (length - 1)))))
    return tuple(sorted(sums))


def sign_off_in_force(history: Sequence[SignOff], labels: NDArray[np.integer]) -> SignOff | None:
    """Return the sign-off that holds for a segmentation; None for a draft, or where it was changed since."""
    if not history or history[-1].kind != SIGNED or history[-1].bodies != bodies_of(labels):
        return None
    return history[-1]


def check_decided(drafts: Iterable[int]) -> None:
    """Raise `InputError` unless every tumor is decided. drafts: numbers of those that are not."""
    names = [f"Tumor {number}" for number in sorted(drafts)]
    if names:
        raise InputError(
            f"{', '.join(names)} {'is a draft' if len(names) == 1 else 'are drafts'}: accept or reject every tumor, "
            "then sign"
        )
