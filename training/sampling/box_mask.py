"""A mask in a box of a volume, kept as bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.boxes import Box, box_start


@dataclass(frozen=True)
class BoxMask:
    """Voxels of a volume. box: in its arrays (z, y, x); nothing lies outside. bits: the voxels there, packed."""

    box: Box
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, box: Box, mask: NDArray[np.bool_]) -> BoxMask:
        """Return a mask (z, y, x) of a box."""
        return cls(box, np.packbits(mask))

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Its voxels in its box."""
        shape = tuple(side.stop - side.start for side in self.box)
        return np.unpackbits(self.bits, count=int(np.prod(shape))).reshape(shape).astype(bool)

    def read(self, box: Box) -> NDArray[np.bool_]:
        """Return its voxels in another box of the volume."""
        found = np.zeros([side.stop - side.start for side in box], bool)
        first = [max(a.start, b.start) for a, b in zip(box, self.box, strict=True)]
        end = [max(min(a.stop, b.stop), f) for a, b, f in zip(box, self.box, first, strict=True)]

        def part(of: Box) -> Box:
            start = box_start(of)
            return tuple(
                slice(int(a - s), int(max(b - s, a - s))) for a, b, s in zip(first, end, start, strict=True)
            )

        if all(a < b for a, b in zip(first, end, strict=True)):
            found[part(box)] = self.mask[part(self.box)]
        return found
