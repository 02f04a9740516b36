"""The first half of the section Review and plan: what is measured, and what is handed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import LongAction, MessageLine
from LiverTumorAttentionGui.review.diameter_markups import DiameterLines
from LiverTumorAttentionGui.scene.node_attributes import VESSELS_REFERENCE
from LiverTumorAttentionGui.sections.lesion_table import set_up_table, table_item
from LiverTumorAttentionGui.sections.plan import PlanSection
from LiverTumorAttentionGui.sections.report import ReportExport
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.tumor_columns import columns

TUMOR, VOLUME, LONGEST, PERPENDICULAR, SURFACE, VESSEL = columns(
    "tumor volume_ml longest_axial_diameter_mm perpendicular_diameter_mm surface_distance_mm nearest_vessel_mm"
)
HEADERS = (TUMOR.header, VOLUME.narrow_header, "Diameters\n(mm)", SURFACE.narrow_header, VESSEL.narrow_header)
STALE = "The tumors have changed since they were measured: measure again."


class ReviewSection:
    """Connects the widgets of ReviewSection.ui to measures, plan and report of the study under work.

    ensure: sees to it that the Python packages of a report are installed.
    """

    def __init__(self, ui: Any, active_case: ActiveCase, *, ensure: Callable[[], None]) -> None:
        self._ui = ui
        self._active_case = active_case
        self._message = MessageLine(ui.reviewStatusLabel)
        self._controller: Any = None
        self._measured: Any = None
        self._showing = False
        self._action = LongAction(ui.reviewProgressBar, ui.reviewCancelButton, active_case)
        self.plan = PlanSection(ui, active_case)
        self.export = ReportExport(
            bar=ui.reviewProgressBar,
            cancel_button=ui.reviewCancelButton,
            active_case=active_case,
            say=self._message.say,
            ensure=ensure,
            plan=self.plan.as_json,
            on_change=self._update_widgets,
        )
        set_up_table(ui.reviewTable, HEADERS)
        self._connections = (
            (ui.measureButton, "clicked(bool)", self._measure_clicked),
            (ui.diametersCheckBox, "toggled(bool)", self._diameters_toggled),
            (ui.vesselsSelector, "currentNodeChanged(vtkMRMLNode*)", self._vessels_chosen),
            (ui.handOverButton, "clicked(bool)", self._hand_over_clicked),
            (ui.reportButton, "clicked(bool)", self._report_clicked),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)
        active_case.on_change(self.update)
        active_case.on_outcome(self._corrected)

    def update(self) -> None:
        """Show the study under work: another one, none, or the same one anew."""
        controller = self._active_case.controller
        if controller is not self._controller:
            self._controller, self._measured = controller, None
            self._fill(None)
            self._message.say("")
            self._show_vessels()
            self._show_whether_lines_are_there()
        if controller is None:
            self._message.say(self._active_case.problem)
        self._update_widgets()

    def abandon(self) -> None:
        """End a measurement or a report that is under way, and tell nobody."""
        self._action.cancel()
        self.export.abandon()

    def leave(self) -> None:
        """Stop following the scene: the user opens another module, or the scene closes."""
        self.plan.leave()

    def disconnect(self) -> None:
        """Let go of the widgets: the module goes."""
        self.plan.disconnect()
        self._action.disconnect()
        self.export.disconnect()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)
        self._connections = ()

    def _update_widgets(self) -> None:
        ui = self._ui
        free = self._controller is not None and not self._active_case.busy
        ui.reviewContent.enabled = self._controller is not None
        for widget in (ui.vesselsSelector, ui.reviewTable, ui.handOverButton, ui.planContent):
            widget.enabled = free
        ui.measureButton.enabled = ui.reportButton.enabled = free and not self.export.running
        drawable = self._measured is not None or ui.diametersCheckBox.checked
        ui.diametersCheckBox.enabled = free and drawable
        tip = "Draw the longest diameter of each tumor, and the longest across it, as lines."
        ui.diametersCheckBox.toolTip = tip if drawable else "Measure first."

    def _corrected(self, outcome: Any) -> None:
        """Take away the lines of tumours whose voxels changed, and say that what was measured is old."""
        study = self._active_case.study
        if study is None or not outcome.boxes:
            return
        DiameterLines(study).forget(outcome.lesions)
        if self._measured is not None:
            self._message.say(STALE)

    # Measures -----------------------------------------------------------------------------------------------

    def _measure_clicked(self, _checked: bool = False) -> None:
        from LiverTumorAttentionGui.review.measurement import SceneReview

        controller, study = self._controller, self._active_case.study
        try:
            review = SceneReview(study)
            case = self._action.run(lambda progress: review.measure(self._active_case.instances(), progress))
        except PanelError as error:
            self._message.say(str(error), error=True)
            return
        if controller is not self._controller:
            return  # another study came meanwhile; the table node of the first one is filled
        self._measured = review
        self._fill(case)
        count = len(case.tumors)
        self._message.say(f"Measured {count} tumor{'' if count == 1 else 's'}. {NOT_FOR_CLINICAL_USE}")
        self._update_widgets()
        self._diameters_toggled(self._ui.diametersCheckBox.checked)

    def _fill(self, case: Any) -> None:
        table = self._ui.reviewTable
        tumors = case.tumors if case is not None else ()
        table.setRowCount(len(tumors))
        for row, tumor in enumerate(tumors):
            vessel = tumor.nearest_vessel
            cells = (
                TUMOR.text(tumor),
                VOLUME.text(tumor),
                f"{LONGEST.text(tumor)} × {PERPENDICULAR.text(tumor)}",
                SURFACE.text(tumor),
                VESSEL.text(tumor),
            )
            tips = ("", "", _diameters_tip(tumor), "", vessel.name if vessel is not None else "")
            for column, (text, tip) in enumerate(zip(cells, tips, strict=True)):
                table.setItem(row, column, table_item(text, tip))

    def _show_whether_lines_are_there(self) -> None:
        """Tick the box where the scene has lines from another day, so that they can be taken away."""
        study = self._active_case.study
        self._showing = True
        try:
            self._ui.diametersCheckBox.checked = study is not None and bool(DiameterLines(study).numbers)
        finally:
            self._showing = False

    def _diameters_toggled(self, on: bool) -> None:
        study = self._active_case.study
        if self._showing or study is None:
            return
        if self._measured is None:
            if not on:
                DiameterLines(study).clear()
                self._update_widgets()
            return
        try:
            if on:
                self._measured.show_diameters(None)
            else:
                self._measured.clear_diameters()
        except PanelError as error:
            self._message.say(str(error), error=True)

    # Vessels, and what is handed on ---------------------------------------------------------------------------

    def _show_vessels(self) -> None:
        study = self._active_case.study
        self._showing = True
        try:
            self._ui.vesselsSelector.setCurrentNode(study.vessels if study is not None else None)
        finally:
            self._showing = False

    def _vessels_chosen(self, node: Any) -> None:
        study = self._active_case.study
        if self._showing or study is None:
            return
        if node is not None and node is study.segmentation:
            self._message.say("The vessels are a segmentation of their own: choose another one.", error=True)
            self._show_vessels()
            return
        study.segmentation.SetNodeReferenceID(VESSELS_REFERENCE, node.GetID() if node is not None else None)
        self.plan.tumors_changed()
        if self._measured is not None:
            self._message.say("Other vessels were chosen: measure again.")

    def _hand_over_clicked(self, _checked: bool = False) -> None:
        from LiverTumorAttentionGui.review.slicer_liver_export import hand_over_to_slicer_liver

        try:
            self._message.say(hand_over_to_slicer_liver(self._active_case.study))
        except PanelError as error:
            self._message.say(str(error), error=True)

    def _report_clicked(self, _checked: bool = False) -> None:
        self.export.start()


def _diameters_tip(tumor: Any) -> str:
    return (
        "The longest line in one axial slice, and the longest across it there. "
        f"In any direction: {tumor.longest_3d_diameter_mm:.1f} mm"
    )
