"""The sample case generated for Slicer's module Sample Data, with a progress dialog."""

from __future__ import annotations

from typing import Any

import qt
import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.install import Installer, PackageInstaller
from LiverTumorAttentionGui.process.installation import Installation, InstallationCancelled
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.sample.sample_case import NAME
from LiverTumorAttentionGui.sample.sample_run import SampleNodes, SampleRun, load_sample

TITLE = "Liver Tumor Attention"
LABEL = _(
    "Generating a synthetic two-phase CT on this computer.\nNothing is downloaded. Not "
    "for clinical use.\n\n{}"
)


def generate_with_dialog(_source: Any = None) -> None:
    """Start to generate the sample, with a progress dialog that can cancel it; return at once.

    A second call shows the dialog of the first.
    """
    SampleDialog.open()


class SampleDialog:
    """A generation and its progress dialog, at most one at a time; `current` refers to it until it has ended."""

    current: SampleDialog | None = None

    @classmethod
    def open(cls, **settings: Any) -> None:
        """Show the dialog, and start a generation unless one runs. settings: as `load_sample` takes them."""
        if cls.current is None:
            cls.current = cls()
            cls.current.dialog.show()
            cls.current._start(**settings)
        if cls.current is not None:
            cls.current.dialog.show()
            cls.current.dialog.raise_()

    def __init__(self) -> None:
        self._run: SampleRun | None = None
        self._installation: Installation | None = None
        self.dialog = qt.QProgressDialog(LABEL.format(""), _("Cancel"), 0, 100)
        self.dialog.windowTitle = TITLE
        # Not modal: a modal dialog runs the event loop inside each step. Open until the volumes are in the scene.
        self.dialog.modal = False
        self.dialog.autoClose = False
        self.dialog.autoReset = False
        self.dialog.minimumDuration = 0
        self.dialog.connect("canceled()", self._cancel)

    def _start(self, installer: PackageInstaller | None = None, **settings: Any) -> None:
        self._installation = Installation(installer or Installer())
        self._installation.on_change(self._show_words)
        try:
            self._run = load_sample(self._progress, self._finished, installer=self._installation, **settings)
        except InstallationCancelled:
            self._end()
        except (PanelError, OSError) as error:
            self._end()
            slicer.util.errorDisplay(str(error), windowTitle=TITLE)

    def _cancel(self) -> None:
        if self._run is not None:
            self._run.cancel()
        elif self._installation is not None:
            self._installation.cancel()

    def _show_words(self, words: str) -> None:
        self.dialog.labelText = LABEL.format(words)

    def _progress(self, fraction: float, stage: str) -> None:
        self.dialog.value = round(100 * fraction)
        self.dialog.labelText = LABEL.format(f"{stage[:1].upper()}{stage[1:]}")

    def _finished(self, outcome: Outcome, sample: SampleNodes | None) -> None:
        self._end()
        if outcome.status == "failed":
            slicer.util.errorDisplay(outcome.message, windowTitle=TITLE)
        elif sample is not None:
            slicer.util.showStatusMessage(
                f"{NAME}: {sample.portal.GetName()}, {sample.arterial.GetName()}", 5000
            )

    def _end(self) -> None:
        SampleDialog.current = None
        self._run = None
        self.dialog.disconnect("canceled()", self._cancel)
        self.dialog.hide()
        self.dialog.deleteLater()
