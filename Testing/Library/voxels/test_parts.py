"""Parts of volumes: where they lie by their geometry alone, and the same values as in the whole."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import crop_image
from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps
from LiverTumorAttentionLib.voxels.parts import (
    box_of_part,
    cropped_part,
    grid_in_box,
    image_in_box,
    in_few_bits,
    part_from_lps,
    values_in_box,
    whole_of,
)

BOX = (slice(2, 5), slice(1, 7), slice(3, 9))
OBLIQUE = (0.96, -0.28, 0.0, 0.28, 0.96, 0.0, 0.0, 0.0, 1.0)


def volume(direction: tuple[float, ...] = OBLIQUE) -> sitk.Image:
    image = sitk.GetImageFromArray(np.arange(6 * 8 * 10, dtype=np.int16).reshape(6, 8, 10))
    image.SetOrigin((-37.3, 11.9, 402.7))
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetDirection(direction)
    return image


def test_a_part_is_found_again_by_its_geometry() -> None:
    whole = volume()
    part = crop_image(whole, BOX)
    assert box_of_part(part, whole) == BOX
    assert box_of_part(grid_in_box(whole, BOX), whole) == BOX
    assert box_of_part(whole, whole) == (slice(0, 6), slice(0, 8), slice(0, 10))
    made = image_in_box(sitk.GetArrayFromImage(part), whole, BOX)
    for one, other in zip(
        (made.GetOrigin(), made.GetSpacing(), made.GetDirection()),
        (part.GetOrigin(), part.GetSpacing(), part.GetDirection()),
        strict=True,
    ):
        assert one == pytest.approx(other, abs=1e-12)


def test_a_part_of_a_part_and_the_whole_of_it() -> None:
    whole = volume()
    part = crop_image(whole, BOX)
    inner = (slice(3, 4), slice(2, 5), slice(4, 8))
    expected = sitk.GetArrayFromImage(whole)[inner]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(cropped_part(part, whole, inner)), expected)
    filled = sitk.GetArrayFromImage(whole_of(part, whole))
    np.testing.assert_array_equal(filled[BOX], sitk.GetArrayFromImage(whole)[BOX])
    filled[BOX] = 0
    assert not filled.any()


def test_values_beyond_a_part_are_those_that_are_asked_for() -> None:
    whole = volume()
    part = crop_image(whole, BOX)
    values = values_in_box(part, whole, (slice(4, 6), slice(0, 8), slice(0, 10)), outside=-7)
    np.testing.assert_array_equal(values[0, 1:7, 3:9], sitk.GetArrayFromImage(whole)[4, 1:7, 3:9])
    assert (values == -7).sum() == values.size - 36
    apart = values_in_box(part, whole, (slice(0, 1), slice(0, 8), slice(0, 10)), outside=-7)
    assert (apart == -7).all()


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PIR", "SAL", "IPL"])
def test_a_part_goes_back_to_the_volumes_own_axes(axes: str) -> None:
    own = sitk.DICOMOrient(volume((1, 0, 0, 0, 1, 0, 0, 0, 1)), axes)
    turned = to_lps(own)
    part = crop_image(turned, BOX)
    back = whole_of(part_from_lps(part, own), own)
    expected = from_lps(whole_of(part, turned), own)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(back), sitk.GetArrayFromImage(expected))
    assert back.GetOrigin() == pytest.approx(own.GetOrigin(), abs=1e-9)


def test_what_is_no_part_is_refused() -> None:
    whole = volume()
    beside = crop_image(whole, BOX)
    beside.SetOrigin(np.add(beside.GetOrigin(), 0.3).tolist())
    with pytest.raises(InputError, match="the mask is no part of the grid: resample it"):
        box_of_part(beside, whole, "the mask")
    beyond = grid_in_box(whole, (slice(0, 3), slice(0, 3), slice(0, 3)))
    beyond.SetOrigin(whole.TransformContinuousIndexToPhysicalPoint((-1, 0, 0)))
    with pytest.raises(InputError, match="no part of"):
        box_of_part(beyond, whole)


def test_a_volume_that_lies_right_already_is_not_copied() -> None:
    image = volume()
    assert to_lps(image) is image
    assert from_lps(image, image) is image
    rounded = volume()
    rounded.SetOrigin(np.add(image.GetOrigin(), 1e-5).tolist())
    assert from_lps(image, rounded).GetOrigin() == rounded.GetOrigin()
    assert image.GetOrigin() == volume().GetOrigin(), "the given image stays as it is"


def test_labels_take_one_byte_where_they_fit() -> None:
    labels = sitk.Cast(volume(), sitk.sitkUInt16)
    assert in_few_bits(labels).GetPixelID() == sitk.sitkUInt16
    few = in_few_bits(sitk.Clamp(labels, sitk.sitkUInt16, 0, 255))
    assert few.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(few), np.minimum(sitk.GetArrayFromImage(labels), 255)
    )
