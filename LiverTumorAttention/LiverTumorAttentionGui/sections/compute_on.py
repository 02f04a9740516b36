"""Compute on this computer or on a server: the choice, kept in the settings of this computer and never in a scene.

A scene may come from anybody, and must not decide where volumes are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.segmentation import ComputeServer
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.remote.address import ServerAddress

HERE, SERVER = "this computer", "server"
TITLES = {HERE: _("This computer"), SERVER: _("Server")}
GROUP = "LiverTumorAttention"
KEYS = {
    "server": "serverLineEdit",
    "tokenFile": "tokenFileLineEdit",
    "certificate": "certificateLineEdit",
}
"""Keys of the texts among the settings, and the widget of each."""
SENT = _(
    "A run sends the voxels and the geometry of the chosen volumes and its settings to {address}, and nothing else: no "
    "name and no tag. Corrections are computed on this computer."
)
NO_ADDRESS = _("Give the address of the server, or compute on this computer.")
NO_SERVER = _("{reason}. Or compute on this computer.")


class ComputeOnSection:
    """The choice and its fields. stored: keeps values by key, as QSettings does. on_change: called after a change.

    choose_file: asks for a file and returns its path, empty for none.
    """

    def __init__(
        self,
        ui: Any,
        *,
        on_change: Callable[[], None],
        stored: Any = None,
        choose_file: Callable[[Any, str], str] | None = None,
    ) -> None:
        self._ui = ui
        self._on_change = on_change
        self._stored = stored if stored is not None else qt.QSettings()
        self._choose_file = choose_file or _ask_for_file
        self._update = ProgrammaticUpdate()
        with self._update.running():
            for value, title in TITLES.items():
                ui.computeOnComboBox.addItem(title, value)
            chosen = self._stored.value(f"{GROUP}/computeOn")
            ui.computeOnComboBox.setCurrentIndex(list(TITLES).index(SERVER if chosen == SERVER else HERE))
            for key, edit in self._edits().items():
                edit.text = str(self._stored.value(f"{GROUP}/{key}") or "")
        self._connections = Connections(
            (ui.computeOnComboBox, "currentIndexChanged(int)", self._changed),
            (ui.serverLineEdit, "textChanged(QString)", self._changed),
            (ui.tokenFileLineEdit, "textChanged(QString)", self._changed),
            (ui.certificateLineEdit, "textChanged(QString)", self._changed),
            (ui.tokenFileButton, "clicked(bool)", self._token_file_clicked),
            (ui.certificateButton, "clicked(bool)", self._certificate_clicked),
        )
        self._show()

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._connections.disconnect()

    def server(self) -> ComputeServer | None:
        """Return the server that is chosen; None for this computer."""
        if self._ui.computeOnComboBox.currentData != SERVER:
            return None
        return ComputeServer(
            address=self._ui.serverLineEdit.text.strip(),
            token_file=self._ui.tokenFileLineEdit.text.strip(),
            certificate=self._ui.certificateLineEdit.text.strip(),
        )

    def problem(self) -> str:
        """Return why no run can be sent, in one sentence; empty when it can, and for this computer."""
        server = self.server()
        if server is None:
            return ""
        if not server.address:
            return NO_ADDRESS
        try:
            ServerAddress(url=server.address)
        except InputError as error:
            reason = str(error)
            return NO_SERVER.format(reason=reason[:1].upper() + reason[1:])
        return ""

    def _edits(self) -> dict[str, Any]:
        return {key: getattr(self._ui, name) for key, name in KEYS.items()}

    def _changed(self, _value: Any = None) -> None:
        if self._update.active:
            return
        self._stored.setValue(f"{GROUP}/computeOn", self._ui.computeOnComboBox.currentData)
        for key, edit in self._edits().items():
            self._stored.setValue(f"{GROUP}/{key}", edit.text.strip())
        self._show()
        self._on_change()

    def _show(self) -> None:
        server = self.server()
        ui = self._ui
        for widget in (
            *(ui.serverLabel, ui.serverLineEdit, ui.tokenFileLabel, ui.tokenFileLineEdit, ui.tokenFileButton),
            *(ui.certificateLabel, ui.certificateLineEdit, ui.certificateButton, ui.serverNoticeLabel),
        ):
            widget.visible = server is not None
        if server is not None:
            ui.advancedGroupBox.collapsed = False  # where volumes go stays in sight
        ui.deviceComboBox.enabled = server is None  # it is the server's
        problem = self.problem()
        ui.serverNoticeLabel.text = problem or (SENT.format(address=server.address) if server else "")

    def _token_file_clicked(self, _checked: bool = False) -> None:
        self._choose(self._ui.tokenFileLineEdit, _("Choose the file of the token"))

    def _certificate_clicked(self, _checked: bool = False) -> None:
        self._choose(self._ui.certificateLineEdit, _("Choose the certificate of the server"))

    def _choose(self, edit: Any, title: str) -> None:
        path = self._choose_file(self._ui.computeOnComboBox.window(), title)
        if path:
            edit.text = path


def _ask_for_file(parent: Any, title: str) -> str:
    return str(qt.QFileDialog.getOpenFileName(parent, title) or "")
