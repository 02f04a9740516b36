"""Where a new plane is put: through the liver's centre, or beside a tumour on the side of that centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.errors import PanelError

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import CutPlane
    from LiverTumorAttentionLib.voxels.geometry import ImageAxes

CLEARANCE_MM = 10.0
"""So far from a tumour its plane is put, unless a margin was chosen,"""
INSIDE_SHARE = 0.05
"""and at least this share of the liver's extent away from its far end."""
_TO_THE_RIGHT = np.array([-1.0, 0.0, 0.0])  # LPS


@dataclass(frozen=True, kw_only=True)
class FirstPlane:
    """A plane and how large it is drawn: it shall be seen to cross the whole liver."""

    cut: CutPlane
    size_mm: float


def first_plane(instances: sitk.Image, tumor: int | None, clearance_mm: float | None) -> FirstPlane:
    """Return a plane through the liver's centre that takes out the right part, or one that takes out a tumour.

    instances: 0 background, 1 liver, n + 1 tumour n. Raises `PanelError` when there is no liver or no such tumour.
    """
    from LiverTumorAttentionLib.analysis.planning import CutPlane
    from LiverTumorAttentionLib.voxels.geometry import ImageAxes

    axes = ImageAxes.of(instances)
    values = sitk.GetArrayViewFromImage(instances)
    liver = _Body.of(values > 0, axes)
    if liver is None:
        raise PanelError("The segmentation has no liver: there is nothing to plan.")
    size_mm = float(np.ptp(liver.ends_mm, axis=0).max())
    point, normal = liver.centre_mm, _TO_THE_RIGHT
    if tumor is not None:
        body = _Body.of(values == tumor + 1, axes)
        if body is None:
            raise PanelError(f"There is no tumor {tumor}: choose another one.")
        way = body.centre_mm - liver.centre_mm
        length = float(np.linalg.norm(way))
        normal = way / length if length > 1.0 else _TO_THE_RIGHT
        heights = (liver.ends_mm - liver.centre_mm) @ normal
        clearance = CLEARANCE_MM if clearance_mm is None else clearance_mm
        wanted = float(((body.ends_mm - liver.centre_mm) @ normal).min()) - clearance
        lowest = float(heights.min()) + INSIDE_SHARE * float(np.ptp(heights))
        # The middle of the plane lies beneath the tumour, where the user looks.
        aside = way - (way @ normal) * normal
        point = liver.centre_mm + aside + max(wanted, lowest) * normal
    cut = CutPlane(
        point_lps_mm=(float(point[0]), float(point[1]), float(point[2])),
        normal_lps=(float(normal[0]), float(normal[1]), float(normal[2])),
    )
    return FirstPlane(cut=cut, size_mm=1.2 * size_mm)


@dataclass(frozen=True, kw_only=True)
class _Body:
    """Where a body lies, LPS mm. ends_mm: the first and the last voxel of each of its rows, (n, 3).

    What lies farthest in any direction is the end of a row, so that extents need no other voxel of a large liver.
    """

    centre_mm: np.ndarray
    ends_mm: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray, axes: ImageAxes) -> _Body | None:
        """Return the body of a mask (z, y, x); None when it is empty."""
        from LiverTumorAttentionLib.voxels.boxes import bounding_box, box_start

        box = bounding_box(mask)
        if box is None:
            return None
        part, start = mask[box], box_start(box)
        row_voxels = np.count_nonzero(part, axis=2)
        along = (row_voxels.sum(axis=1), row_voxels.sum(axis=0), np.count_nonzero(part, axis=(0, 1)))
        centre = [np.average(np.arange(len(counts)), weights=counts) for counts in along]
        z, y = np.nonzero(row_voxels)
        first = part.argmax(axis=2)[z, y]
        last = part.shape[2] - 1 - part[:, :, ::-1].argmax(axis=2)[z, y]
        ends = np.stack([np.tile(z, 2), np.tile(y, 2), np.concatenate([first, last])], axis=1)
        return cls(centre_mm=axes.position_mm(start + centre), ends_mm=axes.position_mm(start + ends))
