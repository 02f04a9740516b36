"""The slider that gives the selected tumour a threshold of its own on the network's probability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.errors import PanelError

NO_PROBABILITY = 'No probability was kept: segment again with "Keep probability" for thresholds.'
ONE_DRAFT = "Select one tumor that is a draft to give it a threshold of its own."
READY = "Drag to see the selected tumor at another threshold; let go to keep it. One step of Undo."
START = 0.5
_PREVIEW_MS = 40


class LesionThreshold:
    """Shows the tumour at a threshold while the slider is dragged, and makes one action of it at its release.

    The slider does not track: it says `valueIsChanging` while it is dragged and `valueChanged` at the end.
    """

    def __init__(
        self, slider: Any, active_case: ActiveCase, perform: Callable[[Any], Any], say: Callable[..., None]
    ) -> None:
        self._slider = slider
        self._active_case = active_case
        self._perform = perform
        self._say = say
        self._lesion: int | None = None
        self._wanted = START
        self._showing = False
        self._preview = Debounce(self._show_preview, _PREVIEW_MS, restart=False)
        slider.connect("valueIsChanging(double)", self._dragged)
        slider.connect("valueChanged(double)", self._released)

    def disconnect(self) -> None:
        """Let go of the widget."""
        self.end_preview()
        self._slider.disconnect("valueIsChanging(double)", self._dragged)
        self._slider.disconnect("valueChanged(double)", self._released)

    def update(self, row: Any) -> None:
        """Be about this row of the table; None for none or several."""
        study, controller = self._active_case.study, self._active_case.controller
        self._lesion = row.number if row is not None and row.status == "draft" else None
        kept = study is not None and study.probability is not None
        self._slider.enabled = kept and self._lesion is not None and controller is not None
        self._slider.toolTip = NO_PROBABILITY if study is not None and not kept else READY
        if self._lesion is None and kept:
            self._slider.toolTip = ONE_DRAFT
        self._show(_last_threshold(controller, self._lesion))

    def end_preview(self) -> None:
        """Show the tumours as they are."""
        self._preview.cancel()
        if self._active_case.controller is not None:
            self._active_case.controller.end_preview()

    def _show(self, value: float) -> None:
        self._showing = True
        try:
            self._slider.value = value
        finally:
            self._showing = False

    def _dragged(self, value: float) -> None:
        if not self._showing and self._lesion is not None:
            self._wanted = value
            self._preview.request()

    def _show_preview(self) -> None:
        if self._lesion is None or self._active_case.controller is None:
            return
        try:
            self._active_case.controller.preview(self._action(self._wanted))
            self._say("")
        except PanelError as error:
            self._active_case.controller.end_preview()
            self._say(str(error), error=True)

    def _released(self, value: float) -> None:
        if self._showing or self._lesion is None:
            return
        self.end_preview()
        self._perform(self._action(value))

    def _action(self, value: float) -> Any:
        from LiverTumorAttentionLib.correction import Threshold

        return Threshold(probability=round(float(value), 2), lesion=self._lesion)


def _last_threshold(controller: Any, lesion: int | None) -> float:
    """Return the threshold that a lesion was given last; `START` where it was given none."""
    if controller is None or lesion is None:
        return START
    for entry in reversed(controller.session.entries):
        if entry.action.tool == "threshold" and entry.action.lesion == lesion:
            return float(entry.action.probability)
    return START
