"""Sign-off of the active case: the reader's name, the button that signs or reopens, and what is in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.signals import Connections

REOPEN_TITLE, REOPEN_QUESTION = _("Reopen the case"), _("Why is the case reopened?")
DRAFT = _("DRAFT: not signed.")
SIGN_TIP = _(
    "Sign the case under the reader's name, once every tumor is accepted or rejected: it "
    "is locked then, and report and DICOM objects name the reader."
)
REOPEN_TIP = _("Reopen the signed case with a reason, which is kept in its log: it is a draft again.")


def ask_for_reason(parent: Any) -> str:
    """Ask the user why the case is reopened; return an empty string when the dialog is cancelled."""
    return str(qt.QInputDialog.getText(parent, REOPEN_TITLE, REOPEN_QUESTION) or "")


class SignOffBox:
    """Connects the sign-off widgets of ReviewSection.ui to the active case.

    say: shows a message. ask: asks for the reason of reopening; replaced in tests.
    """

    def __init__(
        self,
        ui: Any,
        active_case: ActiveCase,
        *,
        say: Callable[..., None],
        ask: Callable[[Any], str] = ask_for_reason,
    ) -> None:
        self._button, self._name, self._label = ui.signButton, ui.readerEdit, ui.signLabel
        self._active_case = active_case
        self._say = say
        self.ask = ask
        self._connections = Connections((self._button, "clicked(bool)", self._clicked))
        active_case.on_outcome(lambda _outcome: self.update())
        self.update()

    def update(self) -> None:
        """Show whether the active case is signed."""
        controller = self._active_case.controller
        signed = controller.sign_off if controller is not None else None
        self._button.text = _("Reopen…") if signed is not None else _("Sign")
        self._button.toolTip = REOPEN_TIP if signed is not None else SIGN_TIP
        self._button.enabled = controller is not None and not self._active_case.busy
        self._label.visible = controller is not None
        if signed is not None:
            sentence = signed.sentence()
            self._label.text = _("{first}{rest}. Locked.").format(
                first=sentence[:1].upper(), rest=sentence[1:]
            )
        else:
            self._label.text = DRAFT

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._connections.disconnect()

    def _clicked(self, _checked: bool = False) -> None:
        controller = self._active_case.controller
        if controller is None:
            return
        reader = str(self._name.text)
        try:
            if controller.sign_off is None:
                controller.sign(reader)
                self._say(_("Signed. Reopen the case to change it."))
                return
            reason = self.ask(self._button)
            if reason:
                controller.reopen(reader, reason)
                self._say(_("Reopened: the case is a draft again."))
        except PanelError as error:
            self._say(str(error), error=True)
