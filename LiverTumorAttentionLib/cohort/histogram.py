"""Histograms as SVG, with edges at round numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

WIDTH, HEIGHT, BASE = 260, 110, 88
MOST_BINS = 20
FEWEST_BARS = 4
"""For whose width there is room, so that a single bar is no wall."""


def histogram(values: Sequence[float], *, whole: bool = False) -> Markup:
    """Return the histogram of values as SVG; a sentence where there is none. whole: the values are whole numbers."""
    if not values:
        return Markup('<p class="small">no values</p>')
    step = _step(max(values) - min(values) or 0.1 * abs(max(values)) or 1.0, whole)
    first = math.floor(min(values) / step)
    count = math.floor(max(values) / step) - first + 1
    bins = [0] * count
    for value in values:
        bins[math.floor(value / step) - first] += 1
    width = WIDTH / count
    drawn = [
        _bar(index * width, width, n / max(bins), f"{_range((first + index) * step, step, whole)}: {n}")
        for index, n in enumerate(bins)
        if n
    ]
    ends = [(0.0, "start", _text(first * step)), (float(WIDTH), "end", _text((first + count) * step - whole))]
    return _svg(drawn, ends, max(bins))


def _range(low: float, step: float, whole: bool) -> str:
    """Return the values of a bin in words."""
    if whole and step == 1:
        return _text(low)
    return f"{_text(low)} to {_text(low + step - whole)}"


def bars(counts: Mapping[str, int]) -> Markup:
    """Return a bar for each of some words, with its count."""
    if not counts:
        return Markup('<p class="small">no values</p>')
    width, most = WIDTH / max(FEWEST_BARS, len(counts)), max(counts.values())
    drawn, labels = [], []
    for index, (word, count) in enumerate(counts.items()):
        middle, share = (index + 0.5) * width, count / most
        drawn.append(_bar(index * width, width, share, f"{word}: {count}"))
        drawn.append(_label(middle, BASE - _height(share) - 4, "middle", str(count)))
        labels.append((middle, "middle", word))
    return _svg(drawn, labels, None)


def _step(extent: float, whole: bool) -> float:
    """Return the width of a bin, 1, 2 or 5 times a power of ten, so that there are at most `MOST_BINS`."""
    least = extent / (MOST_BINS - 1)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    return max(step, 1.0) if whole else step


def _bar(x: float, width: float, share: float, title: str) -> Markup:
    height = _height(share)
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        f"{x + 0.5:.1f}", f"{BASE - height:.1f}", f"{max(1.0, width - 1):.1f}", f"{height:.1f}", title
    )


def _height(share: float) -> float:
    return max(1.0, share * (BASE - 14))


def _label(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        f"{x:.1f}", f"{y:.1f}", anchor, text
    )


def _svg(bars: Sequence[Markup], labels: Sequence[tuple[float, str, str]], most: int | None) -> Markup:
    texts = [_label(x, BASE + 15, anchor, text) for x, anchor, text in labels]
    if most is not None:
        texts.append(_label(0.0, 9, "start", str(most)))
    return Markup('<svg viewBox="0 0 {} {}" role="img">{}</svg>').format(
        WIDTH, HEIGHT, Markup("").join([*bars, *texts])
    )


def _text(value: float) -> str:
    return f"{value:.6g}"
