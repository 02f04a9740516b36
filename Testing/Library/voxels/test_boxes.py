"""Boxes of arrays whose sides are known by construction."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels.boxes import (
    bounding_box,
    box_corners,
    box_start,
    crop_image,
    enclosing_box,
    expanded_box,
    full_box,
    label_boxes,
    margin_voxels,
    mask_box,
    relative_box,
)

BLOCK = (slice(2, 5), slice(1, 7), slice(3, 4))


def block_mask() -> np.ndarray:
    mask = np.zeros((6, 8, 9), bool)
    mask[BLOCK] = True
    return mask


def test_the_bounding_box_of_a_block_is_the_block() -> None:
    assert bounding_box(block_mask()) == BLOCK


def test_two_far_voxels_span_the_bounding_box() -> None:
    mask = np.zeros((6, 8, 9), np.uint16)
    mask[1, 6, 2] = mask[4, 0, 8] = 7
    assert bounding_box(mask) == (slice(1, 5), slice(0, 7), slice(2, 9))


def test_the_bounding_box_of_a_slice_has_two_sides() -> None:
    assert bounding_box(block_mask()[3]) == BLOCK[1:]


@pytest.mark.parametrize("shape", [(6, 8, 9), (4, 5), (0, 3, 3)])
def test_nothing_has_no_bounding_box(shape: tuple[int, ...]) -> None:
    assert bounding_box(np.zeros(shape, bool)) is None


def test_a_margin_ends_at_the_border() -> None:
    assert bounding_box(block_mask(), (3, 1, 2)) == (slice(0, 6), slice(0, 8), slice(1, 6))
    assert expanded_box(BLOCK, (0, 5, 0), (6, 8, 9)) == (BLOCK[0], slice(0, 8), BLOCK[2])


def test_each_label_has_its_box() -> None:
    labels = np.zeros((6, 8, 9), np.uint16)
    labels[BLOCK] = 4
    labels[0, 0, 8] = 2
    assert label_boxes(labels) == {2: (slice(0, 1), slice(0, 1), slice(8, 9)), 4: BLOCK}
    assert label_boxes(labels.astype(np.float32)) == label_boxes(labels)
    assert label_boxes(np.zeros((0, 3, 3), np.uint8)) == {}


def test_a_margin_in_mm_is_covered_by_whole_voxels() -> None:
    assert margin_voxels(5.0, (3.0, 2.5, 0.8)) == (2, 2, 7)


def test_a_box_in_a_part_is_cut_to_the_part() -> None:
    outer = (slice(1, 4), slice(0, 8), slice(3, 9))
    assert relative_box(BLOCK, outer) == (slice(1, 3), slice(1, 7), slice(0, 1))


def test_the_enclosing_box_reaches_from_the_first_start_to_the_last_stop() -> None:
    other = (slice(0, 1), slice(2, 3), slice(8, 9))
    assert enclosing_box([BLOCK, other]) == (slice(0, 5), slice(1, 7), slice(3, 9))
    assert box_start(BLOCK).tolist() == [2, 1, 3]


def test_a_cropped_image_keeps_the_positions_of_its_voxels() -> None:
    image = sitk.GetImageFromArray(block_mask().astype(np.uint8))
    image.SetSpacing((0.5, 2.0, 4.0))
    image.SetOrigin((10.0, 20.0, 30.0))
    box = mask_box(image)
    assert box == BLOCK
    part = crop_image(image, BLOCK)
    assert part.GetSize() == (1, 6, 3)
    assert part.GetOrigin() == pytest.approx((10 + 3 * 0.5, 20 + 1 * 2.0, 30 + 2 * 4.0))
    assert sitk.GetArrayViewFromImage(part).all()
    assert crop_image(image, full_box((6, 8, 9))) is image


def test_the_margin_of_a_mask_image_is_in_mm() -> None:
    image = sitk.GetImageFromArray(block_mask().astype(np.uint8))
    image.SetSpacing((0.5, 2.0, 4.0))
    assert mask_box(image, margin_mm=1.0) == (slice(1, 6), slice(0, 8), slice(1, 6))
    assert mask_box(image * 0, margin_mm=1.0) is None


def test_the_corners_of_boxes_are_their_first_and_last_voxels() -> None:
    boxes = [(slice(1, 4), slice(0, 2), slice(5, 6)), (slice(0, 1), slice(2, 9), slice(3, 4))]
    np.testing.assert_array_equal(box_corners(boxes), [[1, 0, 5], [3, 1, 5], [0, 2, 3], [0, 8, 3]])
    assert box_corners([]).shape == (0, 3)
