"""The preview of a result: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.pictures import write_preview
from LiverTumorAttentionLib.pictures.drawing import GRAY, GREEN, ORANGE, RED, YELLOW, text_line
from LiverTumorAttentionLib.pictures.panel import GAP_PIXELS, TITLE_PIXELS
from LiverTumorAttentionLib.pictures.preview import compose_preview

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


LEGEND = [
    (NOT_FOR_CLINICAL_USE, ORANGE),
    ("liver", GREEN),
    ("tumor", RED),
    ("window -70 to 180 HU", GRAY),
]


def count(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((picture == color).all(axis=-1).sum())


def without_legend(picture: Image.Image) -> np.ndarray:
    """A picture down to its legend of one line."""
    return np.asarray(picture)[: -text_line(LEGEND, TITLE_PIXELS).height - GAP_PIXELS]


def test_written_picture_has_outlines_and_the_legend(tmp_path, labels: np.ndarray) -> None:
    portal = image(np.where(labels > 0, 100, -100).astype(np.int16))
    write_preview(tmp_path / "preview.png", portal, image(labels))
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "preview.png")))
    assert picture.shape[2] == 3
    assert count(picture, GREEN) > 500
    assert count(picture, RED) > 100
    assert count(picture, YELLOW) == 0
    legend = np.asarray(text_line(LEGEND, TITLE_PIXELS))
    lowest = picture[-GAP_PIXELS - legend.shape[0] : -GAP_PIXELS, GAP_PIXELS:]
    np.testing.assert_array_equal(lowest[:, : legend.shape[1]], legend)


def test_arterial_beside_portal_and_truth_dashed(labels: np.ndarray) -> None:
    portal = image(np.zeros(labels.shape, np.int16))
    alone = compose_preview(portal, image(labels))
    with_arterial = compose_preview(portal, image(labels), portal)
    red = without_legend(with_arterial)
    left, right = np.array_split(red, 2, axis=1)
    assert count(left, RED) == count(right, RED) > 100
    truth = compose_preview(portal, image(labels), portal, image(np.minimum(labels, 2).astype(np.uint8)))
    covered = count(red, RED) - count(without_legend(truth), RED)
    assert 0.3 < covered / count(red, RED) < 0.7  # dashes leave the other color visible
    assert alone.size != with_arterial.size


@pytest.mark.parametrize("orientation", ["LPS", "RAI", "PSR", "LSA"])
def test_every_orientation_gives_the_same_picture(labels: np.ndarray, orientation: str) -> None:
    portal = image(np.random.default_rng(0).integers(-100, 200, labels.shape).astype(np.int16))
    straight = compose_preview(portal, image(labels))
    turned = compose_preview(
        sitk.DICOMOrient(portal, orientation), sitk.DICOMOrient(image(labels), orientation)
    )
    np.testing.assert_array_equal(np.asarray(straight), np.asarray(turned))


def test_an_empty_result_can_be_shown(labels: np.ndarray) -> None:
    picture = without_legend(compose_preview(image(labels.astype(np.float32)), image(labels * 0)))
    assert count(picture, RED) == count(picture, GREEN) == 0


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
