"""Body weight and height of the patient, for what a resection leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.review.plan_settings import PlanSettings
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate


class BodySection:
    """Shows and sets weight and height of a study, 0 for not given. on_change: called when one was set."""

    def __init__(self, ui: Any, on_change: Callable[[], None]) -> None:
        self._boxes = {"weight_kg": ui.weightSpinBox, "height_cm": ui.heightSpinBox}
        self._message = MessageLine(ui.bodyLabel)
        self._on_change = on_change
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self._update = ProgrammaticUpdate()
        self._connections = Connections(
            (ui.weightSpinBox, "valueChanged(double)", lambda value: self._chosen("weight_kg", value)),
            (ui.heightSpinBox, "valueChanged(double)", lambda value: self._chosen("height_cm", value)),
        )

    def set_study(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Show the body of a study; None for none."""
        self._segmentation = segmentation
        settings = None if segmentation is None else PlanSettings(segmentation)
        with self._update.running():
            for name, box in self._boxes.items():
                box.value = (getattr(settings, name) or 0.0) if settings is not None else 0.0
        self._message.say("")

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._connections.disconnect()

    def _chosen(self, name: str, value: float) -> None:
        if self._update.active or self._segmentation is None:
            return
        try:
            setattr(PlanSettings(self._segmentation), name, float(value) if value > 0 else None)
        except PanelError as error:
            self._message.say(str(error), error=True)
            return
        self._message.say("")
        self._on_change()
