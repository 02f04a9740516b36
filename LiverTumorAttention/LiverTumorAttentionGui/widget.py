"""The panel: what is chosen, what happens, what came out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.install import Installer
from LiverTumorAttentionGui.kept import KeptRegistration
from LiverTumorAttentionGui.logic import LiverTumorAttentionLogic, SegmentationRequest, SegmentationResult
from LiverTumorAttentionGui.models import ModelChoice, installed_models
from LiverTumorAttentionGui.protocol import Outcome
from LiverTumorAttentionGui.registration import RegistrationSection
from LiverTumorAttentionGui.run import SegmentationRun

UI_FILE = Path(__file__).resolve().parents[1] / "Resources" / "UI" / "LiverTumorAttention.ui"
DEVICE_TITLES = {"auto": "Automatic", "cpu": "CPU", "cuda": "Graphics card (CUDA)"}
READY_TOOLTIP = "Segment the liver and its tumors; the result is a new segmentation beside the volume."
ERROR_STYLE = "color: #d84315;"


class SegmentationPanel:
    """Builds the panel from its .ui file, keeps it true to the parameter node, and owns the current run.

    models, installer, run_factory: collaborators, exchangeable in tests.
    """

    def __init__(
        self,
        logic: LiverTumorAttentionLogic,
        *,
        models: Callable[[], list[ModelChoice]] = installed_models,
        installer: Installer | None = None,
        run_factory: Callable[..., SegmentationRun] = SegmentationRun,
    ) -> None:
        self._logic = logic
        self._installer = installer or Installer()
        self._run_factory = run_factory
        self._run: SegmentationRun | None = None
        self._warnings: list[str] = []
        self._parameters = None
        self._gui_tag = None
        self._observer = None
        self.widget = slicer.util.loadUI(str(UI_FILE))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        self._registration = RegistrationSection(self.ui)
        self._models = self._read_models(models)
        self._fill_lists()
        self._connect()
        self._show_idle()

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    # The scene --------------------------------------------------------------------------------------------

    def enter(self) -> None:
        """Show the choices that are kept in the scene. Safe to call again."""
        if self._parameters is not None:
            return
        self._parameters = self._logic.getParameterNode()
        if not self._parameters.model and self._models:
            self._parameters.model = self._models[0].id
        self._gui_tag = self._parameters.connectGui(self.ui)
        modified = "ModifiedEvent"
        self._observer = self._parameters.AddObserver(modified, self._parameters_changed)
        self._parameters_changed()

    def leave(self) -> None:
        """Let go of the scene's parameter node."""
        if self._parameters is None:
            return
        self._parameters.disconnectGui(self._gui_tag)
        self._parameters.RemoveObserver(self._observer)
        self._parameters = self._gui_tag = self._observer = None
        self._registration.update(None)

    def scene_closes(self) -> None:
        """End a run whose volumes are about to vanish."""
        if self._run is not None:
            self._abandon()
            self._say("The scene was closed: the run was ended.")
        self.leave()
        self._registration.clear()

    def cleanup(self) -> None:
        """End a run and let go of everything: the module is going away."""
        self._abandon()
        self.leave()
        for button, slot in self._buttons:
            button.disconnect("clicked(bool)", slot)
        for combo, slot in self._combos:
            combo.disconnect("currentIndexChanged(int)", slot)
        self._buttons = self._combos = ()

    # The lists --------------------------------------------------------------------------------------------

    def _read_models(self, models: Callable[[], list[ModelChoice]]) -> list[ModelChoice]:
        try:
            return models()
        except Exception as error:  # a broken installation must not take the panel with it
            self._say(f"The models cannot be listed ({error}): install the extension again.", error=True)
            return []

    def _fill_lists(self) -> None:
        for model in self._models:
            self.ui.modelComboBox.addItem(model.title, model.id)
        for device, title in DEVICE_TITLES.items():
            self.ui.deviceComboBox.addItem(title, device)

    def _connect(self) -> None:
        self._buttons = (
            (self.ui.segmentButton, self._segment_clicked),
            (self.ui.cancelButton, self._cancel_clicked),
            (self.ui.compareButton, self._registration.compare),
        )
        self._combos = (
            (self.ui.modelComboBox, self._model_chosen),
            (self.ui.deviceComboBox, self._device_chosen),
        )
        for button, slot in self._buttons:
            button.connect("clicked(bool)", slot)
        for combo, slot in self._combos:
            combo.connect("currentIndexChanged(int)", slot)

    def _model_chosen(self, _index: int) -> None:
        if self._parameters is not None and self.ui.modelComboBox.currentData is not None:
            self._parameters.model = self.ui.modelComboBox.currentData

    def _device_chosen(self, _index: int) -> None:
        if self._parameters is not None:
            self._parameters.device = self.ui.deviceComboBox.currentData

    def _parameters_changed(self, *_: object) -> None:
        """Show the parameter node's model and device, and whether a run can start."""
        if self._parameters is None:
            return
        for combo, value in (
            (self.ui.modelComboBox, self._parameters.model),
            (self.ui.deviceComboBox, self._parameters.device),
        ):
            combo.setCurrentIndex(combo.findData(value))
        chosen = [model for model in self._models if model.id == self._parameters.model]
        self.ui.statementLabel.text = chosen[0].statement if chosen else ""
        self.ui.keepRegisteredCheckBox.enabled = self._parameters.arterial is not None
        self._registration.update(self._parameters)
        self._update_buttons()

    def _update_buttons(self) -> None:
        problem = self._problem()
        self.ui.segmentButton.enabled = not problem and not self.running
        self.ui.segmentButton.toolTip = problem or READY_TOOLTIP
        self.ui.cancelButton.enabled = self.running
        self.ui.inputsButton.enabled = not self.running

    def _problem(self) -> str:
        if self._parameters is None:
            return "Choose the portal venous CT first."
        known = self._parameters.model if self.ui.modelComboBox.currentIndex >= 0 else ""
        return self._logic.problem(self._parameters.portal, self._parameters.arterial, known)

    # The run ----------------------------------------------------------------------------------------------

    def _segment_clicked(self, _checked: bool = False) -> None:
        if self._run is not None or self._parameters is None:
            return
        request = SegmentationRequest(
            portal=self._parameters.portal,
            arterial=self._parameters.arterial,
            model=self._parameters.model,
            device=self._parameters.device,
            output=self._parameters.output,
            keep_registered=self._parameters.keep_registered,
        )
        self._warnings = []
        self._registration.clear()
        try:
            self._installer.ensure()
            run = self._run_factory(
                self._logic,
                request,
                on_progress=self._show_progress,
                on_warning=self._warn,
                on_finished=self._finished,
            )
            self._run = run
            self._show_progress(0.0, "Writing volumes")
            self._say("")
            self._update_buttons()
            run.start()
        except (PanelError, OSError) as error:
            self._run = None
            self._show_idle()
            self._say(str(error), error=True)

    def _cancel_clicked(self, _checked: bool = False) -> None:
        if self._run is not None:
            self.ui.cancelButton.enabled = False
            self._run.cancel()

    def _show_progress(self, fraction: float, stage: str) -> None:
        self.ui.progressBar.enabled = True
        self.ui.progressBar.value = round(100 * fraction)
        self.ui.stageLabel.text = stage[:1].upper() + stage[1:]

    def _warn(self, message: str) -> None:
        if message and message not in self._warnings:
            self._warnings.append(message)
            self._say("")

    def _finished(self, outcome: Outcome, result: SegmentationResult | None) -> None:
        self._run = None
        self._show_idle()
        if result is None:
            self._say(outcome.message, error=outcome.status == "failed")
            return
        self._registration.show(result.verdict)
        self._remember(result.kept)
        for warning in result.warnings:
            self._warn(warning)
        self._say(result.summary)

    def _remember(self, kept: KeptRegistration | None) -> None:
        """Keep in the scene what can be compared; the user may be in another module, so ask for its node."""
        parameters = self._parameters if self._parameters is not None else self._logic.getParameterNode()
        parameters.registered = kept.volume if kept else None
        parameters.registered_onto = kept.portal if kept else None

    def _abandon(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.abandon()
            self._show_idle()

    def _show_idle(self) -> None:
        self.ui.progressBar.value = 0
        self.ui.progressBar.enabled = False
        self.ui.stageLabel.text = ""
        self._update_buttons()

    def _say(self, message: str, *, error: bool = False) -> None:
        """Show the message, and below it the warnings of this run."""
        lines = [message, *(f"Warning: {warning}" for warning in self._warnings)]
        self.ui.statusLabel.text = "\n".join(line for line in lines if line)
        self.ui.statusLabel.styleSheet = ERROR_STYLE if error else ""
