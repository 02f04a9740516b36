"""Where a new plane is put: through the liver's centre, or beside a tumour on the side of that centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.errors import PanelError

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import CutPlane

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
    from LiverTumorAttentionLib.analysis.axes import ImageAxes
    from LiverTumorAttentionLib.analysis.planning import CutPlane

    axes = ImageAxes.of(instances)
    values = sitk.GetArrayViewFromImage(instances)
    places = np.argwhere(values > 0)
    if not len(places):
        raise PanelError("The segmentation has no liver: there is nothing to plan.")
    liver = axes.position_mm(places)
    centre, size_mm = liver.mean(axis=0), float(np.ptp(liver, axis=0).max())
    point, normal = centre, _TO_THE_RIGHT
    if tumor is not None:
        body = axes.position_mm(np.argwhere(values == tumor + 1))
        if not len(body):
            raise PanelError(f"There is no tumor {tumor}: choose another one.")
        way = body.mean(axis=0) - centre
        length = float(np.linalg.norm(way))
        normal = way / length if length > 1.0 else _TO_THE_RIGHT
        heights = (liver - centre) @ normal
        clearance = CLEARANCE_MM if clearance_mm is None else clearance_mm
        wanted = float(((body - centre) @ normal).min()) - clearance
        lowest = float(heights.min()) + INSIDE_SHARE * float(np.ptp(heights))
        # The middle of the plane lies beneath the tumour, where the user looks.
        aside = body.mean(axis=0) - centre - ((body.mean(axis=0) - centre) @ normal) * normal
        point = centre + aside + max(wanted, lowest) * normal
    cut = CutPlane(
        point_lps_mm=(float(point[0]), float(point[1]), float(point[2])),
        normal_lps=(float(normal[0]), float(normal[1]), float(normal[2])),
    )
    return FirstPlane(cut=cut, size_mm=1.2 * size_mm)
