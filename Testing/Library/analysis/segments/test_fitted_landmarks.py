"""Landmarks that a map suggests give its planes back, where it was made by planes."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.segments.fitted_landmarks import landmarks_of
from LiverTumorAttentionLib.analysis.segments.landmarks import Landmarks, segments_by_landmarks
from LiverTumorAttentionLib.errors import InputError

TRUE = Landmarks(
    cava=(-15, 20, 60),
    right_hepatic_vein=(-75, 5, 35),
    middle_hepatic_vein=(-15, -40, 50),
    left_hepatic_vein=(60, -5, 15),
    portal_bifurcation=(-25, 0, 0),
    gallbladder=(-30, -40, -40),
    umbilical_fissure=(20, -25, 10),
)


def liver() -> sitk.Image:
    """An ellipsoid of 180 x 120 x 140 mm about the origin, voxels of 4 mm."""
    z, y, x = np.meshgrid(*(np.arange(-98.0, 99.0, 4.0),) * 3, indexing="ij")
    image = sitk.GetImageFromArray((((x / 90) ** 2 + (y / 60) ** 2 + (z / 70) ** 2) <= 1).astype(np.uint8))
    image.SetSpacing((4.0,) * 3)
    image.SetOrigin((-98.0,) * 3)
    return image


def test_the_planes_come_back() -> None:
    made = segments_by_landmarks(liver(), TRUE)
    again = segments_by_landmarks(liver(), landmarks_of(made))
    first, second = sitk.GetArrayFromImage(made), sitk.GetArrayFromImage(again)
    assert set(np.unique(first)) == set(range(9))
    assert (first == second)[first > 0].mean() > 0.9


def test_segments_that_do_not_touch_are_no_hindrance() -> None:
    made = sitk.GetArrayFromImage(segments_by_landmarks(liver(), TRUE))
    made[made == 8] = 0  # the dome is cut off: IV touches no VIII
    cut = sitk.GetImageFromArray(made)
    cut.CopyInformation(liver())
    again = sitk.GetArrayFromImage(segments_by_landmarks(cut, landmarks_of(cut)))
    assert (made == again)[made > 0].mean() > 0.85


def test_a_map_with_few_segments_is_refused() -> None:
    made = segments_by_landmarks(liver(), TRUE)
    with pytest.raises(InputError, match="shows the segments IV alone"):
        landmarks_of(sitk.Cast(made != 0, sitk.sitkUInt8) * 4)
    with pytest.raises(InputError, match="is empty"):
        landmarks_of(made * 0)
