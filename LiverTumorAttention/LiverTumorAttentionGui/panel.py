"""The panel: its sections, and how they follow the scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import slicer

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.correction.click_answers import BUNDLED
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import StatusBarNotice
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.model_collection import ModelChoice, installed_models
from LiverTumorAttentionGui.process.child_process import Run
from LiverTumorAttentionGui.process.install import Installer, PackageInstaller
from LiverTumorAttentionGui.process.installation import Installation, InstallationCancelled
from LiverTumorAttentionGui.sample.sample_run import load_sample
from LiverTumorAttentionGui.sections.correct import CorrectSection
from LiverTumorAttentionGui.sections.followup import FollowUpSection
from LiverTumorAttentionGui.sections.inputs import InputsSection, ModelManager
from LiverTumorAttentionGui.sections.models_dialog import ModelsDialog
from LiverTumorAttentionGui.sections.review import ReviewSection
from LiverTumorAttentionGui.sections.segment import SegmentSection
from LiverTumorAttentionGui.sections.worklist import WorklistSection
from LiverTumorAttentionGui.sections.worklist_batch import BLOCKS
from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic, SegmentationResult, SegmentationRun
from LiverTumorAttentionGui.worklist.case_nodes import CaseNodes
from LiverTumorAttentionLib.contrast_phase import REGISTERED_ROLES, ROLES

UI_FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "UI"
OTHER_STUDY = _(
    "The inputs now show {portal}, the portal venous CT of {study}: "
    "choose its arterial CT before you segment again."
)
INPUTS_OF_RESULT = _("The inputs show {portal} again, the portal venous CT of this result.")
SCENE_CLOSED = _("The scene was closed: the run was ended.")
BATCH_ENDED = _(
    "The scene was closed: the segmentation in the background was ended. Cases that were done stay."
)
RUNS_ALREADY = _("A case is being segmented: wait until that has ended, or cancel it.")


class Part(Protocol):
    """A section of the panel, which disconnects its slots from the widgets."""

    def disconnect(self) -> None: ...


class SegmentationPanel:
    """Builds the panel from its .ui files and updates its sections from the parameter node.

    models, installer, run_factory, model_manager, load_sample, click_model: collaborators, replaced in tests.
    stored: keeps where a run is computed, as QSettings does; None takes the application's settings.
    """

    def __init__(
        self,
        logic: LiverTumorAttentionLogic,
        *,
        models: Callable[[], list[ModelChoice]] = installed_models,
        installer: PackageInstaller | None = None,
        run_factory: Callable[..., SegmentationRun] = SegmentationRun,
        model_manager: Callable[..., ModelManager] = ModelsDialog,
        load_sample: Callable[..., Run] = load_sample,
        click_model: Path | None = BUNDLED,
        stored: Any = None,
    ) -> None:
        self._logic = logic
        self._installer = Installation(installer or Installer())
        self._study: slicer.vtkMRMLSegmentationNode | None = None
        self._parameters: Any = None
        self._gui_tag: Any = None
        self._observer: Any = None
        self._build()
        self._notice = StatusBarNotice()
        self.active_case = ActiveCase(logic)
        self._inputs = InputsSection(self.ui, models=models, model_manager=model_manager, say=self._say)
        self._segment = SegmentSection(
            self.ui,
            logic,
            installer=self._installer,
            run_factory=run_factory,
            load_sample=load_sample,
            model=self._inputs.chosen_model,
            has_operating_points=self._inputs.has_operating_points,
            missing_phase=self._inputs.missing_phase,
            on_result=self._show_result,
            on_failed=self._run_failed,
            blocked=lambda: BLOCKS if self._batch_runs() else "",
            stored=stored,
        )
        self._inputs.fill()
        self.worklist = WorklistSection(
            self.ui,
            self.widget,
            logic,
            self.active_case,
            ensure=self._installer.ensure_requirements,
            ensure_all=self._segment.ensure,
            settings=self._segment.settings,
            run_problem=lambda: RUNS_ALREADY if self._segment.running else self._segment.server_problem(),
            on_open=self._show_case,
            on_change=self._update_segment,
        )
        self.correct = CorrectSection(self.ui, self.widget, self.active_case, click_model=click_model)
        self.review = ReviewSection(
            self.ui,
            self.active_case,
            ensure=self._installer.ensure_requirements,
            ensure_all=self._installer.ensure,
            ensure_dicom=self._installer.ensure_dicom,
        )
        self.followup = FollowUpSection(self.ui, self.active_case, ensure=self._installer.ensure_requirements)
        self._parts: tuple[Part, ...] = (
            self._inputs,
            self._segment,
            self.worklist,
            self.correct,
            self.review,
            self.followup,
        )
        self.active_case.on_change(self._active_case_changed)
        self.ui.installButton.connect("clicked(bool)", self._install_clicked)
        self.active_case.reopen()

    @property
    def running(self) -> bool:
        """Whether a run is under way, or packages are being installed."""
        return self._segment.running

    def enter(self) -> None:
        """Show the parameters stored in the scene. Safe to call again."""
        if self._parameters is not None:
            return
        self._parameters = self._logic.getParameterNode()
        self._study = self._parameters.study
        self._notice.show()
        self._gui_tag = self._parameters.connectGui(self.ui)
        self._observer = self._parameters.AddObserver("ModifiedEvent", self._parameters_changed)
        self._parameters_changed()
        self._inputs.choose_phases()
        self.worklist.enter()

    def leave(self) -> None:
        """Disconnect from the parameter node, and release mouse modes and shortcuts."""
        if self._parameters is None:
            return
        self._parameters.disconnectGui(self._gui_tag)
        self._parameters.RemoveObserver(self._observer)
        self._parameters = self._gui_tag = self._observer = None
        self._notice.hide()
        self.worklist.leave()
        self.correct.release()
        self.review.leave()
        self.followup.leave()
        self.active_case.close()
        self._segment.update(None, None)

    def scene_closes(self) -> None:
        """End a run whose volumes are about to be removed."""
        self._segment.abandon(SCENE_CLOSED)
        self.worklist.abandon(BATCH_ENDED)
        self.review.abandon()
        self.followup.abandon()
        self.leave()
        self._segment.clear()
        self._logic.close_controllers()

    def scene_loaded(self) -> None:
        """Show the scene again: nodes were added from a file, the panel's parameters among them."""
        if self._parameters is not None:
            self.leave()
            self.enter()

    def cleanup(self) -> None:
        """End a run and disconnect from scene and widgets: the module is being closed."""
        self._installer.cancel()
        self._segment.abandon()
        self.worklist.abandon()
        self.review.abandon()
        self.followup.abandon()
        self.leave()
        self._logic.close_controllers()
        for part in self._parts:
            part.disconnect()
        if self._parts:
            self.ui.installButton.disconnect("clicked(bool)", self._install_clicked)
        self._parts = ()

    def _build(self) -> None:
        """Load the .ui files; `ui` holds the widgets of all of them by name."""
        self.widget = slicer.util.loadUI(str(UI_FOLDER / "LiverTumorAttention.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        widgets = [self.widget]
        for name in ("CorrectSection", "ReviewSection", "FollowUpSection"):
            widget = slicer.util.loadUI(str(UI_FOLDER / f"{name}.ui"))
            vars(self.ui).update(vars(slicer.util.childWidgetVariables(widget)))
            self.ui.sectionsWidget.layout().addWidget(widget)
            widgets.append(widget)
        worklist = slicer.util.loadUI(str(UI_FOLDER / "WorklistSection.ui"))
        vars(self.ui).update(vars(slicer.util.childWidgetVariables(worklist)))
        self.widget.layout().insertWidget(self.widget.layout().indexOf(self.ui.inputsButton), worklist)
        widgets.append(worklist)
        for widget in widgets:
            widget.setMRMLScene(slicer.mrmlScene)

    def _parameters_changed(self, *_: Any) -> None:
        parameters = self._parameters
        if parameters is None:
            return
        self._follow_study(parameters)
        self._inputs.update(parameters)
        self.active_case.choose(parameters.study)
        self._segment.update(parameters, parameters.study)

    def _follow_study(self, parameters: Any) -> None:
        """Show the volume of a study that was chosen now: a run would otherwise be of another CT than the one shown."""
        study, before = parameters.study, self._study
        self._study = study
        if study is None or study is before or self.running:
            return
        portal = self._logic.portal_of(study)
        if portal is None or portal is parameters.portal:
            return
        said = parameters.portal is not None
        self._forget_phases(parameters)
        parameters.portal = portal
        if said:
            self._say(OTHER_STUDY.format(portal=portal.GetName(), study=study.GetName()))

    def _active_case_changed(self) -> None:
        """Update the panel for another active case, or a long action that began or ended."""
        self._update_segment()
        free = not self.active_case.busy
        self.ui.studySelector.enabled = free
        self.ui.segmentSectionButton.enabled = free
        self.ui.installButton.visible = self.active_case.packages_missing

    def _update_segment(self) -> None:
        if self._parameters is not None:
            self._segment.update(self._parameters, self._parameters.study)

    def _batch_runs(self) -> bool:
        worklist = getattr(self, "worklist", None)  # made after the section Segment
        return worklist is not None and worklist.batch.running

    def _show_case(self, nodes: CaseNodes) -> None:
        """Make a case of the worklist the inputs and the study."""
        parameters = self._parameters if self._parameters is not None else self._logic.getParameterNode()
        self._study = nodes.segmentation
        parameters.study = parameters.output = None
        for role in ROLES[::-1]:  # the portal venous one last: what belongs to another CT is reset then
            if hasattr(parameters, role):
                setattr(parameters, role, nodes.volumes.get(role))
        parameters.study = parameters.output = nodes.segmentation
        slicer.util.setSliceViewerLayers(background=nodes.portal, foreground=None, label=None, fit=True)
        self.ui.correctButton.collapsed = nodes.segmentation is None

    def _show_result(self, result: SegmentationResult) -> None:
        """Make the result the study; the user may be in another module, where the panel has no parameter node."""
        parameters = self._parameters if self._parameters is not None else self._logic.getParameterNode()
        if parameters.portal is not result.portal:
            self._forget_phases(parameters)
            parameters.portal = result.portal
            self._segment.add_note(INPUTS_OF_RESULT.format(portal=result.portal.GetName()))
        for phase, node in {"arterial": result.arterial, **result.further}.items():
            if node is not None and node.GetScene() is not None:
                setattr(parameters, phase, node)
        self._study = result.segmentation
        parameters.study = parameters.output = result.segmentation
        self._segment.update(self._parameters, parameters.study)
        self.ui.correctButton.collapsed = False
        if self._parameters is not None:
            self.active_case.reopen()

    @staticmethod
    def _forget_phases(parameters: Any) -> None:
        """Choose no volume beside the portal one: what was chosen is of another patient, maybe."""
        for phase in REGISTERED_ROLES:
            setattr(parameters, phase, None)

    def _run_failed(self) -> None:
        """Open the study anew: where a result could not be loaded, its nodes were put back as they were."""
        if self._parameters is not None:
            self.active_case.reopen()

    def _say(self, message: str, *, error: bool = False) -> None:
        self._segment.say(message, error=error)

    def _install_clicked(self, _checked: bool = False) -> None:
        try:
            self._installer.ensure_requirements()
        except PanelError as error:
            if self._parts:
                self._segment.say(str(error), error=not isinstance(error, InstallationCancelled))
            return
        if self._parameters is not None:
            self.active_case.reopen()
