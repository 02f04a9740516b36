"""A pair so small that its truth can be followed by hand."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from Testing.benchmarks.registration.pairs import Pair

SPACING = (1.5, 2.0, 3.0)
SHIFT = (3.0, -4.0, 6.0)
"""Whole voxels along x, y, z; 7.81 mm long."""


def shifted_pair() -> Pair:
    """Return a block of liver that lies `SHIFT` further in the arterial phase, with two branch points."""
    portal, arterial = (np.zeros((20, 30, 30), np.uint8) for _ in range(2))
    portal[6:12, 10:20, 10:20] = 1
    arterial[8:14, 8:18, 12:22] = 1
    u = np.broadcast_to(np.array(SHIFT, np.float32), (*portal.shape, 3)).copy()
    points = [
        [-20.0 + 1.5 * 12, 7.0 + 2.0 * 14, -100.0 + 3.0 * 8],
        [-20.0 + 1.5 * 15, 7.0 + 2.0 * 12, -100.0 + 3.0 * 10],
    ]
    return Pair(
        name="phantom-0",
        portal=image(100.0 * portal),
        arterial=image(60.0 * arterial),
        portal_liver=image(portal),
        arterial_liver=image(arterial),
        displacement=u,
        branch_points=np.array(points),
    )


def image(values: np.ndarray) -> sitk.Image:
    """Return an image of values (z, y, x), off the origin, with three different spacings."""
    found = sitk.GetImageFromArray(values)
    found.SetSpacing(SPACING)
    found.SetOrigin((-20.0, 7.0, -100.0))
    return found
