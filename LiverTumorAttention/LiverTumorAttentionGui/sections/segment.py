"""The section Segment: starts, follows and cancels a run, and shows its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.library_words import shown
from LiverTumorAttentionGui.parameters import (
    MODELS_OWN_DIAMETER,
    MODELS_OWN_THRESHOLD,
    SegmentationParameters,
)
from LiverTumorAttentionGui.process.child_process import Run
from LiverTumorAttentionGui.process.installation import Installation, InstallationCancelled
from LiverTumorAttentionGui.process.protocol import Outcome
from LiverTumorAttentionGui.scene.node_attributes import PORTAL_REFERENCE
from LiverTumorAttentionGui.sections.compute_on import ComputeOnSection
from LiverTumorAttentionGui.sections.registration import RegistrationSection
from LiverTumorAttentionGui.segmentation import (
    PHASES_TITLE,
    LiverTumorAttentionLogic,
    RunSettings,
    SegmentationRequest,
    SegmentationResult,
    SegmentationRun,
)
from LiverTumorAttentionGui.signals import Connections
from LiverTumorAttentionLib.lesion_classifier import OPERATING_POINTS

OPERATING_POINT_TOOLTIP = _(
    "Which findings to keep by their lesion probability: Sensitive keeps nearly all "
    "lesions, Specific leaves few false findings, Balanced weighs both. The thresholds "
    "were chosen on validation cases."
)
NO_OPERATING_POINT = _("The chosen model gives no lesion probability, so all its findings are kept.")
DEVICE_TITLES = {"auto": _("Automatic"), "cpu": "CPU", "cuda": _("Graphics card (CUDA)")}
READY_TOOLTIP = _(
    "Segment the liver and its tumors; the result becomes the case that is corrected and reviewed."
)
LEFT_MEANWHILE = _(
    "The Python packages are installed. The module was left or the scene was closed "
    "meanwhile, so nothing was computed: press Segment tumors again."
)
OTHER_CT = _("The chosen output belongs to another CT, so a new segmentation will be made.")


class SamplePhases(Protocol):
    """The nodes of the sample case."""

    @property
    def portal(self) -> slicer.vtkMRMLScalarVolumeNode: ...

    @property
    def arterial(self) -> slicer.vtkMRMLScalarVolumeNode: ...


class SegmentSection:
    """Owns the current run: a segmentation, or the generation of the sample case.

    installer: installs missing packages before a run; while it does, whoever asked for it, nothing else of this section
    can start, and Cancel ends it. run_factory: makes the run of a request. model: returns the
    chosen model's id. has_operating_points: returns whether it gives a lesion probability. missing_phase:
    returns which phase it needs and is not given, in a sentence. load_sample: starts to
    generate the sample case and returns its run. on_result: called with the result of a segmentation. on_failed:
    called when a run failed. blocked: returns why no run can start beside another, in one sentence; empty when it can.
    stored: see `ComputeOnSection`.
    """

    def __init__(
        self,
        ui: Any,
        logic: LiverTumorAttentionLogic,
        *,
        installer: Installation,
        run_factory: Callable[..., SegmentationRun],
        load_sample: Callable[..., Run],
        model: Callable[[], str],
        has_operating_points: Callable[[], bool],
        missing_phase: Callable[[], str],
        on_result: Callable[[SegmentationResult], None],
        on_failed: Callable[[], None],
        blocked: Callable[[], str],
        stored: Any = None,
    ) -> None:
        self._ui = ui
        self._logic = logic
        self._installer = installer
        self._run_factory = run_factory
        self._load_sample = load_sample
        self._model = model
        self._has_operating_points = has_operating_points
        self._missing_phase = missing_phase
        self._on_result = on_result
        self._on_failed = on_failed
        self._blocked = blocked
        self._installing = self._disconnected = False
        self._run: Run | None = None
        self._warnings: list[str] = []
        self._summary = ""
        self._parameters: SegmentationParameters | None = None
        self._message = MessageLine(ui.statusLabel)
        self._registration = RegistrationSection(ui)
        self._compute_on = ComputeOnSection(ui, on_change=self._compute_on_changed, stored=stored)
        for device, title in DEVICE_TITLES.items():
            ui.deviceComboBox.addItem(title, device)
        for point in OPERATING_POINTS:
            ui.operatingPointComboBox.addItem(shown(point.capitalize()), point)
        self._connections = Connections(
            (ui.segmentButton, "clicked(bool)", self._segment_clicked),
            (ui.sampleButton, "clicked(bool)", self._sample_clicked),
            (ui.cancelButton, "clicked(bool)", self._cancel_clicked),
            (ui.compareButton, "clicked(bool)", self._registration.compare),
            (ui.deviceComboBox, "currentIndexChanged(int)", self._device_chosen),
            (ui.operatingPointComboBox, "currentIndexChanged(int)", self._operating_point_chosen),
        )
        installer.on_change(self._show_installation)
        self._show_idle()

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._disconnected = True
        self._connections.disconnect()
        self._compute_on.disconnect()

    @property
    def running(self) -> bool:
        """Whether a run is under way, or packages are being installed."""
        return self._run is not None or self._installing

    def update(
        self, parameters: SegmentationParameters | None, study: slicer.vtkMRMLSegmentationNode | None
    ) -> None:
        """Show the choices of the parameter node. study: the segmentation under work, None for none."""
        self._parameters = parameters
        self._registration.update(study)
        if parameters is None:
            return
        self._reset_output_of_another_volume(parameters)
        combo = self._ui.deviceComboBox
        combo.setCurrentIndex(combo.findData(parameters.device))
        points = self._ui.operatingPointComboBox
        points.setCurrentIndex(points.findData(parameters.operating_point))
        points.enabled = self._has_operating_points()
        points.toolTip = OPERATING_POINT_TOOLTIP if points.enabled else NO_OPERATING_POINT
        others = (parameters.arterial, parameters.delayed, parameters.native)
        self._ui.keepRegisteredCheckBox.enabled = any(node is not None for node in others)
        self._update_buttons()

    def say(self, message: str, *, error: bool = False) -> None:
        """Show a message above the warnings of this run."""
        lines = [message, *(_("Warning: {warning}").format(warning=warning) for warning in self._warnings)]
        self._message.say("\n".join(line for line in lines if line), error=error)

    def add_note(self, note: str) -> None:
        """Show a sentence behind the result of the run."""
        self._summary = f"{self._summary} {note}"
        self.say(self._summary)

    def abandon(self, message: str = "") -> None:
        """End the run, whose volumes or panel are being removed, and show a message."""
        run, self._run = self._run, None
        if run is not None:
            run.abandon()
            self._show_idle()
            self.say(message)

    def clear(self) -> None:
        """Hide the verdict of the last run."""
        self._registration.clear()

    def _reset_output_of_another_volume(self, parameters: SegmentationParameters) -> None:
        """Choose a new output where the chosen one belongs to another portal venous volume, maybe another patient's."""
        output, portal = parameters.output, parameters.portal
        own = output.GetNodeReference(PORTAL_REFERENCE) if output is not None else None
        if own is not None and portal is not None and own is not portal:
            parameters.output = None
            if not self.running:
                self.say(OTHER_CT)

    def _device_chosen(self, _index: int) -> None:
        if self._parameters is not None:
            self._parameters.device = self._ui.deviceComboBox.currentData

    def _operating_point_chosen(self, _index: int) -> None:
        chosen = self._ui.operatingPointComboBox.currentData
        if self._parameters is not None and chosen is not None:
            self._parameters.operating_point = chosen

    def _update_buttons(self) -> None:
        problem = self._problem()
        self._ui.segmentButton.enabled = not problem and not self.running
        self._ui.segmentButton.toolTip = problem or READY_TOOLTIP
        self._ui.cancelButton.enabled = self.running
        self._ui.inputsButton.enabled = not self.running
        self._ui.installButton.enabled = not self.running
        self._ui.advancedGroupBox.enabled = not self.running

    def _problem(self) -> str:
        if self._parameters is None:
            return _("Choose the portal venous CT first.")
        chosen = self._parameters
        problem = self._blocked() or self._logic.problem(
            chosen.portal, chosen.arterial, self._model(), delayed=chosen.delayed, native=chosen.native
        )
        return problem or self._missing_phase() or self._compute_on.problem()

    def _compute_on_changed(self) -> None:
        if self._parameters is not None:
            self._update_buttons()

    def server_problem(self) -> str:
        """Return why no run can be sent to the chosen server, in one sentence; see `ComputeOnSection.problem`."""
        return self._compute_on.problem()

    def ensure(self) -> None:
        """Install what a run needs here, which is no torch where a server computes. Raises `PanelError`."""
        if self._compute_on.server() is None:
            self._installer.ensure()
        else:
            self._installer.ensure_requirements()

    def settings(self) -> RunSettings:
        """Return the settings that are chosen in the panel."""
        parameters = self._parameters if self._parameters is not None else self._logic.getParameterNode()
        threshold, diameter_mm = parameters.threshold, parameters.minimum_diameter_mm
        return RunSettings(
            model=parameters.model,
            device=parameters.device,
            threshold=threshold if threshold > MODELS_OWN_THRESHOLD else None,
            minimum_diameter_mm=diameter_mm if diameter_mm > MODELS_OWN_DIAMETER else None,
            operating_point=parameters.operating_point if self._has_operating_points() else None,
            server=self._compute_on.server(),
        )

    def _request(
        self, parameters: SegmentationParameters, *, phases_as_given: bool = False
    ) -> SegmentationRequest:
        return SegmentationRequest(
            portal=parameters.portal,
            arterial=parameters.arterial,
            delayed=parameters.delayed,
            native=parameters.native,
            output=parameters.output,
            keep_registered=parameters.keep_registered,
            keep_probability=parameters.keep_probability,
            **vars(replace(self.settings(), phases_as_given=phases_as_given)),
        )

    def _segment_clicked(self, _checked: bool = False) -> None:
        self._begin()

    def _begin(self, *, phases_as_given: bool = False) -> None:
        parameters = self._parameters
        if self.running or parameters is None or self._blocked():
            return
        self._warnings = []
        self._registration.clear()
        try:
            self.ensure()
            if self._disconnected:
                return
            if self._parameters is not parameters:
                self.say(LEFT_MEANWHILE)
                return
            run = self._run = self._run_factory(
                self._logic,
                self._request(parameters, phases_as_given=phases_as_given),
                on_progress=self._show_progress,
                on_warning=self._warn,
                on_finished=self._finished,
            )
            self._show_progress(0.0, _("Writing volumes"))
            self.say("")
            self._update_buttons()
            run.start()
        except (PanelError, OSError) as error:
            self._run = None
            self._refused(error)

    def _sample_clicked(self, _checked: bool = False) -> None:
        if self.running:
            return
        self._warnings = []
        self.say("")
        try:
            self._installer.ensure_requirements()
            if self._disconnected:
                return
            self._run = self._load_sample(self._show_progress, self._sample_finished)
        except PanelError as error:
            self._refused(error)
            return
        self._show_progress(0.0, _("Sample case"))
        self._update_buttons()

    def _sample_finished(self, outcome: Outcome, sample: SamplePhases | None) -> None:
        self._run = None
        self._show_idle()
        if sample is None:
            self.say(outcome.message, error=outcome.status == "failed")
            return
        parameters = self._parameters if self._parameters is not None else self._logic.getParameterNode()
        parameters.delayed = parameters.native = None
        parameters.portal, parameters.arterial = sample.portal, sample.arterial
        self.say(
            _("The sample case is ready to be segmented. It was made by a computer and shows no patient.")
        )

    def _cancel_clicked(self, _checked: bool = False) -> None:
        self._ui.cancelButton.enabled = False
        if self._run is not None:
            self._run.cancel()
        elif self._installing:
            self._installer.cancel()

    def _refused(self, error: Exception) -> None:
        """Show why nothing was started, unless the panel was closed meanwhile."""
        if not self._disconnected:
            self._show_idle()
            self.say(str(error), error=not isinstance(error, InstallationCancelled))

    def _show_installation(self, words: str) -> None:
        """Show what is being installed; an empty text when the installation has ended."""
        began = bool(words) and not self._installing
        self._installing = bool(words)
        if self._disconnected or self._run is not None:
            return
        if not words:
            self._show_idle()
            return
        if began:
            self.say("")
            self._update_buttons()
        self._ui.progressBar.maximum = 0  # it moves without a fraction, which pip does not tell
        self._ui.progressBar.visible = self._ui.stageLabel.visible = True
        self._ui.stageLabel.text = words

    def _show_progress(self, fraction: float, stage: str) -> None:
        self._ui.progressBar.maximum = 100
        self._ui.progressBar.visible = self._ui.stageLabel.visible = True
        self._ui.progressBar.value = round(100 * fraction)
        self._ui.stageLabel.text = stage[:1].upper() + stage[1:]

    def _warn(self, message: str) -> None:
        if message and message not in self._warnings:
            self._warnings.append(message)
            self.say("")

    def _finished(self, outcome: Outcome, result: SegmentationResult | None) -> None:
        self._run = None
        self._show_idle()
        if result is None:
            self.say(outcome.message, error=outcome.status == "failed")
            if outcome.question and self._parameters is not None and self._confirmed(outcome.question):
                self._begin(phases_as_given=True)
            elif outcome.status == "failed":
                self._on_failed()
            return
        self._registration.show(result.verdict)
        for warning in result.warnings:
            self._warn(warning)
        self._summary = result.summary
        self.say(self._summary)
        self._on_result(result)

    def _confirmed(self, question: str) -> bool:
        """Ask whether the volumes are used as they were chosen."""
        sentence = question[:1].upper() + question[1:].rstrip(".")
        text = _("{sentence}.\n\nUse the volumes as they were chosen?").format(sentence=sentence)
        return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle=PHASES_TITLE))

    def _show_idle(self) -> None:
        self._ui.progressBar.maximum = 100
        self._ui.progressBar.value = 0
        self._ui.stageLabel.text = ""
        self._ui.progressBar.visible = self._ui.stageLabel.visible = False
        self._update_buttons()
