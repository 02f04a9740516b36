"""One step that can be taken back: what changed, in boxes, before and after."""

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
class Change:
    """The labels of a box before and after a step, compressed: labels are mostly alike."""

    box: Box
    before: bytes
    after: bytes

    @classmethod
    def between(cls, box: Box, before: NDArray[np.uint16], after: NDArray[np.uint16]) -> Change | None:
        """Return what differs, in the smallest box that holds it; None when nothing does."""
        inside = bounding_box(before != after)
        if inside is None:
            return None
        place = tuple(
            slice(outer.start + part.start, outer.start + part.stop)
            for outer, part in zip(box, inside, strict=True)
        )
        return cls(place, _packed(before[inside]), _packed(after[inside]))

    def put(self, labels: NDArray[np.uint16], *, back: bool) -> None:
        """Write the labels of one side into the volume."""
        shape = tuple(part.stop - part.start for part in self.box)
        content = zlib.decompress(self.before if back else self.after)
        labels[self.box] = np.frombuffer(content, np.uint16).reshape(shape)


def _packed(labels: NDArray[np.uint16]) -> bytes:
    return zlib.compress(np.ascontiguousarray(labels).tobytes(), 1)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one action did.

    before, after: the records of the lesions that it changed; None where there is no such lesion.
    numbers: the next free number before and after.
    """

    changes: tuple[Change, ...]
    before: Mapping[int, Lesion | None]
    after: Mapping[int, Lesion | None]
    numbers: tuple[int, int]

    def take(self, lesions: LesionMap, *, back: bool = False) -> None:
        """Do the step, or take it back."""
        for change in reversed(self.changes) if back else self.changes:
            change.put(lesions.labels, back=back)
        for number, lesion in (self.before if back else self.after).items():
            if lesion is None:
                lesions.lesions.pop(number, None)
            else:
                lesions.lesions[number] = lesion
        lesions.next_number = self.numbers[0 if back else 1]

    @property
    def changes_nothing(self) -> bool:
        """Whether it leaves everything as it is."""
        return not self.changes and dict(self.before) == dict(self.after)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Where labels change."""
        return tuple(change.box for change in self.changes)

    def checksum(self) -> int:
        """Return a number that tells whether a replay did the same."""
        value = 0
        for change in self.changes:
            corner = ",".join(f"{part.start}:{part.stop}" for part in change.box)
            value = zlib.crc32(zlib.decompress(change.after), zlib.crc32(corner.encode(), value))
        for number in sorted(self.after):
            lesion = self.after[number]
            value = zlib.crc32(f"{number} {lesion.status if lesion else ''}".encode(), value)
        return value


def perform(lesions: LesionMap, edit: Edit) -> Step:
    """Make an edit and return the step that it was.

    What is accepted keeps its voxels, and gets no further ones, whatever a tool asked for.
    """
    changes: list[Change] = []
    moved: dict[int, list[Box]] = {}
    held = [n + LIVER for n, lesion in lesions.lesions.items() if lesion.status == "accepted"]
    for patch in edit.patches:
        before = lesions.labels[patch.box].copy()
        after = painted(patch, before, held)
        change = Change.between(patch.box, before, after)
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
    step.take(lesions)
    return step


def painted(patch: Patch, before: NDArray[np.uint16], held: list[int]) -> NDArray[np.uint16]:
    """Return the labels that a patch leads to when the voxels that have the labels `held` stay what they are."""
    moves = patch.where & ~np.isin(before, held) & ~np.isin(patch.labels, held)
    return np.where(moves, patch.labels, before)


def _record(lesions: LesionMap, edit: Edit, number: int, boxes: list[Box]) -> Lesion | None:
    """Return the record of a lesion whose voxels changed in `boxes`; None when it has none left."""
    known = edit.records.get(number) or lesions.lesions.get(number)
    if not boxes:
        return known
    old = lesions.lesions.get(number)
    box = lesions.tight(number, [*boxes, *([old.box] if old else [])])
    if box is None:
        return known if known is not None and known.status == "rejected" else None
    if known is None:
        return Lesion(number=number, box=box, edited=edit.by_hand)
    return replace(known, box=box, edited=known.edited or edit.by_hand)
