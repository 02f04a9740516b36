"""Masks as text, so that a log can hold them: bits, compressed, in base64."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box

MOST_VOXELS = 2**31
"""A damaged log must not ask for more memory than any volume has."""


@dataclass(frozen=True, kw_only=True)
class PackedMask:
    """A mask in a box of the portal grid. It holds JSON values alone.

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
        """The box that the mask lies in."""
        return tuple(slice(start, start + n) for start, n in zip(self.corner, self.shape, strict=True))

    def mask(self) -> NDArray[np.bool_]:
        """Unpack. Raises `InputError` when the text is damaged."""
        count = int(np.prod([max(n, 0) for n in self.shape], dtype=np.int64))
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
