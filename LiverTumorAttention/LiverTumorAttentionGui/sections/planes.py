"""The box Resection planes: the planes of a study, how they combine, and the numbers of the resection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine, wait_cursor
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.plan_segments import RESECTED_SEGMENT, has_segment
from LiverTumorAttentionGui.review.plan_settings import PlanSettings
from LiverTumorAttentionGui.review.planning import ScenePlan
from LiverTumorAttentionGui.scene.node_attributes import PLANE_REFERENCE
from LiverTumorAttentionGui.scene.node_links import referenced_nodes
from LiverTumorAttentionGui.sections.formatting import PLAN_NOT_SHOWN, cut_text, resection_text
from LiverTumorAttentionGui.signals import Connections, Debounce, ProgrammaticUpdate

COMBINATIONS = (("all", _("Beyond all planes (a wedge)")), ("any", _("Beyond any plane")))
NO_PLANE = _("Add a plane, then drag it in the views. Its arrow points to the resected part.")
TOGETHER = _("Planned together with the curved cut: the numbers stand with it.")
_UPDATE_MS = 60


class PlanesSection:
    """Lists the planes that the study refers to and shows what they resect.

    plan: returns the plan for the current tumors; raises `PanelError` where there can be none.
    """

    def __init__(self, ui: Any, plan: Callable[[], ScenePlan]) -> None:
        self._ui = ui
        self._label = ui.resectionLabel
        self._cut = MessageLine(ui.cutLabel)
        self._plan = plan
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self._update = ProgrammaticUpdate()
        self._update_later = Debounce(self.update_numbers, _UPDATE_MS, restart=False)
        for combine, title in COMBINATIONS:
            ui.combineComboBox.addItem(title, combine)
        self._connections = Connections(
            (ui.addPlaneButton, "clicked(bool)", self._add_clicked),
            (ui.removePlaneButton, "clicked(bool)", self._remove_clicked),
            (ui.planesList, "currentRowChanged(int)", self._row_changed),
            (ui.combineComboBox, "currentIndexChanged(int)", self._combine_chosen),
            (ui.resectedCheckBox, "toggled(bool)", self._resected_toggled),
        )

    @property
    def planes(self) -> list[slicer.vtkMRMLMarkupsPlaneNode]:
        """The plane nodes of the study."""
        return (
            [] if self._segmentation is None else list(referenced_nodes(self._segmentation, PLANE_REFERENCE))
        )

    def set_study(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Show the planes and settings of a study; None for none."""
        self._update_later.cancel()
        self._segmentation = segmentation
        ui, settings = self._ui, PlanSettings(segmentation) if segmentation is not None else None
        with self._update.running():
            combine = settings.combine if settings is not None else "all"
            ui.combineComboBox.setCurrentIndex(ui.combineComboBox.findData(combine))
            ui.resectedCheckBox.checked = segmentation is not None and has_segment(
                segmentation, RESECTED_SEGMENT
            )
        self._list_planes()
        self.say(PLAN_NOT_SHOWN if self.planes else NO_PLANE)

    def request_update(self) -> None:
        """Update the numbers soon: a plane is being dragged, or was removed in another module."""
        self._update_later.request()

    def say(self, text: str) -> None:
        """Show a text in place of the numbers."""
        self._cut.say("")
        self._label.text = text

    def update_numbers(self) -> None:
        """Compute and show the resection for the present planes and settings."""
        if self._segmentation is None:
            return
        if len(self.planes) != self._ui.planesList.count:
            self._list_planes()
        if not self.planes:
            self.say(NO_PLANE)
            return
        try:
            plan = self._plan()
            together = plan.points.with_planes
            self._ui.combineComboBox.enabled = together or len(self.planes) > 1
            resection = None if together else plan.resection()
            if self._ui.resectedCheckBox.checked and not plan.resected_shown:
                plan.show_resected(True)  # it was removed while the planes missed the liver
        except PanelError as error:
            self.say(str(error))
            return
        if resection is None:
            self.say(TOGETHER if together else NO_PLANE)
            return
        self.say(resection_text(resection))
        self._cut.say(cut_text(resection.cut_tumors), error=True)

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._update_later.cancel()
        self._connections.disconnect()

    def _list_planes(self, *, select_last: bool = False) -> None:
        planes, ui = self.planes, self._ui
        row = len(planes) - 1 if select_last else min(ui.planesList.currentRow, len(planes) - 1)
        ui.planesList.clear()
        for plane in planes:
            ui.planesList.addItem(plane.GetName())
        ui.planesList.setCurrentRow(row)
        ui.removePlaneButton.enabled = row >= 0
        ui.combineComboBox.enabled = len(planes) > 1
        ui.resectedCheckBox.enabled = bool(planes)

    def _row_changed(self, row: int) -> None:
        self._ui.removePlaneButton.enabled = row >= 0

    def _add_clicked(self, _checked: bool = False) -> None:
        self._edit_planes(lambda plan: plan.add_plane(), select_last=True)

    def _remove_clicked(self, _checked: bool = False) -> None:
        planes, row = self.planes, self._ui.planesList.currentRow
        if 0 <= row < len(planes):
            self._edit_planes(lambda plan: plan.remove_plane(planes[row]))

    def _edit_planes(self, edit: Callable[[ScenePlan], object], *, select_last: bool = False) -> None:
        try:
            with wait_cursor():
                edit(self._plan())
        except PanelError as error:
            self.say(str(error))
            return
        self._list_planes(select_last=select_last)
        self._update_later.request()

    def _combine_chosen(self, _index: int) -> None:
        if self._update.active or self._segmentation is None:
            return
        combine = self._ui.combineComboBox.currentData
        try:
            if self.planes:
                self._plan().combine = combine  # updates the segment that shows the resected part, too
            else:
                PlanSettings(self._segmentation).combine = combine
        except PanelError as error:
            self.say(str(error))
            return
        self._update_later.request()

    def _resected_toggled(self, on: bool) -> None:
        if self._update.active or not self.planes:
            return
        try:
            self._plan().show_resected(on)
        except PanelError as error:
            self.say(str(error))
            with self._update.running():
                self._ui.resectedCheckBox.checked = False
