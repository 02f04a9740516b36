"""The slider that sets the probability threshold of the selected tumor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.signals import Connections, Debounce, ProgrammaticUpdate

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.correction.lesion_rows import LesionRow
    from LiverTumorAttentionLib.correction import Action

NO_PROBABILITY = _('No probability was kept: segment again with "Keep probability" for thresholds.')
ONE_DRAFT = _("Select one tumor that is a draft to give it a threshold of its own.")
READY = _("Drag to see the selected tumor at another threshold; let go to keep it. One step of Undo.")
DEFAULT_THRESHOLD = 0.5
_PREVIEW_MS = 40


class ThresholdSlider:
    """Previews the tumor at the threshold while the slider is dragged; one action when it is released.

    The slider does not track: it emits `valueIsChanging` while it is dragged and `valueChanged` at the end.
    perform: performs an action. say: shows a message.
    """

    def __init__(
        self,
        slider: Any,
        active_case: ActiveCase,
        perform: Callable[[Action], object],
        say: Callable[..., None],
    ) -> None:
        self._slider = slider
        self._active_case = active_case
        self._perform = perform
        self._say = say
        self._lesion: int | None = None
        self._dragged_to = DEFAULT_THRESHOLD
        self._update = ProgrammaticUpdate()
        self._preview = Debounce(self._show_preview, _PREVIEW_MS, restart=False)
        self._connections = Connections(
            (slider, "valueIsChanging(double)", self._dragged),
            (slider, "valueChanged(double)", self._released),
        )

    def disconnect(self) -> None:
        """End the preview and disconnect the widget."""
        self.end_preview()
        self._connections.disconnect()

    def update(self, row: LesionRow | None) -> None:
        """Set the slider for the selected tumor; None for none or several."""
        study, controller = self._active_case.study, self._active_case.controller
        self._lesion = row.number if row is not None and row.status == "draft" else None
        has_probability = study is not None and study.probability is not None
        self._slider.enabled = has_probability and self._lesion is not None and controller is not None
        self._slider.toolTip = NO_PROBABILITY if study is not None and not has_probability else READY
        if self._lesion is None and has_probability:
            self._slider.toolTip = ONE_DRAFT
        with self._update.running():
            self._slider.value = _last_threshold(controller, self._lesion)

    def end_preview(self) -> None:
        """Show the tumors as they are."""
        self._preview.cancel()
        if self._active_case.controller is not None:
            self._active_case.controller.end_preview()

    def _dragged(self, value: float) -> None:
        if not self._update.active and self._lesion is not None:
            self._dragged_to = value
            self._preview.request()

    def _show_preview(self) -> None:
        controller = self._active_case.controller
        if self._lesion is None or controller is None:
            return
        try:
            controller.preview(self._action(self._dragged_to))
            self._say("")
        except PanelError as error:
            controller.end_preview()
            self._say(str(error), error=True)

    def _released(self, value: float) -> None:
        if self._update.active or self._lesion is None:
            return
        self.end_preview()
        self._perform(self._action(value))

    def _action(self, value: float) -> Action:
        from LiverTumorAttentionLib.correction import Threshold

        return Threshold(probability=round(float(value), 2), lesion=self._lesion)


def _last_threshold(controller: CorrectionController | None, lesion: int | None) -> float:
    """Return the threshold that was last set for a lesion; `DEFAULT_THRESHOLD` where none was."""
    if controller is None or lesion is None:
        return DEFAULT_THRESHOLD
    from LiverTumorAttentionLib.correction import Threshold

    for entry in reversed(controller.session.entries):
        if isinstance(entry.action, Threshold) and entry.action.lesion == lesion:
            return float(entry.action.probability)
    return DEFAULT_THRESHOLD
