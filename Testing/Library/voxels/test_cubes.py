from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels.cubes import cubes_around
from LiverTumorAttentionLib.voxels.geometry import ImageAxes

BOX = (slice(2, 7), slice(3, 9), slice(1, 11))


@pytest.mark.parametrize("turn", [0.0, 0.4])
@pytest.mark.parametrize("margin", [0.0, 7.0])
def test_every_corner_of_the_box_lies_in_the_cubes_with_its_margin(turn: float, margin: float) -> None:
    image = sitk.Image([20, 20, 20], sitk.sitkUInt8)
    image.SetSpacing((0.7, 0.9, 3.0))
    image.SetOrigin((-40.0, 12.0, 100.0))
    c, s = np.cos(turn), np.sin(turn)
    image.SetDirection((c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0))
    cubes = cubes_around(ImageAxes.of(image), BOX, 1.5, margin)
    assert cubes.GetSpacing() == (1.5, 1.5, 1.5)
    assert cubes.GetDirection() == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    first = np.array(cubes.GetOrigin()) - 0.75
    last = first + 1.5 * np.array(cubes.GetSize())
    corners = np.array(
        [
            image.TransformContinuousIndexToPhysicalPoint((x, y, z))
            for z in (1.5, 6.5)
            for y in (2.5, 8.5)
            for x in (0.5, 10.5)
        ]
    )
    assert first == pytest.approx(corners.min(axis=0) - margin)
    assert (last >= corners.max(axis=0) + margin - 1e-9).all()
    assert (last < corners.max(axis=0) + margin + 1.5).all()
