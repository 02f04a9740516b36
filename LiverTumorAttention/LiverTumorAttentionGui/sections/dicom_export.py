"""The button Export DICOM…: finds or asks for the series and the folder, and starts the run that writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import PHASE_NAMES
from LiverTumorAttentionGui.sections.child_task import ChildTask
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
    """Writes SEG, structured report and RT Structure Set in a child process.

    task: shows the run. button: of the dialogs. ensure: installs the packages of the child, and returns their folder.
    plan: returns the plan as `review --plan` reads it, None for none; raises `PanelError`. choose_folder: asks for a
    folder; replaced in tests.
    """

    def __init__(
        self,
        task: ChildTask,
        *,
        button: Any,
        active_case: ActiveCase,
        ensure: Callable[[], str],
        plan: Callable[[], dict[str, Any] | None],
        choose_folder: Callable[[Any, str], str] = ask_for_folder,
    ) -> None:
        self._task = task
        self._button = button
        self._active_case = active_case
        self._ensure = ensure
        self._plan = plan
        self.choose_folder = choose_folder

    @property
    def running(self) -> bool:
        """Whether objects are being written."""
        return self._task.running

    def start(self) -> None:
        """Find or ask for what is needed, and start the run."""
        from LiverTumorAttentionGui.scene.dicom_source import dicom_source

        study = self._active_case.study
        if self._task.running or study is None:
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
        where = _("the patient's study in the DICOM database") if target is None else str(target)
        done = _("SEG, SR and RT Structure Set are in {where}. {notice}").format(
            where=where, notice=NOT_FOR_CLINICAL_USE
        )
        self._task.start(
            lambda **listeners: self._make(study, source, target, **listeners), lambda _result: done
        )

    def _make(self, study: Study, source: Any, target: Path | None, **listeners: Any) -> DicomRun | None:
        from LiverTumorAttentionGui.review.dicom_run import DicomRun

        packages, name = self._ensure(), study.segmentation.GetName()
        if self._active_case.study is not study:
            return None  # the module was left or the scene was closed while packages were installed
        instances, plan = self._active_case.instances(), self._plan()
        return DicomRun(
            study,
            instances,
            self._active_case.log_text(),
            source,
            packages=packages,
            target=target,
            name=_NO_NAME.sub("_", name),
            phases=self._phases(study, source),
            plan=plan,
            **listeners,
        )

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
                self._task.warnings.append(OTHER_STUDY.format(phase=phase))
        return found
