"""Restore a correction session from the log on the segmentation node, also after its volume was moved or reoriented.

Loading a left-handed volume into Slicer makes it right-handed: the image stays where it is in the patient, but its
voxels are in another order. Points (LPS mm) stay valid then; masks and seeds, which are in voxels, are reoriented.
When the volume is put under a transform, points are moved along; masks and seeds stay valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionLib.correction import (
    Action,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    PackedMask,
    resume,
)
from LiverTumorAttentionLib.correction.lesions import Seed
from LiverTumorAttentionLib.correction.log import LesionRecord
from LiverTumorAttentionLib.correction.log_codec import Grid
from LiverTumorAttentionLib.errors import InputError

CANNOT_RESUME = _(
    "The log of earlier corrections cannot be resumed, so a new one begins; accepted "
    "lesions stay accepted. What was rejected before may come back with a new run."
)
_POINT_FIELDS = ("point", "points", "stroke")
_OFF_GRID_VOXELS = 0.1

Voxel = tuple[int, int, int]


def restore_session(
    case: CorrectionCase, log_text: str | None, accepted: Iterable[int]
) -> tuple[CorrectionSession, str]:
    """Return a session resumed from a log, and a sentence for the user, possibly empty.

    case.instances: the present segmentation. accepted: lesions whose segments have that status, whatever the log says.
    A log that is damaged or of another volume is replaced by a new one. Lesions of the log that the segmentation no
    longer has count as removed.
    """
    fresh = CorrectionLog.of(CorrectionSession(case))
    log, note = fresh, ""
    if log_text:
        try:
            log = reoriented(CorrectionLog.from_text(log_text), Grid.of(case.portal))
            log = moved(log, case.portal)
            log.check_fits(case)
        except (InputError, ValueError, np.linalg.LinAlgError):  # the last two for an impossible grid
            log, note = fresh, CANNOT_RESUME
    present = {lesion.number for lesion in fresh.lesions}
    lesions = {lesion.number: lesion for lesion in log.lesions if lesion.number in present or lesion.region}
    for number in accepted:
        if number in present:
            lesion = lesions.get(number, LesionRecord(number=number, status="draft", edited=False))
            lesions[number] = replace(lesion, status="accepted", region=None)
    return resume(case, replace(log, lesions=tuple(lesions.values()))), note


def moved(log: CorrectionLog, portal: sitk.Image) -> CorrectionLog:
    """Return the log of a volume that was moved under a transform, with its points moved along."""
    now = Grid.of(portal)
    same_voxels = tuple(log.grid.size) == now.size and np.allclose(log.grid.spacing_mm, now.spacing_mm)
    if not same_voxels:
        return log
    matrix = _ijk_to_lps(now) @ np.linalg.inv(_ijk_to_lps(log.grid))
    if np.allclose(matrix, np.eye(4), atol=1e-6) or np.linalg.det(matrix) < 0:
        return log  # unmoved, or mirrored, which no movement does
    entries = tuple(replace(entry, action=_moved_action(entry.action, matrix)) for entry in log.entries)
    return replace(log, grid=now, entries=entries)


def _moved_action(action: Action, matrix: np.ndarray) -> Action:
    """Return an action with its points (LPS mm) transformed by a 4 x 4 matrix."""
    changed: dict[str, Any] = {}
    for name in _POINT_FIELDS:
        value = getattr(action, name, None)
        if value is not None:
            points = np.atleast_2d(np.asarray(value, float)) @ matrix[:3, :3].T + matrix[:3, 3]
            places = tuple(tuple(float(number) for number in point) for point in points)
            changed[name] = places[0] if name == "point" else places
    return cast(Action, replace(cast(Any, action), **changed))


def reoriented(log: CorrectionLog, now: Grid) -> CorrectionLog:
    """Return the log on a grid with the same voxels in another order; the log itself for any other grid.

    The session can be resumed from it. The checksums stay those of the voxels in the old order, so that the log can be
    replayed on the volume as it was before it was loaded and is refused on the reoriented one.
    """
    reorientation = _Reorientation.between(log.grid, now)
    if reorientation is None:
        return log
    return replace(
        log,
        grid=now,
        entries=tuple(replace(entry, action=reorientation.of(entry.action)) for entry in log.entries),
        lesions=tuple(reorientation.of(lesion) for lesion in log.lesions),
    )


@dataclass(frozen=True, kw_only=True)
class _Reorientation:
    """Permutation and flips of array axes.

    axes: axis n of the new arrays (z, y, x) is axis axes[n] of the old ones. flipped: which of the new axes are
    reversed. shape: of the new arrays.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    shape: tuple[int, int, int]

    @classmethod
    def between(cls, old: Grid, new: Grid) -> _Reorientation | None:
        """Return the reorientation from one grid to another; None when they are the same or differ otherwise."""
        to_new = np.linalg.inv(_ijk_to_lps(new)) @ _ijk_to_lps(old)
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
        x, y, z = (2 - int(axis) for axis in along)
        flip_x, flip_y, flip_z = (bool(flip) for flip in flipped)
        width, height, depth = (int(length) for length in size)
        return cls(axes=(z, y, x), flipped=(flip_z, flip_y, flip_x), shape=(depth, height, width))

    def of(self, value: Any) -> Any:
        """Return a value of the log with all masks and seeds in it reoriented."""
        if isinstance(value, PackedMask):
            return self._mask(value)
        if isinstance(value, Seed):
            return replace(value, voxel=self._first_voxel(value.voxel, (1, 1, 1)))
        if isinstance(value, tuple):
            return tuple(self.of(each) for each in value)
        if is_dataclass(value) and not isinstance(value, type):
            own = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
            return replace(value, **{name: self.of(each) for name, each in own.items()})
        return value

    def _mask(self, packed: PackedMask) -> PackedMask:
        mask = packed.mask().transpose(self.axes)
        mask = np.flip(mask, tuple(axis for axis in range(3) if self.flipped[axis]))
        start = self._first_voxel(packed.corner, packed.shape)
        box = tuple(slice(first, first + length) for first, length in zip(start, mask.shape, strict=True))
        return PackedMask.of(box, np.ascontiguousarray(mask))

    def _first_voxel(self, corner: Voxel, shape: Voxel) -> Voxel:
        """Return the first voxel (z, y, x) of a box of the old arrays in the new ones."""
        z, y, x = (
            length - corner[axis] - shape[axis] if flip else corner[axis]
            for axis, flip, length in zip(self.axes, self.flipped, self.shape, strict=True)
        )
        return z, y, x


def _ijk_to_lps(grid: Grid) -> np.ndarray:
    """Return the matrix from voxel indices x, y, z to LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(grid.direction, (3, 3)) * np.asarray(grid.spacing_mm)
    matrix[:3, 3] = grid.origin_mm
    return matrix
