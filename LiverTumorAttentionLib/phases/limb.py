"""Whether a volume shows a limb rather than a trunk, which no liver is in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.phases.regions import BONE_HU, body_of, coarse

LARGEST_LIMB_CM2 = 260.0
"""Cross-section of a thick thigh; the trunk of an adult has 400 and more, that of a child of two about 200."""
LEAST_BONE_SHARE = 0.1
"""Of a knee or a shoulder about a quarter is bone, of a trunk with its spine and ribs about a twentieth."""


@dataclass(frozen=True, kw_only=True)
class CrossSection:
    """The largest body in the slices, in the middle of their order by size: its area (cm2) and its share of bone."""

    area_cm2: float
    bone_share: float
    whole: bool
    """Whether it lies inside the field of view, so that its area is its own."""

    @property
    def is_limb(self) -> bool:
        """Whether it is small and a good part of it bone."""
        return self.whole and self.area_cm2 < LARGEST_LIMB_CM2 and self.bone_share > LEAST_BONE_SHARE


def cross_section(image: sitk.Image) -> CrossSection:
    """Measure the body in a CT (HU, any orientation)."""
    scan = coarse(image)
    body = body_of(scan)
    _, dy, dx = scan.spacing_zyx_mm
    areas = body.sum(axis=(1, 2)) * dy * dx / 100
    shown = areas > 0
    if not shown.any():
        return CrossSection(area_cm2=0.0, bone_share=0.0, whole=False)
    edge = body[:, 0].any() or body[:, -1].any() or body[:, :, 0].any() or body[:, :, -1].any()
    return CrossSection(
        area_cm2=float(np.median(areas[shown])),
        bone_share=float((body & (scan.hu > BONE_HU)).sum() / body.sum()),
        whole=not edge,
    )
