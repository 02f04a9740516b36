"""The box Safety margin: width, tumors, and the numbers of the margin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.review.plan_settings import PlanSettings
from LiverTumorAttentionGui.scene.node_attributes import VESSELS_REFERENCE
from LiverTumorAttentionGui.sections.connections import Connections, ProgrammaticUpdate
from LiverTumorAttentionGui.sections.formatting import PLAN_NOT_SHOWN, margin_text

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.lesion_rows import LesionRow
    from LiverTumorAttentionGui.review.planning import ScenePlan

ALL_TUMORS = "All tumors"
DEFAULT_MARGIN_MM = 10.0
_UPDATE_MS = 60


class MarginSection:
    """Shows a margin while its box is checked.

    plan: returns the plan for the current tumors; raises `PanelError` where there can be none.
    """

    def __init__(self, ui: Any, plan: Callable[[], ScenePlan]) -> None:
        self._box, self._slider = ui.marginGroupBox, ui.marginSlider
        self._tumors, self._label = ui.marginTumorsComboBox, ui.marginLabel
        self._plan = plan
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self._update = ProgrammaticUpdate()
        self._update_later = Debounce(self.update_numbers, _UPDATE_MS, restart=False)
        self._connections = Connections(
            (self._box, "toggled(bool)", self._toggled),
            (self._slider, "valueChanged(double)", self._changed),
            (self._tumors, "currentIndexChanged(int)", self._changed),
        )

    @property
    def on(self) -> bool:
        """Whether a margin is wanted."""
        return self._segmentation is not None and bool(self._box.checked)

    def set_study(
        self, segmentation: slicer.vtkMRMLSegmentationNode | None, rows: Sequence[LesionRow]
    ) -> None:
        """Show the settings of a study; None for none. rows: its tumors."""
        self._update_later.cancel()
        self._segmentation = segmentation
        settings = PlanSettings(segmentation) if segmentation is not None else None
        margin_mm = settings.margin_mm if settings is not None else None
        tumors = settings.margin_tumors if settings is not None else None
        with self._update.running():
            self._box.checked = margin_mm is not None
            self._slider.value = DEFAULT_MARGIN_MM if margin_mm is None else margin_mm
        self.set_tumors(rows, chosen=tumors or ())
        self.say(PLAN_NOT_SHOWN if self.on else "")

    def set_tumors(self, rows: Sequence[LesionRow], chosen: Sequence[int] | None = None) -> None:
        """List these tumors. chosen: the numbers to choose, empty for all; None keeps the present choice."""
        if chosen is None:
            chosen = self._chosen()
        names = {row.number: row.name for row in rows if row.center_ras is not None}
        chosen = [number for number in chosen if number in names]
        with self._update.running():
            self._tumors.clear()
            self._tumors.addItem(ALL_TUMORS, "")
            for number, name in names.items():
                self._tumors.addItem(name, str(number))
            if len(chosen) > 1:  # a plan that was not made in this panel can have several
                self._tumors.addItem(", ".join(names[number] for number in chosen), _as_text(chosen))
            self._tumors.setCurrentIndex(max(self._tumors.findData(_as_text(chosen)), 0))

    def say(self, text: str) -> None:
        """Show a text in place of the numbers."""
        self._label.text = text
        self._label.visible = bool(text)

    def update_numbers(self) -> None:
        """Compute and show the margin for the present settings."""
        if self._segmentation is None or not self.on:
            return
        try:
            margin = self._plan().set_margin(float(self._slider.value), self._chosen() or None)
        except PanelError as error:
            self.say(str(error))
            return
        has_vessels = self._segmentation.GetNodeReference(VESSELS_REFERENCE) is not None
        self.say(margin_text(margin, with_vessels=has_vessels) if margin is not None else "")

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._update_later.cancel()
        self._connections.disconnect()

    def _chosen(self) -> list[int]:
        """Return the numbers of the chosen tumors; none for all."""
        return [int(number) for number in (self._tumors.currentData or "").split(",") if number]

    def _toggled(self, on: bool) -> None:
        if self._update.active or self._segmentation is None:
            return
        if on:
            self._update_later.request()
            return
        self._update_later.cancel()
        self.say("")
        try:
            self._plan().clear_margin()
        except PanelError as error:
            self.say(str(error))

    def _changed(self, _value: float) -> None:
        if not self._update.active and self.on:
            self._update_later.request()


def _as_text(numbers: Sequence[int]) -> str:
    return ",".join(str(number) for number in numbers)
