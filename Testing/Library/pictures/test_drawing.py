"""Outlines, text and layout, whose pixels are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from LiverTumorAttentionLib.pictures.drawing import (
    BACKGROUND,
    DASH_PIXELS,
    GREEN,
    RED,
    WHITE,
    draw_outline,
    draw_text,
    framed,
    resized,
    side_by_side,
    stacked,
    text_line,
)


def drawn(picture: Image.Image, color: tuple[int, int, int]) -> np.ndarray:
    """Where a picture has a color, (rows, columns)."""
    return (np.asarray(picture) == color).all(axis=-1)


def outline(mask: np.ndarray, size: tuple[int, int], *, dashed: bool = False) -> np.ndarray:
    panel = Image.new("RGB", size)
    draw_outline(panel, mask, RED, dashed=dashed)
    return drawn(panel, RED)


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((10, 10), bool)
    mask[2:8, 3:9] = True
    return mask


def test_an_outline_follows_the_border_of_the_mask(mask: np.ndarray) -> None:
    """Rows 2 to 8 and columns 3 to 9, in pixels of 4 by 6: two pixels, no farther than one from the border."""
    line = outline(mask, (60, 40))
    rows, columns = np.nonzero(line)
    assert rows.min() >= 7
    assert columns.min() >= 17
    assert rows.max() <= 33
    assert columns.max() <= 55
    assert not line[10:30, 21:51].any()
    for across in (line[:10, 36], line[30:, 36], line[20, :20], line[20, 50:]):
        assert across.sum() == 2
    assert not outline(np.zeros((4, 4), bool), (9, 9)).any()


def test_a_hole_has_an_outline_too(mask: np.ndarray) -> None:
    mask[4:6, 5:7] = False
    assert outline(mask, (40, 40))[16:24, 20:28].any()


def test_dashes_cover_half_of_the_outline(mask: np.ndarray) -> None:
    """Along the upper side: dashes and gaps of the nominal length, give or take what fits around."""
    whole, parts = outline(mask, (400, 400)), outline(mask, (400, 400), dashed=True)
    assert parts.sum() / whole.sum() == pytest.approx(0.5, abs=0.1)
    side = parts[79, 140:340].astype(int)
    edges = np.flatnonzero(np.diff(side))
    assert np.diff(edges).min() >= DASH_PIXELS - 3
    assert np.diff(edges).max() <= DASH_PIXELS + 3
    assert len(edges) > 12


def test_resized_keeps_the_outer_borders() -> None:
    np.testing.assert_allclose(resized(np.array([[0.0, 1.0]]), (1, 4)), [[0.0, 0.25, 0.75, 1.0]])
    np.testing.assert_allclose(resized(np.array([[0.0], [1.0]]), (4, 1)).T, [[0.0, 0.25, 0.75, 1.0]])


def test_text_is_as_high_as_asked_and_lies_at_its_anchor() -> None:
    for anchor, side in (("lm", 0), ("rm", 1)):
        panel = Image.new("RGB", (200, 60), (90, 90, 90))
        draw_text(panel, "HLM", (100, 30), WHITE, 40, anchor)
        rows, columns = np.nonzero(drawn(panel, WHITE))
        assert 24 <= rows.max() - rows.min() <= 32  # capitals are about 0.7 of the size
        assert abs((rows.max() + rows.min()) / 2 - 30) < 6
        assert (columns > 100).all() if side == 0 else (columns < 100).all()
        assert drawn(panel, (0, 0, 0)).any()  # the rim


def test_a_line_of_words_has_each_in_its_color() -> None:
    line = text_line([("LLL", RED), ("HHH", GREEN)], 24)
    red, green = (np.nonzero(drawn(line, color))[1] for color in (RED, GREEN))
    assert 0 < red.min() < red.max() < green.min() < green.max() < line.width
    assert line.width > text_line([("LLL", RED)], 24).width
    assert text_line([("LLL", RED)], 48).height == 2 * text_line([("LLL", RED)], 24).height


def test_pictures_beside_and_below_each_other() -> None:
    red, green = Image.new("RGB", (3, 2), RED), Image.new("RGB", (1, 4), GREEN)
    beside, below = side_by_side([red, green], 2), stacked([red, green], 1)
    assert (beside.size, below.size) == ((6, 4), (3, 7))
    assert [drawn(beside, color).sum() for color in (RED, GREEN, BACKGROUND)] == [6, 4, 14]
    assert drawn(beside, GREEN)[:, 5].all()
    assert drawn(below, GREEN)[3:, 0].all()
    whole = framed(red, 2)
    assert whole.size == (7, 6)
    assert drawn(whole, RED)[2:4, 2:5].all()
    assert drawn(whole, BACKGROUND).sum() == 42 - 6
