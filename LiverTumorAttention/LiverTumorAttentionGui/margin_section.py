"""The box Safety margin: its width, around which tumours, and its numbers while the slider moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from LiverTumorAttentionGui import plan_words
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.plan_choices import PlanChoices
from LiverTumorAttentionGui.settle import Settle
from LiverTumorAttentionGui.study import VESSELS_REFERENCE

ALL_TUMORS = "All tumors"
START_MM = 10.0
_LIVE_MS = 60


class MarginSection:
    """Shows a margin while its box is switched on.

    plan: returns the plan on the tumours as they stand, `PanelError` where there can be none.
    """

    def __init__(self, ui: Any, plan: Callable[[], Any]) -> None:
        self._box, self._slider = ui.marginGroupBox, ui.marginSlider
        self._tumors, self._label = ui.marginTumorsComboBox, ui.marginLabel
        self._plan = plan
        self._segmentation: Any = None
        self._showing = False
        self._later = Settle(self.show, _LIVE_MS, restart=False)
        self._connections = (
            (self._box, "toggled(bool)", self._switched),
            (self._slider, "valueChanged(double)", self._moved),
            (self._tumors, "currentIndexChanged(int)", self._moved),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    @property
    def on(self) -> bool:
        """Whether a margin is wanted."""
        return self._segmentation is not None and self._box.checked

    def take(self, segmentation: Any, rows: Sequence[Any]) -> None:
        """Be about this study, with what was chosen for it; None for none. rows: its tumours."""
        self._later.cancel()
        self._segmentation = segmentation
        choices = PlanChoices(segmentation) if segmentation is not None else None
        margin_mm = choices.margin_mm if choices is not None else None
        tumors = choices.margin_tumors if choices is not None else None
        self._showing = True
        try:
            self._box.checked = margin_mm is not None
            self._slider.value = START_MM if margin_mm is None else margin_mm
        finally:
            self._showing = False
        self.offer(rows, chosen=tumors[0] if tumors is not None and len(tumors) == 1 else 0)
        self.say(plan_words.NOT_SHOWN if self.on else "")

    def offer(self, rows: Sequence[Any], chosen: int | None = None) -> None:
        """Offer these tumours; the chosen one stays chosen. chosen: another one, 0 for all."""
        if chosen is None:
            chosen = self._tumors.currentData
        self._showing = True
        try:
            self._tumors.clear()
            self._tumors.addItem(ALL_TUMORS, 0)
            for row in rows:
                if row.center_ras is not None:
                    self._tumors.addItem(row.name, row.number)
            self._tumors.setCurrentIndex(max(self._tumors.findData(chosen), 0))
        finally:
            self._showing = False

    def say(self, text: str) -> None:
        """Show a text in the place of the numbers."""
        self._label.text = text
        self._label.visible = bool(text)

    def show(self) -> None:
        """Show the margin and its numbers for what is chosen now."""
        if not self.on:
            return
        number = self._tumors.currentData
        try:
            margin = self._plan().set_margin(float(self._slider.value), [int(number)] if number else None)
        except PanelError as error:
            self.say(str(error))
            return
        known = self._segmentation.GetNodeReference(VESSELS_REFERENCE) is not None
        self.say(plan_words.margin(margin, with_vessels=known) if margin is not None else "")

    def disconnect(self) -> None:
        """Let go of the widgets."""
        self._later.cancel()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)
        self._connections = ()

    def _switched(self, on: bool) -> None:
        if self._showing or self._segmentation is None:
            return
        if on:
            self._later.request()
            return
        self._later.cancel()
        self.say("")
        try:
            self._plan().clear_margin()
        except PanelError as error:
            self.say(str(error))

    def _moved(self, _value: float) -> None:
        if not self._showing and self.on:
            self._later.request()
