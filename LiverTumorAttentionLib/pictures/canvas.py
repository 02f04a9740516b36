"""Drawing on arrays of pixels: enough for a picture of slices with outlines and words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.pictures.lettering import GLYPH_ROWS, lettering

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

GREEN: Color = (70, 220, 100)
RED: Color = (255, 70, 70)
YELLOW: Color = (255, 220, 40)
ORANGE: Color = (255, 160, 40)
WHITE: Color = (235, 235, 235)
GREY: Color = (150, 150, 150)
BACKGROUND: Color = (24, 24, 28)

LINE_PIXELS = 2
DASH_PIXELS = 9


def resized(image: NDArray, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a slice interpolated linearly to `shape`, pixel borders on pixel borders."""
    result = np.asarray(image, dtype=np.float32)
    for axis in (0, 1):
        old, new = result.shape[axis], shape[axis]
        place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        before = np.minimum(place.astype(int), max(old - 2, 0))
        after = np.minimum(before + 1, old - 1)
        weight = np.expand_dims((place - before).astype(np.float32), 1 - axis)
        result = (1 - weight) * result.take(before, axis) + weight * result.take(after, axis)
    return result


def draw_outline(panel: Picture, mask: NDArray[np.bool_], color: Color, *, dashed: bool = False) -> None:
    """Draw the inner border of a mask, given on the slice's own grid, onto a panel."""
    if not mask.any():
        return
    solid = resized(mask, (panel.shape[0], panel.shape[1])) >= 0.5
    cross = ndimage.generate_binary_structure(2, 1)
    line = solid & ~ndimage.binary_erosion(solid, cross, iterations=LINE_PIXELS)
    if dashed:
        line &= _dashes(line)
    panel[line] = color


def _dashes(line: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a pattern that cuts each closed line into dashes, by the angle around the line's centre."""
    pattern = np.zeros(line.shape, dtype=bool)
    pieces, _ = ndimage.label(line, structure=np.ones((3, 3), bool))
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        rows, columns = np.nonzero(pieces[box] == number)
        angle = np.arctan2(rows - rows.mean(), columns - columns.mean()) / (2.0 * np.pi)
        pairs = max(3, round(rows.size / (2 * LINE_PIXELS * DASH_PIXELS)))
        pattern[box][rows, columns] = np.floor(angle * 2 * pairs) % 2 == 0
    return pattern


def write_letters(panel: Picture, text: str, corner: tuple[int, int], color: Color, scale: int = 2) -> None:
    """Write a line of text whose upper left corner is at (row, column), cut off at the panel's borders."""
    letters = lettering(text, scale)
    row, column = max(corner[0], 0), max(corner[1], 0)
    part = panel[row : row + letters.shape[0], column : column + letters.shape[1]]
    shown = letters[: part.shape[0], : part.shape[1]]
    shadow = ndimage.binary_dilation(shown, np.ones((3, 3), bool)) & ~shown
    part[shadow] = part[shadow] // 3
    part[shown] = color


def strip(words: Sequence[tuple[str, Color]], scale: int) -> Picture:
    """Return a line of coloured words on the background."""
    letters = [(lettering(text, scale), color) for text, color in words]
    gap = 8 * scale
    width = sum(mask.shape[1] + gap for mask, _ in letters) + gap
    band = _blank((GLYPH_ROWS + 4) * scale, width)
    column = gap // 2
    for mask, color in letters:
        part = band[2 * scale : 2 * scale + mask.shape[0], column : column + mask.shape[1]]
        part[mask] = color
        column += mask.shape[1] + gap
    return band


def beside(pictures: Sequence[Picture], gap: int) -> Picture:
    """Return pictures side by side, their tops level."""
    height = max(picture.shape[0] for picture in pictures)
    whole = _blank(height, sum(picture.shape[1] for picture in pictures) + gap * (len(pictures) - 1))
    column = 0
    for picture in pictures:
        whole[: picture.shape[0], column : column + picture.shape[1]] = picture
        column += picture.shape[1] + gap
    return whole


def stacked(pictures: Sequence[Picture], gap: int) -> Picture:
    """Return pictures below each other, their left sides level."""
    width = max(picture.shape[1] for picture in pictures)
    whole = _blank(sum(picture.shape[0] for picture in pictures) + gap * (len(pictures) - 1), width)
    row = 0
    for picture in pictures:
        whole[row : row + picture.shape[0], : picture.shape[1]] = picture
        row += picture.shape[0] + gap
    return whole


def framed(picture: Picture, margin: int) -> Picture:
    """Return a picture with a margin of background around it."""
    whole = _blank(picture.shape[0] + 2 * margin, picture.shape[1] + 2 * margin)
    whole[margin:-margin, margin:-margin] = picture
    return whole


def _blank(height: int, width: int) -> Picture:
    return np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
