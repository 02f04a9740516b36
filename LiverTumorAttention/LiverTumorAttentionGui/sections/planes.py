"""The box Resection planes: the planes of a study, how they combine, and the numbers while one is dragged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import wait_cursor
from LiverTumorAttentionGui.review import formatting as plan_words
from LiverTumorAttentionGui.review.plan_segments import RESECTED_SEGMENT, has_segment
from LiverTumorAttentionGui.review.plan_settings import PlanChoices
from LiverTumorAttentionGui.scene.node_attributes import PLANE_REFERENCE
from LiverTumorAttentionGui.scene.node_links import referenced_nodes

COMBINATIONS = (("all", "Beyond all planes (a wedge)"), ("any", "Beyond any plane"))
NO_PLANE = "Add a plane, then drag it in the views. Its arrow points to the part that is taken out."
_LIVE_MS = 60


class PlanesSection:
    """Lists the planes that hang on the study, and shows what they take out.

    plan: returns the plan on the tumours as they stand, `PanelError` where there can be none.
    """

    def __init__(self, ui: Any, plan: Callable[[], Any]) -> None:
        self._ui = ui
        self._label = ui.resectionLabel
        self._plan = plan
        self._segmentation: Any = None
        self._showing = False
        self._later = Debounce(self.show, _LIVE_MS, restart=False)
        for combine, title in COMBINATIONS:
            ui.combineComboBox.addItem(title, combine)
        self._connections = (
            (ui.addPlaneButton, "clicked(bool)", self._add_clicked),
            (ui.removePlaneButton, "clicked(bool)", self._remove_clicked),
            (ui.planesList, "currentRowChanged(int)", self._row_changed),
            (ui.combineComboBox, "currentIndexChanged(int)", self._combine_chosen),
            (ui.weightSpinBox, "valueChanged(double)", self._weight_chosen),
            (ui.resectedCheckBox, "toggled(bool)", self._resected_toggled),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    @property
    def planes(self) -> list[Any]:
        """The plane nodes of the study."""
        return (
            [] if self._segmentation is None else list(referenced_nodes(self._segmentation, PLANE_REFERENCE))
        )

    def take(self, segmentation: Any) -> None:
        """Be about this study, with what was chosen for it; None for none."""
        self._later.cancel()
        self._segmentation = segmentation
        ui, choices = self._ui, PlanChoices(segmentation) if segmentation is not None else None
        self._showing = True
        try:
            ui.weightSpinBox.value = (choices.weight_kg or 0.0) if choices is not None else 0.0
            combine = choices.combine if choices is not None else "all"
            ui.combineComboBox.setCurrentIndex(ui.combineComboBox.findData(combine))
            ui.resectedCheckBox.checked = segmentation is not None and has_segment(
                segmentation, RESECTED_SEGMENT
            )
        finally:
            self._showing = False
        self._list()
        self.say(plan_words.NOT_SHOWN if self.planes else NO_PLANE)

    def changed(self) -> None:
        """Show the numbers soon: a plane is being dragged, or one was removed in another module."""
        self._later.request()

    def say(self, text: str) -> None:
        """Show a text in the place of the numbers."""
        self._label.text = text

    def show(self) -> None:
        """Show the numbers for where the planes lie now."""
        if self._segmentation is None:
            return
        if len(self.planes) != self._ui.planesList.count:
            self._list()
        if not self.planes:
            self.say(NO_PLANE)
            return
        try:
            plan = self._plan()
            resection = plan.resection()
            if self._ui.resectedCheckBox.checked and not plan.resected_shown:
                plan.show_resected(True)  # it was taken away while the planes missed the liver
        except PanelError as error:
            self.say(str(error))
            return
        self.say(plan_words.resection(resection) if resection is not None else NO_PLANE)

    def disconnect(self) -> None:
        """Let go of the widgets."""
        self._later.cancel()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)
        self._connections = ()

    def _list(self, *, select_last: bool = False) -> None:
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
        self._change(lambda plan: plan.add_plane(), select_last=True)

    def _remove_clicked(self, _checked: bool = False) -> None:
        planes, row = self.planes, self._ui.planesList.currentRow
        if 0 <= row < len(planes):
            self._change(lambda plan: plan.remove_plane(planes[row]))

    def _change(self, call: Callable[[Any], object], *, select_last: bool = False) -> None:
        try:
            with wait_cursor():
                call(self._plan())
        except PanelError as error:
            self.say(str(error))
            return
        self._list(select_last=select_last)
        self._later.request()

    def _combine_chosen(self, _index: int) -> None:
        self._choose("combine", self._ui.combineComboBox.currentData)

    def _weight_chosen(self, value: float) -> None:
        self._choose("weight_kg", float(value) if value > 0 else None)

    def _choose(self, name: str, value: Any) -> None:
        """Keep a choice with the study; a plan that is shown has to hear of it."""
        if self._showing or self._segmentation is None:
            return
        try:
            setattr(self._plan() if self.planes else PlanChoices(self._segmentation), name, value)
        except PanelError as error:
            self.say(str(error))
            return
        self._later.request()

    def _resected_toggled(self, on: bool) -> None:
        if self._showing or not self.planes:
            return
        try:
            self._plan().show_resected(on)
        except PanelError as error:
            self.say(str(error))
            self._showing = True
            try:
                self._ui.resectedCheckBox.checked = False
            finally:
                self._showing = False
