"""Couinaud segments on a liver: every voxel gets one, and each tumor its shares."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.segments import LiverSegments, SegmentShare, share_text
from LiverTumorAttentionLib.errors import InputError


def image(voxels: np.ndarray, spacing: tuple[float, float, float] = (2.0, 2.0, 4.0)) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing(spacing)
    return made


def slabs() -> np.ndarray:
    """A liver of 4 x 8 x 16 voxels in which the segments 1 to 8 follow each other along x, two voxels each."""
    labels = np.zeros((6, 10, 18), np.uint8)
    labels[1:5, 1:9, 1:17] = np.repeat(np.arange(1, 9, dtype=np.uint8), 2)
    return labels


def test_volumes_and_the_shares_of_tumors() -> None:
    labels = slabs()
    instances = (labels > 0).astype(np.uint16)
    instances[2, 3:5, 4:8] = 2  # x 4 is segment 2, 5 and 6 segment 3, 7 segment 4
    instances[3, 3, 15] = 4  # tumor 3 in segment 8; there is no tumor 2
    segments = LiverSegments.on_liver(image(labels), image(instances), "by hand")
    assert segments.volumes_ml == {n: pytest.approx(4 * 8 * 2 * 0.016) for n in range(1, 9)}
    shares = segments.shares(image(instances))
    assert shares[1] == (
        SegmentShare(number=3, name="III", share=0.5),
        SegmentShare(number=2, name="II", share=0.25),
        SegmentShare(number=4, name="IV", share=0.25),
    )
    assert shares[3] == (SegmentShare(number=8, name="VIII", share=1.0),)
    assert share_text(shares[1]) == "III 50 %, II 25 %, IV 25 %"
    assert share_text(shares[3]) == "VIII"
    assert share_text(()) is None


def test_a_share_below_one_percent_is_not_named() -> None:
    shares = (
        SegmentShare(number=8, name="VIII", share=0.995),
        SegmentShare(number=7, name="VII", share=0.005),
    )
    assert share_text(shares) == "VIII"


def test_liver_off_the_segments_takes_the_nearest_and_the_rest_of_the_segments_is_left_out() -> None:
    labels = slabs()
    instances = (labels > 0).astype(np.uint16)
    instances[1:5, 1:9, 1] = 0  # half of segment 1 is no liver
    labels[1:5, 1:9, 15:17] = 0  # segment 8 was not told
    segments = LiverSegments.on_liver(image(labels), image(instances), "by hand")
    found = segments.array
    assert ((found > 0) == (instances > 0)).all()
    assert (found[1:5, 1:9, 15:17] == 7).all()
    assert segments.volumes_ml[1] == pytest.approx(4 * 8 * 0.016)
    assert "13 % of the liver lies outside" in segments.notes[0]


def test_segments_of_another_case_are_refused() -> None:
    labels = slabs()
    instances = np.zeros((6, 10, 40), np.uint16)
    instances[1:5, 1:9, 1:39] = 1
    wide = np.zeros(instances.shape, np.uint8)
    wide[:, :, :18] = labels
    with pytest.raises(InputError, match="liver lies 44 mm from the nearest Couinaud segment"):
        LiverSegments.on_liver(image(wide), image(instances), "by hand")
    with pytest.raises(InputError, match="do not meet the liver"):
        LiverSegments.on_liver(image(np.zeros_like(labels)), image((labels > 0).astype(np.uint16)), "by hand")
