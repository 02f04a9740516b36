"""The run of `segment`: from the button to the nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from LiverTumorAttentionGui.process.child_run import ChildRun
from LiverTumorAttentionGui.segmentation import (
    LiverTumorAttentionLogic,
    SegmentationRequest,
    SegmentationResult,
)


class SegmentationRun(ChildRun[SegmentationResult]):
    """Segments in the child for one request, and puts the result into the scene. Used once."""

    def __init__(self, logic: LiverTumorAttentionLogic, request: SegmentationRequest, **options: Any) -> None:
        """options: see `ChildRun`."""
        super().__init__(**options)
        self._logic = logic
        self._request = request

    def prepare(self, folder: Path) -> list[str]:
        """Write the volumes; see `LiverTumorAttentionLogic.prepare`."""
        return self._logic.prepare(self._request, folder)

    def collect(self, folder: Path) -> SegmentationResult:
        """Put the result into the scene; see `LiverTumorAttentionLogic.load`."""
        return self._logic.load(self._request, folder)
