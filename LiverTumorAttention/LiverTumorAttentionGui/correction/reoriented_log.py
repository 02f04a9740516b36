"""The log of corrections after Slicer turned the volume's voxels: loading a left-handed volume makes it right-handed.

The image stays where it is in the patient, so points stay, too; what is told in voxels has to follow the axes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from LiverTumorAttentionLib.correction.lesions import Seed
from LiverTumorAttentionLib.correction.log import CorrectionLog
from LiverTumorAttentionLib.correction.log_codec import Grid, PackedMask

_OFF_GRID_VOXELS = 0.1


def turned(log: CorrectionLog, now: Grid) -> CorrectionLog:
    """Return the log on a grid with the same voxels in another order; any other log, or grid, as it is.

    Lesions can be gone on with. The checksums stay those of the voxels in their old order, so that the log can be
    replayed on the volume as it was before it was loaded, and is refused on the turned one.
    """
    turn = _Turn.between(log.grid, now)
    if turn is None:
        return log
    return replace(
        log,
        grid=now,
        entries=tuple(replace(entry, action=turn.of(entry.action)) for entry in log.entries),
        lesions=tuple(turn.of(lesion) for lesion in log.lesions),
    )


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """Axis n of the new arrays (z, y, x) is axis axes[n] of the old ones, the other way round where flipped[n].

    shape: of the new arrays.
    """

    axes: tuple[int, ...]
    flipped: tuple[bool, ...]
    shape: tuple[int, ...]

    @classmethod
    def between(cls, old: Grid, new: Grid) -> _Turn | None:
        """Return how one grid was turned into the other; None when it was not, or not by that alone."""
        to_new = np.linalg.inv(to_lps(new)) @ to_lps(old)
        steps, offset = np.rint(to_new[:3, :3]), np.rint(to_new[:3, 3])
        if (np.sort(np.abs(steps), axis=1) != (0, 0, 1)).any() or (np.abs(steps).sum(axis=0) != 1).any():
            return None
        away = np.abs(to_new[:3, :3] - steps) @ np.asarray(old.size) + np.abs(to_new[:3, 3] - offset)
        along = np.abs(steps).argmax(axis=1)
        flipped = steps[range(3), along] < 0
        size = np.asarray(old.size)[along]
        fits = tuple(size) == tuple(new.size) and (offset == np.where(flipped, size - 1, 0)).all()
        same = (along == (0, 1, 2)).all() and not flipped.any()
        if same or not fits or (away > _OFF_GRID_VOXELS).any():
            return None
        return cls(
            axes=tuple(2 - int(axis) for axis in along[::-1]),
            flipped=tuple(bool(flip) for flip in flipped[::-1]),
            shape=tuple(int(length) for length in size[::-1]),
        )

    def of(self, value: Any) -> Any:
        """Return a value of the log with the voxels in it, at whatever depth, where they are now."""
        if isinstance(value, PackedMask):
            return self._mask(value)
        if isinstance(value, Seed):
            return replace(value, voxel=self._first(value.voxel, (1, 1, 1)))
        if isinstance(value, tuple):
            return tuple(self.of(each) for each in value)
        if is_dataclass(value) and not isinstance(value, type):
            own = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
            return replace(value, **{name: self.of(each) for name, each in own.items()})
        return value

    def _mask(self, packed: PackedMask) -> PackedMask:
        mask = packed.mask().transpose(self.axes)
        mask = np.flip(mask, [axis for axis in range(3) if self.flipped[axis]])
        start = self._first(packed.corner, packed.shape)
        box = tuple(slice(first, first + length) for first, length in zip(start, mask.shape, strict=True))
        return PackedMask.of(box, np.ascontiguousarray(mask))

    def _first(self, corner: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the first voxel (z, y, x) of a box of the old arrays in the new ones."""
        return tuple(
            length - corner[axis] - shape[axis] if flip else corner[axis]
            for axis, flip, length in zip(self.axes, self.flipped, self.shape, strict=True)
        )


def to_lps(grid: Grid) -> np.ndarray:
    """Return the matrix from voxel indices x, y, z to LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(grid.direction, (3, 3)) * np.asarray(grid.spacing_mm)
    matrix[:3, 3] = grid.origin_mm
    return matrix
