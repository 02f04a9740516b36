"""JSON values of the correction log: the portal grid, and binary masks as bits, deflated, in base64."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box

MOST_VOXELS = 2**31
"""Upper bound of a mask's box: a damaged log must not ask for more memory than any volume needs."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The portal grid: voxels and spacing along x, y, z, origin in LPS mm, direction cosines row by row."""

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, wanted in (("size", 3), ("spacing_mm", 3), ("origin_mm", 3), ("direction", 9)):
            values = getattr(self, name)
            if len(values) != wanted:
                raise InputError(
                    f"the grid of a log of corrections needs {wanted} numbers as {name}, got {len(values)}: "
                    "use an undamaged copy of the log"
                )
        if min(self.size) < 1 or min(self.spacing_mm) <= 0:
            raise InputError(
                f"the grid of a log of corrections must have voxels of some size, got {self.size} voxels of "
                f"{self.spacing_mm} mm: use an undamaged copy of the log"
            )

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        return cls(
            size=image.GetSize(),
            spacing_mm=image.GetSpacing(),
            origin_mm=image.GetOrigin(),
            direction=image.GetDirection(),
        )

    def corners_mm(self) -> NDArray[np.float64]:
        """Return the positions of the grid's corner voxels, (8, 3)."""
        index = np.array(list(np.ndindex(2, 2, 2))) * (np.array(self.size) - 1)
        return np.array(self.origin_mm) + (index * self.spacing_mm) @ np.reshape(self.direction, (3, 3)).T


@dataclass(frozen=True, kw_only=True)
class PackedMask:
    """A mask in a box of the portal grid, as JSON values.

    corner: first voxel (z, y, x). shape: voxels along z, y, x. bits: the mask.
    """

    corner: tuple[int, int, int]
    shape: tuple[int, int, int]
    bits: str

    @classmethod
    def of(cls, box: Box, mask: NDArray[np.bool_]) -> PackedMask:
        """Pack a mask that lies in `box`."""
        z, y, x = (part.start for part in box)
        d, h, w = mask.shape
        packed = zlib.compress(np.packbits(mask).tobytes(), 9)
        return cls(corner=(z, y, x), shape=(d, h, w), bits=base64.b64encode(packed).decode("ascii"))

    @property
    def box(self) -> Box:
        """The box of the mask."""
        return tuple(slice(start, start + n) for start, n in zip(self.corner, self.shape, strict=True))

    def mask(self) -> NDArray[np.bool_]:
        """Unpack. Raises `InputError` when the text is damaged."""
        count = math.prod(max(n, 0) for n in self.shape)
        try:
            if min(self.corner) < 0 or min(self.shape) < 1 or count > MOST_VOXELS:
                raise ValueError("its box cannot be")
            stream = zlib.decompressobj()
            raw = stream.decompress(base64.b64decode(self.bits, validate=True), count // 8 + 1)
            if len(raw) != (count + 7) // 8:
                raise ValueError(f"it holds {len(raw)} bytes for {count} voxels")
            bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=count)
            return bits.astype(bool).reshape(self.shape)
        except (ValueError, zlib.error, binascii.Error) as error:
            raise InputError(
                f"a mask in the log of corrections is damaged ({error}): use an undamaged copy of the log"
            ) from error
