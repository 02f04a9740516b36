"""The axis order of a network: an array in LPS order seen as its training data lay, without a copy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.inference.nnunet.views import AxisOrder
from LiverTumorAttentionLib.voxels.geometry import to_lps

ORIENTATIONS = [
    "".join(letters)
    for order in itertools.permutations(("LR", "PA", "SI"))
    for letters in itertools.product(*order)
]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_view_is_what_itk_turns_the_volume_to(orientation: str):
    image = sitk.GetImageFromArray(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    image.SetSpacing((0.5, 0.7, 3.0))
    turned = sitk.DICOMOrient(image, orientation)
    lps = to_lps(turned)
    array = sitk.GetArrayFromImage(lps)
    order = AxisOrder.of(orientation, (0, 1, 2))
    np.testing.assert_array_equal(order.view(array), sitk.GetArrayViewFromImage(turned))
    assert order.ordered(lps.GetSpacing()[::-1]) == pytest.approx(turned.GetSpacing()[::-1])
    moved = AxisOrder.of(orientation, (2, 0, 1))
    expected = np.transpose(sitk.GetArrayViewFromImage(turned), (2, 0, 1))
    np.testing.assert_array_equal(moved.view(array), expected)


def test_what_is_written_to_a_view_lies_in_the_array():
    array = np.zeros((2, 3, 4), dtype=np.uint8)
    AxisOrder.of("RAS", (0, 1, 2)).view(array)[0, 0, 0] = 5
    assert array[0, 2, 3] == 5
