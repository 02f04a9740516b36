"""Set the voxels of lesions to painted masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.edits import Edit, Patch, new_number
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.correction.log_codec import PackedMask
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import enclosing_box, relative_box
from LiverTumorAttentionLib.voxels.labels import LIVER


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A painted lesion. mask: all of its voxels. lesion: its number; None for a new lesion."""

    mask: PackedMask
    lesion: int | None = None


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Set the voxels of one or more lesions to painted masks.

    Voxels of other lesions are unchanged, unless the same action takes them away. Voxels that a lesion loses become
    liver, or background where no liver was. Painted voxels outside of the liver count, since its outline may be wrong
    there; the note gives their number. An empty mask removes the lesion.
    """

    tool: ClassVar[str] = "draw"
    drawings: tuple[Drawing, ...]

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        masks = [_checked(lesions, drawing) for drawing in self.drawings]
        numbers = self._numbers(lesions, masks)
        box = enclosing_box(
            [*(d.mask.box for d in self.drawings), *(lesions.lesions[n].box for n in self._known())]
        )
        before, organ = lesions.labels[box], lesions.organ(box)
        after = before.copy()
        parts = [relative_box(drawing.mask.box, box) for drawing in self.drawings]
        for number, part, mask in zip(numbers, parts, masks, strict=True):
            lost = before == number + LIVER
            lost[part] &= ~mask
            after[lost] = organ[lost]
        outside = painted = 0
        for number, part, mask in zip(numbers, parts, masks, strict=True):
            gained = mask & (after[part] <= LIVER)
            after[part][gained] = number + LIVER
            outside += int(np.count_nonzero(gained & ~organ[part]))
            painted += int(np.count_nonzero(mask))
        fresh = [number for number in numbers if number not in lesions.lesions]
        records = {
            number: Lesion(number=number, box=drawing.mask.box)
            for number, drawing in zip(numbers, self.drawings, strict=True)
            if number in fresh and (after == number + LIVER).any()
        }
        if len(records) < len(fresh):
            raise InputError(
                "nothing was painted for a new lesion, but what belongs to other lesions: paint free voxels, or "
                "erase those of the other lesion first"
            )
        subject = next((number for number in numbers if (after == number + LIVER).any()), None)
        note = f"{outside} of {painted} painted voxels lie outside of the liver" if outside else ""
        return Edit(
            patches=(Patch(box, before != after, after),), records=records, subject=subject, note=note
        )

    def _known(self) -> list[int]:
        return [drawing.lesion for drawing in self.drawings if drawing.lesion is not None]

    def _numbers(self, lesions: LesionMap, masks: Sequence[np.ndarray]) -> list[int]:
        """Return the lesions' numbers in the order of the drawings. Raises `InputError`."""
        if not self.drawings:
            raise InputError("a drawing needs at least one lesion, got none: paint one first")
        if len(set(self._known())) < len(self._known()):
            raise InputError(
                f"a lesion can be drawn once in an action, got the lesions {self._known()}"
                ": name each of them once"
            )
        numbers: list[int] = []
        added = 0
        for drawing, mask in zip(self.drawings, masks, strict=True):
            if drawing.lesion is not None:
                numbers.append(lesions.editable(drawing.lesion).number)
                continue
            if not mask.any():
                raise InputError("nothing was painted for a new lesion: paint its voxels first")
            numbers.append(new_number(lesions, after=added))
            added += 1
        return numbers


def _checked(lesions: LesionMap, drawing: Drawing) -> np.ndarray:
    """Return the mask of a drawing. Raises `InputError` when it is damaged or reaches out of the volume."""
    mask = drawing.mask.mask()
    if any(part.stop > n for part, n in zip(drawing.mask.box, lesions.labels.shape, strict=True)):
        raise InputError("what was painted lies outside of the volume: paint on the portal grid")
    return mask
