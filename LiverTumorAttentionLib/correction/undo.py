"""Reversible steps: the labels that changed, in boxes, and the lesions' records, before and after."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.edits import Edit, Patch
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box
from LiverTumorAttentionLib.voxels.labels import LIVER


@dataclass(frozen=True)
class LabelChange:
    """The labels of a box before and after a step, deflated."""

    box: Box
    before: bytes
    after: bytes

    @classmethod
    def between(cls, box: Box, before: NDArray[np.uint16], after: NDArray[np.uint16]) -> LabelChange | None:
        """Return the difference in its bounding box; None when there is none."""
        inside = bounding_box(before != after)
        if inside is None:
            return None
        place = tuple(
            slice(outer.start + part.start, outer.start + part.stop)
            for outer, part in zip(box, inside, strict=True)
        )
        return cls(place, _packed(before[inside]), _packed(after[inside]))

    def write(self, labels: NDArray[np.uint16], *, backward: bool) -> None:
        """Write the labels after the step into the volume, or those before it."""
        shape = tuple(part.stop - part.start for part in self.box)
        content = zlib.decompress(self.before if backward else self.after)
        labels[self.box] = np.frombuffer(content, np.uint16).reshape(shape)


def _packed(labels: NDArray[np.uint16]) -> bytes:
    return zlib.compress(np.ascontiguousarray(labels).tobytes(), 1)


@dataclass(frozen=True, kw_only=True)
class Step:
    """The changes of one action.

    before, after: the records of the lesions that it changed; None where there is no such lesion.
    numbers: the next free number before and after.
    """

    changes: tuple[LabelChange, ...]
    before: Mapping[int, Lesion | None]
    after: Mapping[int, Lesion | None]
    numbers: tuple[int, int]

    def apply(self, lesions: LesionMap, *, backward: bool = False) -> None:
        """Do the step, or undo it."""
        for change in reversed(self.changes) if backward else self.changes:
            change.write(lesions.labels, backward=backward)
        for number, lesion in (self.before if backward else self.after).items():
            if lesion is None:
                lesions.lesions.pop(number, None)
            else:
                lesions.lesions[number] = lesion
        lesions.next_number = self.numbers[0 if backward else 1]

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not self.changes and dict(self.before) == dict(self.after)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes in which labels changed."""
        return tuple(change.box for change in self.changes)

    def checksum(self) -> int:
        """Return the CRC-32 of the step's result, by which a replay is checked."""
        value = 0
        for change in self.changes:
            corner = ",".join(f"{part.start}:{part.stop}" for part in change.box)
            value = zlib.crc32(zlib.decompress(change.after), zlib.crc32(corner.encode(), value))
        for number in sorted(self.after):
            lesion = self.after[number]
            value = zlib.crc32(f"{number} {lesion.status if lesion else ''}".encode(), value)
        return value


def perform(lesions: LesionMap, edit: Edit) -> Step:
    """Apply an edit and return the step. Accepted lesions neither lose nor gain voxels, whatever a tool asked for."""
    changes: list[LabelChange] = []
    moved: dict[int, list[Box]] = {}
    locked = [n + LIVER for n, lesion in lesions.lesions.items() if lesion.status == "accepted"]
    for patch in edit.patches:
        before = lesions.labels[patch.box].copy()
        after = labels_after(patch, before, locked)
        change = LabelChange.between(patch.box, before, after)
        if change is None:
            continue
        lesions.labels[patch.box] = after
        changes.append(change)
        differ = before != after
        for value in np.union1d(before[differ], after[differ]):
            if value > LIVER:
                moved.setdefault(int(value) - LIVER, []).append(patch.box)
    touched = sorted(moved.keys() | edit.records.keys())
    after_records = {n: _record(lesions, edit, n, moved.get(n, [])) for n in touched}
    taken = [number + 1 for number, lesion in after_records.items() if lesion is not None]
    step = Step(
        changes=tuple(changes),
        before={number: lesions.lesions.get(number) for number in touched},
        after=after_records,
        numbers=(lesions.next_number, max([lesions.next_number, *taken])),
    )
    step.apply(lesions)
    return step


def labels_after(patch: Patch, before: NDArray[np.uint16], locked: list[int]) -> NDArray[np.uint16]:
    """Return the labels of a patch's box after it, where voxels of the labels `locked` neither change nor spread."""
    moves = patch.where & ~np.isin(before, locked) & ~np.isin(patch.labels, locked)
    return np.where(moves, patch.labels, before)


def _record(lesions: LesionMap, edit: Edit, number: int, boxes: list[Box]) -> Lesion | None:
    """Return the record of a lesion whose voxels changed in `boxes`; None when none is left."""
    known = edit.records.get(number) or lesions.lesions.get(number)
    if not boxes:
        return known
    old = lesions.lesions.get(number)
    box = lesions.bounding_box(number, [*boxes, *([old.box] if old else [])])
    if box is None:
        return known if known is not None and known.status == "rejected" else None
    if known is None:
        return Lesion(number=number, box=box, edited=edit.by_hand)
    return replace(known, box=box, edited=known.edited or edit.by_hand)
