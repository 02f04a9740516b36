"""Histograms as SVG, with edges at round numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

WIDTH, HEIGHT, BASE = 260, 110, 88
MOST_BINS = 20


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
    width, most = WIDTH / len(counts), max(counts.values())
    drawn, labels = [], []
    for index, (word, count) in enumerate(counts.items()):
        drawn.append(_bar(index * width, width, count / most, f"{word}: {count}"))
        labels.append(((index + 0.5) * width, "middle", f"{word} {count}"))
    return _svg(drawn, labels, None)


def _step(extent: float, whole: bool) -> float:
    """Return the width of a bin, 1, 2 or 5 times a power of ten, so that there are at most `MOST_BINS`."""
    least = extent / (MOST_BINS - 1)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    return max(step, 1.0) if whole else step


def _bar(x: float, width: float, share: float, title: str) -> Markup:
    height = max(1.0, share * (BASE - 12))
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        f"{x + 0.5:.1f}", f"{BASE - height:.1f}", f"{max(1.0, width - 1):.1f}", f"{height:.1f}", title
    )


def _svg(bars: Sequence[Markup], labels: Sequence[tuple[float, str, str]], most: int | None) -> Markup:
    texts = [
        Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(f"{x:.1f}", BASE + 15, anchor, text)
        for x, anchor, text in labels
    ]
    if most is not None:
        texts.append(Markup('<text x="0" y="9">{}</text>').format(most))
    return Markup('<svg viewBox="0 0 {} {}" role="img">{}</svg>').format(
        WIDTH, HEIGHT, Markup("").join([*bars, *texts])
    )


def _text(value: float) -> str:
    return f"{value:.6g}"
