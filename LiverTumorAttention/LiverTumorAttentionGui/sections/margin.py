"""The box Safety margin: its width, around which tumours, and its numbers while the slider moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.review import formatting as plan_words
from LiverTumorAttentionGui.review.plan_settings import PlanChoices
from LiverTumorAttentionGui.scene.node_attributes import VESSELS_REFERENCE

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
        self._later = Debounce(self.show, _LIVE_MS, restart=False)
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
        self.offer(rows, chosen=tumors or ())
        self.say(plan_words.NOT_SHOWN if self.on else "")

    def offer(self, rows: Sequence[Any], chosen: Sequence[int] | None = None) -> None:
        """Offer these tumours; the chosen ones stay chosen. chosen: others, empty for all."""
        if chosen is None:
            chosen = self._chosen()
        names = {row.number: row.name for row in rows if row.center_ras is not None}
        chosen = [number for number in chosen if number in names]
        self._showing = True
        try:
            self._tumors.clear()
            self._tumors.addItem(ALL_TUMORS, "")
            for number, name in names.items():
                self._tumors.addItem(name, str(number))
            if len(chosen) > 1:  # as a plan that was made elsewhere can have it
                self._tumors.addItem(", ".join(names[number] for number in chosen), _as_text(chosen))
            self._tumors.setCurrentIndex(max(self._tumors.findData(_as_text(chosen)), 0))
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
        try:
            margin = self._plan().set_margin(float(self._slider.value), self._chosen() or None)
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

    def _chosen(self) -> list[int]:
        """Return the numbers of the chosen tumours; none for all."""
        return [int(number) for number in (self._tumors.currentData or "").split(",") if number]

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


def _as_text(numbers: Sequence[int]) -> str:
    return ",".join(str(number) for number in numbers)
