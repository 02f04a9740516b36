"""Segments by planes through landmarks: volumes and places that follow from geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.segments.landmarks import Landmarks, segments_by_landmarks
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.analysis.bodies import CENTRE_MM, GRIDS, empty

UPRIGHT = Landmarks(
    cava=(0, 20, 40),
    right_hepatic_vein=(-40, -20, 40),
    middle_hepatic_vein=(0, -20, 40),
    left_hepatic_vein=(40, 20, 0),
    portal_bifurcation=(-10, 10, 0),
    gallbladder=(0, -20, -40),
    umbilical_fissure=(40, -20, 0),
)
"""The main plane is x = 0, the portal one z = 0, the right one and the caval one y = 20 + x."""


def box_liver() -> sitk.Image:
    """A liver of 80 x 40 x 80 mm about x = 0, y = 0, z = 0; its voxels of 2 mm have odd coordinates."""
    image = sitk.GetImageFromArray(np.ones((40, 20, 40), np.uint8))
    image.SetSpacing((2.0, 2.0, 2.0))
    image.SetOrigin((-39.0, -19.0, -39.0))
    return image


def test_the_right_liver_is_shared_out_exactly() -> None:
    labels = sitk.GetArrayFromImage(segments_by_landmarks(box_liver(), UPRIGHT))
    right, left = labels[:, :, :20], labels[:, :, 20:]
    # of the 20 x 20 columns of the right half 20 lie on the plane y = 20 + x and belong to the front
    for number, rows in ((6, slice(0, 20)), (7, slice(20, 40))):
        assert np.count_nonzero(right == number) == np.count_nonzero(right[rows] == number) == 20 * 190
    assert np.count_nonzero(np.isin(right, [1, 5, 8])) == 40 * 210
    assert not (right[20:] == 5).any()
    assert not (right[:20] == 8).any()
    assert set(np.unique(left)) <= {1, 2, 3, 4}
    # the fissure and the left vein lie at z = 0
    assert not (left[20:] == 3).any()
    assert not (left[:20] == 2).any()


SLANTED = replace(
    UPRIGHT,
    portal_bifurcation=(-5.0, 5.0, 0.0),
    left_hepatic_vein=(60.0, 0.0, 30.0),
    umbilical_fissure=(20.0, -20.0, -5.0),
    gallbladder=(-20.0, -20.0, -40.0),
)


@pytest.mark.parametrize("name", GRIDS)
def test_points_lie_in_the_segments_that_anatomy_tells(name: str) -> None:
    direction, spacing = GRIDS[name]
    image = empty(direction, spacing, (100.0,) * 3)
    image = sitk.Cast(image, sitk.sitkUInt8) + 1
    moved = Landmarks(
        **{
            key: tuple(np.add(value, CENTRE_MM))
            for key, value in SLANTED.as_dict().items()
            if value is not None
        }
    )
    labels = segments_by_landmarks(image, moved)
    places = {
        1: (3, 22, 10),  # beside the cava, behind the hilum
        2: (35, 15, 20),
        3: (30, -22, -20),
        4: (0, -20, 5),
        5: (-20, -20, -15),
        6: (-25, 25, -25),
        7: (-30, 25, 20),
        8: (-15, -15, 25),
    }
    for number, place in places.items():
        voxel = labels.TransformPhysicalPointToIndex([float(x) for x in np.add(place, CENTRE_MM)])
        assert labels[voxel] == number, (number, labels[voxel])


def test_a_landmark_that_moves_moves_its_own_border_alone() -> None:
    before = sitk.GetArrayFromImage(segments_by_landmarks(box_liver(), SLANTED))
    moved = replace(SLANTED, gallbladder=(-10.0, -20.0, -40.0))
    after = sitk.GetArrayFromImage(segments_by_landmarks(box_liver(), moved))
    changed = before != after
    assert changed.any()
    assert set(zip(before[changed].tolist(), after[changed].tolist(), strict=True)) <= {
        (4, n) for n in (5, 6, 7, 8)
    }


def test_the_axis_of_the_cava_tilts_the_portal_plane() -> None:
    tilted = replace(UPRIGHT, cava_below=(-10.0, 20.0, -60.0))
    assert tilted.axis == pytest.approx(np.array([0.1, 0, 1]) / np.hypot(0.1, 1))
    image = box_liver()
    labels = segments_by_landmarks(image, tilted)
    # the plane through (-10, 10, 0) falls by 0.1 mm a mm to the left: 29 mm to the right of it lies at z = 2.9
    assert labels[image.TransformPhysicalPointToIndex((-39.0, 15.0, 1.0))] == 6
    assert labels[image.TransformPhysicalPointToIndex((-39.0, 15.0, 3.0))] == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gallbladder": (0.0, 0.0, 40.0)}, "the main plane lie on one line"),
        ({"cava_below": (0.0, 20.0, 60.0)}, "must lie below the upper one"),
        (
            {"middle_hepatic_vein": (40.0, 20.0, 40.0), "gallbladder": (0.0, 20.0, -40.0)},
            "the main plane lie so",
        ),
        ({"cava": (float("nan"), 0.0, 0.0)}, "no number"),
    ],
)
def test_landmarks_that_span_no_plane_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(UPRIGHT, **changes)


def test_an_unknown_landmark_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="galbladder"):
        Landmarks.from_dict({**UPRIGHT.as_dict(), "galbladder": [0, 0, 0]})
    assert Landmarks.from_dict(UPRIGHT.as_dict()) == UPRIGHT
