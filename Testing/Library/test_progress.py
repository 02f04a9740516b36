"""Progress rises from 0 to 1 however it is divided, and cancelling stops the work."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.progress import Progress, ProgressEvent


def test_parts_of_parts_fill_their_share() -> None:
    events: list[ProgressEvent] = []
    whole = Progress(events.append)
    second_half = whole.part(0.5, 1.0, "second")
    second_half.part(0.5, 1.0).update(0.5, "deep")
    second_half.update(2.0)
    assert [(e.stage, e.fraction, e.message) for e in events] == [
        ("second", 0.875, "deep"),
        ("second", 1.0, ""),
    ]


def test_cancelling_reaches_every_part() -> None:
    wish = False
    part = Progress(None, lambda: wish).part(0.0, 0.5).part(0.2, 0.3)
    part.update(0.1)
    wish = True
    with pytest.raises(Cancelled, match="nothing was written"):
        part.check()
    with pytest.raises(Cancelled, match="nothing was written"):
        part.update(0.2)
