"""The picture of a result: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.pictures import write_preview
from LiverTumorAttentionLib.pictures.canvas import GREEN, ORANGE, RED, YELLOW, draw_outline, resized
from LiverTumorAttentionLib.pictures.lettering import _GLYPHS, lettering
from LiverTumorAttentionLib.pictures.preview import compose_preview
from LiverTumorAttentionLib.pictures.slice_choice import PLANES, chosen_slices

SPACING = (1.6, 1.6, 5.0)


def image(array: np.ndarray) -> sitk.Image:
    result = sitk.GetImageFromArray(array)
    result.SetSpacing(SPACING)
    return result


@pytest.fixture
def labels() -> np.ndarray:
    array = np.zeros((16, 90, 110), np.uint16)
    array[3:13, 25:70, 20:80] = 1
    array[6:9, 30:42, 25:37] = 2
    return array


def count(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((picture == color).all(axis=-1).sum())


def test_written_picture_has_outlines_and_the_notice(tmp_path, labels: np.ndarray) -> None:
    portal = image(np.where(labels > 0, 100, -100).astype(np.int16))
    write_preview(tmp_path / "preview.png", portal, image(labels))
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "preview.png")))
    assert picture.shape[2] == 3
    assert count(picture, GREEN) > 500
    assert count(picture, RED) > 100
    assert count(picture, YELLOW) == 0
    assert count(picture, ORANGE) == lettering("not for clinical use", 3).sum()


def test_arterial_beside_portal_and_truth_dashed(labels: np.ndarray) -> None:
    portal = image(np.zeros(labels.shape, np.int16))
    alone = compose_preview(portal, image(labels))
    with_arterial = compose_preview(portal, image(labels), portal)
    middle = with_arterial.shape[1] // 2
    letters = lettering("liver", 3).sum() + lettering("tumor", 3).sum()
    left, right = with_arterial[:, :middle], with_arterial[:, middle:]
    assert abs(count(left, RED) - count(right, RED)) < letters
    truth = compose_preview(portal, image(labels), portal, image(np.minimum(labels, 2).astype(np.uint8)))
    covered = count(with_arterial, RED) - count(truth, RED)
    assert 0.3 < covered / count(with_arterial, RED) < 0.7  # dashes leave the other colour to be seen
    assert alone.shape != with_arterial.shape


@pytest.mark.parametrize("orientation", ["LPS", "RAI", "PSR", "LSA"])
def test_every_orientation_gives_the_same_picture(labels: np.ndarray, orientation: str) -> None:
    portal = image(np.random.default_rng(0).integers(-100, 200, labels.shape).astype(np.int16))
    straight = compose_preview(portal, image(labels))
    turned = compose_preview(
        sitk.DICOMOrient(portal, orientation), sitk.DICOMOrient(image(labels), orientation)
    )
    np.testing.assert_array_equal(straight, turned)


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


def test_planes_go_through_the_largest_tumor_or_the_truth_or_the_liver(labels: np.ndarray) -> None:
    labels[10:12, 50:60, 60:70] = 3
    assert chosen_slices(labels, None) == (6, 30, 25)
    no_tumor = np.minimum(labels, 1)
    truth = no_tumor.copy()
    truth[11, 55, 66] = 2
    assert chosen_slices(no_tumor, truth) == (11, 55, 66)
    assert chosen_slices(no_tumor, None) == (3, 25, 20)
    assert chosen_slices(no_tumor * 0, None) == (8, 45, 55)


def test_an_empty_result_can_be_shown(labels: np.ndarray) -> None:
    picture = compose_preview(image(labels.astype(np.float32)), image(labels * 0))
    assert count(picture, RED) == lettering("tumor", 3).sum()


def test_outline_runs_inside_the_mask_and_resized_keeps_borders() -> None:
    mask = np.zeros((10, 10), bool)
    mask[2:8, 3:9] = True
    panel = np.zeros((40, 40, 3), np.uint8)
    draw_outline(panel, mask, RED)
    drawn = np.argwhere((panel == RED).all(axis=-1))
    assert drawn.min(axis=0).tolist() == [8, 12]
    assert drawn.max(axis=0).tolist() == [31, 35]
    assert not panel[20, 20].any()
    np.testing.assert_allclose(resized(np.array([[0.0, 1.0]]), (1, 4)), [[0.0, 0.25, 0.75, 1.0]])


def test_lettering_knows_every_letter_and_digit() -> None:
    assert all(len(glyph) == 7 for glyph in _GLYPHS.values())
    assert len(set(_GLYPHS.values())) == len(_GLYPHS)
    assert set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-:/%()") == set(_GLYPHS)
    assert lettering("l").astype(int).tolist() == [[1, 0, 0, 0, 0]] * 6 + [[1, 1, 1, 1, 1]]
    assert lettering("ab", 2).shape == (14, 22)


def test_paths_that_cannot_be(tmp_path, labels: np.ndarray) -> None:
    portal = image(labels.astype(np.int16))
    with pytest.raises(InputError, match=r"'preview.jpg' must be a picture whose name ends in .png"):
        write_preview(tmp_path / "preview.jpg", portal, image(labels))
    with pytest.raises(OutputError, match=r"cannot be written to .*nowhere"):
        write_preview(tmp_path / "nowhere" / "preview.png", portal, image(labels))


def test_another_grid_is_refused(tmp_path, labels: np.ndarray) -> None:
    portal = image(labels.astype(np.int16))
    with pytest.raises(InputError, match=r"the portal volume and the truth .* size"):
        write_preview(tmp_path / "preview.png", portal, image(labels), truth=image(labels[1:]))
