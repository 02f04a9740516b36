"""Which planes a picture shows, and which way up."""

from __future__ import annotations

import numpy as np

from LiverTumorAttentionLib.pictures.slice_choice import MARGIN_MM, PLANES, chosen_slices, shown_box


def liver_with_tumors() -> np.ndarray:
    labels = np.zeros((16, 90, 110), np.uint16)
    labels[3:13, 25:70, 20:80] = 1
    labels[6:9, 30:42, 25:37] = 2
    return labels


def test_right_of_the_patient_is_left_and_head_is_up() -> None:
    """One bright voxel far right, in front and at the top, seen in every plane."""
    array = np.zeros((10, 20, 30))
    array[9, 1, 2] = 1.0
    box = (slice(0, 10), slice(0, 20), slice(0, 30))
    axial, coronal, sagittal = (
        np.argwhere(plane.cut(array, index, box))[0].tolist()
        for plane, index in zip(PLANES, (9, 1, 2), strict=True)
    )
    assert axial == [1, 2]
    assert coronal == [0, 2]
    assert sagittal == [0, 1]


def test_planes_go_through_the_largest_tumor_or_the_truth_or_the_liver() -> None:
    labels = liver_with_tumors()
    labels[10:12, 50:60, 60:70] = 3
    assert chosen_slices(labels, None) == (6, 30, 25)
    no_tumor = np.minimum(labels, 1)
    truth = no_tumor.copy()
    truth[11, 55, 66] = 2
    assert chosen_slices(no_tumor, truth) == (11, 55, 66)
    assert chosen_slices(no_tumor, None) == (3, 25, 20)
    assert chosen_slices(no_tumor * 0, None) == (8, 45, 55)


def test_the_liver_is_shown_with_a_margin_within_the_volume() -> None:
    labels = liver_with_tumors()
    margin = int(MARGIN_MM / 3.5)
    assert shown_box(labels, None, (20.0, 3.5, 3.5)) == (
        slice(1, 15),
        slice(25 - margin, 70 + margin),
        slice(20 - margin, 80 + margin),
    )
    assert shown_box(labels, None, (1.0, 1.0, 1.0))[0] == slice(0, 16)
    truth = np.zeros_like(labels)
    truth[0, 0, 0] = 1
    assert shown_box(labels, truth, (20.0, 3.5, 3.5))[1] == slice(0, 70 + margin)
    assert shown_box(labels * 0, None, (1.0, 1.0, 1.0)) == (slice(0, 16), slice(0, 90), slice(0, 110))
