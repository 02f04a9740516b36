"""The button Export DICOM…: finds or asks for the series and the folder, and shows the run that writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.scene.node_attributes import PHASE_NAMES
from LiverTumorAttentionGui.signals import Connections
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.dicom_run import DicomRun, RegisteredPhase
    from LiverTumorAttentionGui.scene.study import Study

SERIES_TITLE = _("DICOM folder of the portal venous CT")
TARGET_TITLE = _("Folder for the DICOM objects")
OTHER_STUDY = _("the {phase} series is of another study, so the structured report holds no {phase} value")
_NO_NAME = re.compile(r"[^\w .-]+")


def ask_for_folder(parent: Any, title: str) -> str:
    """Ask the user for a folder; return an empty string when the dialog is cancelled."""
    return str(qt.QFileDialog.getExistingDirectory(parent, title) or "")


class DicomExport:
    """Writes SEG, structured report and RT Structure Set in a child process, and shows the progress.

    bar, cancel_button: of the section. say: shows a message. ensure: installs the packages of the child, and returns
    their folder. on_change: called when a run begins or ends. choose_folder: asks for a folder; replaced in tests.
    """

    def __init__(
        self,
        *,
        bar: Any,
        cancel_button: Any,
        active_case: ActiveCase,
        say: Callable[..., None],
        ensure: Callable[[], str],
        on_change: Callable[[], None],
        choose_folder: Callable[[Any, str], str] = ask_for_folder,
    ) -> None:
        self._bar, self._button = bar, cancel_button
        self._active_case = active_case
        self._say = say
        self._ensure = ensure
        self._on_change = on_change
        self.choose_folder = choose_folder
        self._run: DicomRun | None = None
        self._warnings: list[str] = []
        self._connections = Connections((cancel_button, "clicked(bool)", self._cancel_clicked))

    @property
    def running(self) -> bool:
        """Whether objects are being written."""
        return self._run is not None

    def start(self) -> None:
        """Find or ask for what is needed, and start the run."""
        from LiverTumorAttentionGui.scene.dicom_source import dicom_source

        study = self._active_case.study
        if self._run is not None or study is None:
            return
        source: Any = dicom_source(study.portal)
        target: Path | None = None
        if source is None:
            folders = []
            for title in (SERIES_TITLE, TARGET_TITLE):
                folders.append(self.choose_folder(self._button, title))
                if not folders[-1]:
                    return
            source, target = (Path(folder) for folder in folders)
        try:
            self._start(study, source, target)
        except (PanelError, OSError) as error:
            self._run = None
            self._show_idle()
            self._say(str(error), error=True)

    def abandon(self) -> None:
        """End the run without a message."""
        run, self._run = self._run, None
        if run is not None:
            run.abandon()
            self._show_idle()

    def disconnect(self) -> None:
        """End the run and disconnect the widgets."""
        self.abandon()
        self._connections.disconnect()

    def _start(self, study: Study, source: Any, target: Path | None) -> None:
        from LiverTumorAttentionGui.review.dicom_run import DicomRun

        packages, name = self._ensure(), study.segmentation.GetName()
        if self._active_case.study is not study:
            return  # the module was left or the scene was closed while packages were installed
        self._warnings = []
        self._run = DicomRun(
            self._active_case.instances(),
            self._active_case.log_text(),
            source,
            packages=packages,
            target=target,
            name=_NO_NAME.sub("_", name),
            phases=self._phases(study, source),
            report=study.report,
            on_progress=self._show_progress,
            on_warning=self._warnings.append,
            on_finished=lambda outcome: self._finished(outcome, target),
        )
        self._show_progress(0.0, _("Writing volumes"))
        self._on_change()
        self._run.start()

    def _phases(self, study: Study, source: Any) -> dict[str, RegisteredPhase]:
        """Return the registered phases whose series are in the database, in the portal one's study."""
        from LiverTumorAttentionGui.review.dicom_run import RegisteredPhase
        from LiverTumorAttentionGui.scene.dicom_source import DicomSource, registered_source

        found: dict[str, RegisteredPhase] = {}
        for phase in PHASE_NAMES if isinstance(source, DicomSource) else ():
            volume = study.registered(phase)
            series = None if volume is None else registered_source(volume)
            image = study.registered_image(phase)
            if series is None or image is None:
                continue
            if series.study == source.study:
                found[phase] = RegisteredPhase(image=image, source=series)
            else:
                self._warnings.append(OTHER_STUDY.format(phase=phase))
        return found

    def _cancel_clicked(self, _checked: bool = False) -> None:
        if self._run is not None:
            self._button.enabled = False
            self._run.cancel()

    def _show_progress(self, fraction: float, stage: str) -> None:
        self._bar.visible = self._button.enabled = True
        self._bar.value = round(100 * fraction)
        self._say(_("DICOM: {stage}").format(stage=stage))

    def _finished(self, outcome: Outcome, target: Path | None) -> None:
        self._run = None
        self._show_idle()
        if outcome.status == "done":
            where = _("the patient's study in the DICOM database") if target is None else str(target)
            done = _("SEG, SR and RT Structure Set are in {where}. {notice}").format(
                where=where, notice=NOT_FOR_CLINICAL_USE
            )
            self._say(
                "\n".join(
                    [done, *(_("Warning: {warning}").format(warning=warning) for warning in self._warnings)]
                )
            )
        else:
            self._say(outcome.message, error=outcome.status == "failed")

    def _show_idle(self) -> None:
        self._bar.value = 0
        self._bar.visible = self._button.enabled = False
        self._on_change()
