"""Prompts answered by the phase that is shown, and the selected tumor redrawn as the other phase shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene import slice_views
from LiverTumorAttentionGui.signals import Connections

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.active_case import ActiveCase
    from LiverTumorAttentionLib.correction import Action

OTHER = {"portal": "arterial", "arterial": "portal"}
BY_PHASE_TIP = _(
    "Add, Line, Box, Lasso, Include and Exclude are answered by what the phase shows that you click in, portal venous "
    "or registered arterial, and by nothing else. Off: by both phases together, and the network's probability."
)
SAME_TIP = _(
    "Redraw the selected tumor as the other phase shows it: its clicks are answered again by that phase alone, and "
    "its number stays. The arterial phase shows what enhances, as mRECIST measures it, the portal venous one the "
    "extent with washout and capsule. The message gives the volume in either; Undo brings the former outline back. "
    "A tumor that does not stand out there stays as it is."
)


class OtherPhase:
    """The check box and the button of a case with an arterial phase.

    number: returns the selected draft, None for none or several. perform: performs an action; returns None where it was
    refused.
    """

    def __init__(
        self,
        ui: Any,
        active_case: ActiveCase,
        *,
        number: Callable[[], int | None],
        perform: Callable[[Action], object | None],
    ) -> None:
        self._box, self._button = ui.phaseCheckBox, ui.otherPhaseButton
        self._active_case, self._number, self._perform = active_case, number, perform
        self._box.toolTip, self._button.toolTip = BY_PHASE_TIP, SAME_TIP
        self._connections = Connections((self._button, "clicked(bool)", self._pressed))

    def update(self) -> None:
        """Enable what the active case and the selection allow."""
        study = self._active_case.study
        there = study is not None and study.arterial is not None
        self._box.enabled = there
        self._button.enabled = there and self._number() is not None

    def disconnect(self) -> None:
        """Disconnect the button."""
        self._connections.disconnect()

    def phase(self) -> str | None:
        """Return the phase that is to answer alone, None for both. Raises `PanelError` where it cannot be told."""
        study = self._active_case.study
        if study is None or study.arterial is None or not self._box.checked:
            return None
        shown = slice_views.phase_shown(study)
        if shown is None:
            raise PanelError(
                _(
                    "The view shows neither the portal venous nor the registered arterial phase: show one of them, or "
                    "switch off Answer by the phase shown."
                )
            )
        return shown

    def _pressed(self, _checked: bool = False) -> None:
        from LiverTumorAttentionLib.correction import SameInPhase

        study, controller, number = self._active_case.study, self._active_case.controller, self._number()
        if study is None or controller is None or number is None:
            return
        last = controller.session.lesions[number].phase or slice_views.phase_shown(study) or "portal"
        wanted = OTHER[last]
        if self._perform(SameInPhase(lesion=number, phase=wanted)) is not None:
            slice_views.show_phase(study, wanted)
