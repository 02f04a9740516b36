"""Outlines, text and layout of RGB pictures, drawn with Pillow."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from LiverTumorAttentionLib.pictures.contours import contours

Color = tuple[int, int, int]

GREEN: Color = (70, 220, 100)
RED: Color = (255, 70, 70)
YELLOW: Color = (255, 220, 40)
ORANGE: Color = (255, 160, 40)
WHITE: Color = (235, 235, 235)
GRAY: Color = (150, 150, 150)
BACKGROUND: Color = (24, 24, 28)
SHADOW: Color = (0, 0, 0)

LINE_PIXELS = 2
DASH_PIXELS = 10
"""Length of a dash, and of the gap after it."""


def resized(values: NDArray, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a 2D array interpolated linearly to `shape`, outer pixel borders on outer pixel borders."""
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize(shape[::-1], Image.Resampling.BILINEAR))


def draw_outline(
    panel: Image.Image,
    mask: NDArray[np.bool_],
    color: Color,
    *,
    dashed: bool = False,
    width: int = LINE_PIXELS,
) -> None:
    """Draw the contour of a mask (rows, columns), given on the slice's own grid, onto a panel of any size."""
    scale = np.array([panel.height / mask.shape[0], panel.width / mask.shape[1]])
    draw = ImageDraw.Draw(panel)
    for contour in contours(mask):
        points = ((contour + 0.5) * scale)[:, ::-1]
        closed = np.concatenate([points, points[:1]])
        for line in _dashes(closed) if dashed else [closed]:
            draw.line([(round(x), round(y)) for x, y in line], fill=color, width=width, joint="curve")


def _dashes(line: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Cut a closed polyline (N, 2) into dashes whose gaps are as long as they are, at least three of them."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = max(3, round(along[-1] / (2 * DASH_PIXELS)))
    dashes = []
    for number in range(count):
        start, end = along[-1] * number / count, along[-1] * (number + 0.5) / count
        places = np.concatenate([[start], along[(along > start) & (along < end)], [end]])
        dashes.append(np.stack([np.interp(places, along, line[:, axis]) for axis in (0, 1)], axis=1))
    return dashes


def draw_text(
    panel: Image.Image, text: str, position: tuple[float, float], color: Color, size: int, anchor: str = "la"
) -> None:
    """Write a line of text with a dark rim at (x, y). anchor: which point of the text lies there, as in Pillow."""
    draw = ImageDraw.Draw(panel)
    draw.text(position, text, fill=color, font=_font(size), anchor=anchor, stroke_width=1, stroke_fill=SHADOW)


def text_line(words: Sequence[tuple[str, Color]], size: int) -> Image.Image:
    """Return a line of colored words on the background."""
    font, gap = _font(size), size // 2
    lengths = [int(np.ceil(font.getlength(text))) for text, _ in words]
    line = _blank(sum(lengths) + gap * (len(words) + 1), round(1.5 * size))
    draw, x = ImageDraw.Draw(line), gap
    for (text, color), length in zip(words, lengths, strict=True):
        draw.text((x, line.height / 2), text, fill=color, font=font, anchor="lm")
        x += length + gap
    return line


def side_by_side(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    """Return pictures beside each other, aligned at the top."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    whole = _blank(width, max(picture.height for picture in pictures))
    x = 0
    for picture in pictures:
        whole.paste(picture, (x, 0))
        x += picture.width + gap
    return whole


def stacked(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    """Return pictures below each other, aligned at the left."""
    height = sum(picture.height for picture in pictures) + gap * (len(pictures) - 1)
    whole = _blank(max(picture.width for picture in pictures), height)
    y = 0
    for picture in pictures:
        whole.paste(picture, (0, y))
        y += picture.height + gap
    return whole


def framed(picture: Image.Image, margin: int) -> Image.Image:
    """Return a picture with a margin of background around it."""
    return ImageOps.expand(picture, margin, BACKGROUND)


def _blank(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), BACKGROUND)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font; `size` in pixels. Needs Pillow 10.1 with FreeType, which its wheels contain."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))
