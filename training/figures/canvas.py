"""What all plots share: a figure with rows of axes, and its file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.io.atomic_write import replacing

COLORS = ("#1f5f99", "#d9822b", "#3d8b4f", "#a03a50", "#6b5b95", "#8a8a8a", "#3aa6a6", "#b59b00")
COLUMNS = 3
DOTS_PER_INCH = 110


@contextmanager
def figure(path: Path, titles: Sequence[str], *, columns: int = COLUMNS) -> Iterator[list[Any]]:
    """Yield one pair of axes for each title, at most `columns` beside each other; then write the picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, len(titles))
    rows = math.ceil(len(titles) / columns)
    drawn = Figure(figsize=(4.6 * columns, 3.4 * rows + 0.3), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = list(drawn.subplots(rows, columns, squeeze=False).flat)
    for each, title in zip(axes, titles, strict=False):
        each.set_title(title, fontsize=9)
        each.tick_params(labelsize=8)
    for each in axes[len(titles) :]:
        each.set_axis_off()
    drawn.supxlabel(NOT_FOR_CLINICAL_USE, fontsize=7, color="#777777")
    yield axes[: len(titles)]
    with replacing(path, name="figure") as temporary:
        drawn.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
