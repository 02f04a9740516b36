"""The section Review and plan: measurements, vessels, report and the export to Slicer-Liver."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
import slicer

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import LongAction, MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.library_words import shown
from LiverTumorAttentionGui.scene.node_attributes import VESSELS_REFERENCE
from LiverTumorAttentionGui.sections.child_task import ChildTask
from LiverTumorAttentionGui.sections.couinaud import CouinaudSection
from LiverTumorAttentionGui.sections.dicom_export import DicomExport
from LiverTumorAttentionGui.sections.lesion_table import MAYBE_TWO, MAYBE_TWO_TIP, set_up_table, table_item
from LiverTumorAttentionGui.sections.plan import PlanSection
from LiverTumorAttentionGui.sections.report import ReportExport
from LiverTumorAttentionGui.sections.sign_off import SignOffBox
from LiverTumorAttentionGui.sections.vessels import VesselsSection
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.tumor_columns import columns
from LiverTumorAttentionLib.wording import counted, measured

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.review.measurement import DiameterLines, SceneReview
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.analysis import CaseReview, TumorReview
    from LiverTumorAttentionLib.correction import Outcome

TUMOR, VOLUME, LONGEST, PERPENDICULAR, SURFACE, VESSEL, LESION, SEGMENTS = columns(
    "tumor volume_ml longest_axial_diameter_mm perpendicular_diameter_mm surface_distance_mm nearest_vessel_mm "
    "lesion_probability segments"
)
HEADERS = (
    shown(TUMOR.header),
    shown(VOLUME.narrow_header),
    _("Diameters\n(mm)"),
    shown(SURFACE.narrow_header),
    shown(VESSEL.narrow_header),
    shown(LESION.narrow_header),
    shown(SEGMENTS.narrow_header),
)
OPTIONAL = {HEADERS.index(shown(each.narrow_header)): each for each in (LESION, SEGMENTS)}
"""Columns that are hidden where no tumor has a value, by their place."""
STALE = _("The tumors have changed since they were measured: measure again.")


class ReviewSection:
    """Connects the widgets of ReviewSection.ui to the measurements, plan and report of the active case.

    ensure: installs missing Python packages that a report needs. ensure_all: installs those that a network needs, too.
    ensure_dicom: installs those that DICOM objects need, apart from Slicer's own; returns their folder.
    """

    def __init__(
        self,
        ui: Any,
        active_case: ActiveCase,
        *,
        ensure: Callable[[], None],
        ensure_all: Callable[[], None],
        ensure_dicom: Callable[[], str],
    ) -> None:
        self._ui = ui
        self._active_case = active_case
        self._message = MessageLine(ui.reviewStatusLabel)
        self._controller: CorrectionController | None = None
        self._measured: SceneReview | None = None
        self._update = ProgrammaticUpdate()
        self._action = LongAction(ui.reviewProgressBar, ui.reviewCancelButton, active_case)
        self.plan = PlanSection(ui, active_case, self._action)
        self._report_task = self._task(_("Report: {stage}"))
        self._dicom_task = self._task(_("DICOM: {stage}"))
        self._couinaud_task = self._task(_("Couinaud segments: {stage}"))
        self._vessels_task = self._task(_("Vessels: {stage}"))
        self.export = ReportExport(
            self._report_task,
            button=ui.reportButton,
            active_case=active_case,
            ensure=ensure,
            plan=self.plan.as_json,
        )
        self.sign_off = SignOffBox(ui, active_case, say=self._message.say)
        self.dicom = DicomExport(
            self._dicom_task,
            button=ui.dicomButton,
            active_case=active_case,
            ensure=ensure_dicom,
            plan=self.plan.as_json,
        )
        self.couinaud = CouinaudSection(
            ui,
            active_case,
            self._couinaud_task,
            say=self._message.say,
            ensure=ensure_all,
            ensure_import=ensure,
            on_change=self._segments_changed,
        )
        self.vessels = VesselsSection(
            ui, active_case, self._vessels_task, ensure=ensure, on_change=self._vessels_proposed
        )
        set_up_table(ui.reviewTable, HEADERS)
        for column in range(len(HEADERS) - 1):
            ui.reviewTable.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        for column, each in OPTIONAL.items():
            ui.reviewTable.horizontalHeaderItem(column).setToolTip(each.meaning)
            ui.reviewTable.setColumnHidden(column, True)
        self._connections = Connections(
            (ui.measureButton, "clicked(bool)", self._measure_clicked),
            (ui.diametersCheckBox, "toggled(bool)", self._diameters_toggled),
            (ui.vesselsSelector, "currentNodeChanged(vtkMRMLNode*)", self._vessels_chosen),
            (ui.handOverButton, "clicked(bool)", self._slicer_liver_clicked),
            (ui.reportButton, "clicked(bool)", self._report_clicked),
            (ui.dicomButton, "clicked(bool)", self._dicom_clicked),
        )
        active_case.on_change(self.update)
        active_case.on_outcome(self._corrected)

    def update(self) -> None:
        """Show the active case: another study, none, or the same one reopened."""
        controller = self._active_case.controller
        if controller is not self._controller:
            self._controller, self._measured = controller, None
            self._show_measurements(None)
            self._message.say("")
            self._show_vessels()
            self.vessels.check()
            self._check_diameters_box()
        if controller is None:
            self._message.say(self._active_case.problem)
        self._update_widgets()

    def abandon(self) -> None:
        """End a running measurement or report without a message."""
        self._action.cancel()
        for task in self._tasks:
            task.abandon()

    def leave(self) -> None:
        """Stop observing the scene: the user opens another module, or the scene is closed."""
        self.plan.leave()

    def disconnect(self) -> None:
        """Disconnect the widgets: the module is being unloaded."""
        self.plan.disconnect()
        self._action.disconnect()
        self.couinaud.disconnect()
        self.vessels.disconnect()
        for task in self._tasks:
            task.disconnect()
        self.sign_off.disconnect()
        self._connections.disconnect()

    @property
    def busy(self) -> bool:
        """Whether a child process of the section runs."""
        return any(task.running for task in self._tasks)

    @property
    def _tasks(self) -> tuple[ChildTask, ...]:
        return self._report_task, self._dicom_task, self._couinaud_task, self._vessels_task

    def _task(self, stages: str) -> ChildTask:
        """Return a task that is shown in the section's widgets."""
        return ChildTask(
            bar=self._ui.reviewProgressBar,
            cancel_button=self._ui.reviewCancelButton,
            say=self._message.say,
            on_change=self._update_widgets,
            stages=stages,
        )

    def _update_widgets(self) -> None:
        ui = self._ui
        free = self._controller is not None and not self._active_case.busy
        ui.reviewContent.enabled = self._controller is not None
        for widget in (ui.vesselsSelector, ui.reviewTable, ui.handOverButton, ui.planContent):
            widget.enabled = free
        idle = free and not self.busy
        for button in (ui.measureButton, ui.reportButton, ui.dicomButton):
            button.enabled = idle
        self.couinaud.update(idle=idle)
        self.vessels.update(idle=idle)
        self.sign_off.update()
        drawable = self._measured is not None or ui.diametersCheckBox.checked
        ui.diametersCheckBox.enabled = free and drawable
        tip = _("Draw the longest diameter of each tumor, and the longest perpendicular to it, as lines.")
        ui.diametersCheckBox.toolTip = tip if drawable else _("Measure first.")

    def _corrected(self, outcome: Outcome) -> None:
        """Remove the lines of tumors whose voxels changed, and say that the measurements are stale."""
        study = self._active_case.study
        if study is None or not outcome.boxes:
            return
        _diameter_lines(study).remove(outcome.lesions)
        if self._measured is not None:
            self._message.say(STALE)

    # Measurements -------------------------------------------------------------------------------------------

    def _measure_clicked(self, _checked: bool = False) -> None:
        from LiverTumorAttentionGui.review.measurement import SceneReview

        controller, study = self._controller, self._active_case.study
        if study is None:
            return
        review = SceneReview(study)
        try:
            case = self._action.run(lambda progress: review.measure(self._active_case.instances(), progress))
        except PanelError as error:
            self._message.say(str(error), error=True)
            return
        if controller is not self._controller:
            return  # another study was chosen meanwhile; the table node of the first one is filled
        self._measured = review
        self._show_measurements(case)
        count = len(case.tumors)
        self._message.say(
            _("Measured {count}. {notice}").format(count=counted(count, "tumor"), notice=NOT_FOR_CLINICAL_USE)
        )
        self._update_widgets()
        self._diameters_toggled(self._ui.diametersCheckBox.checked)

    def _show_measurements(self, case: CaseReview | None) -> None:
        table = self._ui.reviewTable
        tumors = case.tumors if case is not None else ()
        table.setRowCount(len(tumors))
        for column, each in OPTIONAL.items():
            table.setColumnHidden(column, all(each.value(tumor) is None for tumor in tumors))
        for row, tumor in enumerate(tumors):
            for column, (text, tip) in enumerate(_cells(tumor)):
                table.setItem(row, column, table_item(text, tip))

    def _check_diameters_box(self) -> None:
        """Check the box where the scene already has diameter lines, so that they can be removed."""
        study = self._active_case.study
        with self._update.running():
            self._ui.diametersCheckBox.checked = study is not None and bool(_diameter_lines(study).numbers)

    def _diameters_toggled(self, on: bool) -> None:
        study = self._active_case.study
        if self._update.active or study is None:
            return
        if self._measured is None:
            if not on:
                _diameter_lines(study).clear()
                self._update_widgets()
            return
        try:
            if on:
                self._measured.show_diameters(None)
            else:
                self._measured.clear_diameters()
        except PanelError as error:
            self._message.say(str(error), error=True)

    def _segments_changed(self) -> None:
        """Show the segments of the tumors that were measured, and what a resection by segments leaves."""
        self.plan.segments_changed()
        if self._measured is not None:
            try:
                self._show_measurements(self._measured.tell_segments(self._active_case.instances()))
            except PanelError as error:
                self._message.say(str(error), error=True)

    # Vessels, Slicer-Liver and report -----------------------------------------------------------------------

    def _show_vessels(self) -> None:
        study = self._active_case.study
        with self._update.running():
            self._ui.vesselsSelector.setCurrentNode(study.vessels if study is not None else None)

    def _vessels_proposed(self) -> None:
        """Show the vessels that were proposed, and that what was measured and planned without them is old."""
        self._show_vessels()
        self.plan.mark_stale()

    def _vessels_chosen(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        from LiverTumorAttentionGui.scene.segments import VESSEL_KINDS, left_out

        study = self._active_case.study
        if self._update.active or study is None:
            return
        if node is not None and node is study.segmentation:
            self._message.say(
                _("The vessels are a segmentation of their own: choose another one."), error=True
            )
            self._show_vessels()
            return
        study.segmentation.SetNodeReferenceID(VESSELS_REFERENCE, node.GetID() if node is not None else None)
        self.plan.mark_stale()
        self.vessels.check()
        again = _("Other vessels were chosen: measure again.") if self._measured is not None else ""
        unused = left_out(node.GetSegmentation(), VESSEL_KINDS, "vessels") if node is not None else ""
        self._message.say(" ".join(filter(None, (again, unused))))

    def _slicer_liver_clicked(self, _checked: bool = False) -> None:
        from LiverTumorAttentionGui.review.slicer_liver_export import export_to_slicer_liver

        study = self._active_case.study
        if study is None:
            return
        try:
            self._message.say(export_to_slicer_liver(study))
        except PanelError as error:
            self._message.say(str(error), error=True)

    def _report_clicked(self, _checked: bool = False) -> None:
        self.export.start()

    def _dicom_clicked(self, _checked: bool = False) -> None:
        self.dicom.start()


def _diameter_lines(study: Study) -> DiameterLines:
    from LiverTumorAttentionGui.review.measurement import DiameterLines

    return DiameterLines(study)


def _cells(tumor: TumorReview) -> tuple[tuple[str, str], ...]:
    """Return text and tooltip of a tumor's cells."""
    from LiverTumorAttentionLib.analysis.neck import may_be_two

    vessel = tumor.nearest_vessel
    diameters_tip = _(
        "The longest line in one axial slice, and the longest perpendicular to it there. In "
        "any direction: {value}"
    ).format(value=measured(tumor.longest_3d_diameter_mm, "mm"))
    diameters = f"{LONGEST.text(tumor)} × {PERPENDICULAR.text(tumor)}"
    if may_be_two(tumor.measurement.neck_ratio):
        diameters, diameters_tip = f"{diameters}\n{MAYBE_TWO}", f"{MAYBE_TWO_TIP} {diameters_tip}"
    return (
        (TUMOR.text(tumor), ""),
        (VOLUME.text(tumor), ""),
        (diameters, diameters_tip),
        (SURFACE.text(tumor), ""),
        (VESSEL.text(tumor), vessel.name if vessel is not None else ""),
        (LESION.text(tumor, missing=""), LESION.meaning),
        (SEGMENTS.text(tumor, missing=""), f"{SEGMENTS.text(tumor)}\n{SEGMENTS.meaning}"),
    )
