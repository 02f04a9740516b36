"""The box Resection by segments: which one is chosen, and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.library_words import shown
from LiverTumorAttentionGui.review.plan_segments import NAMED_RESECTED_SEGMENT, has_segment
from LiverTumorAttentionGui.review.plan_settings import PlanSettings
from LiverTumorAttentionGui.review.planning import ScenePlan
from LiverTumorAttentionGui.scene.node_attributes import COUINAUD_REFERENCE
from LiverTumorAttentionGui.sections.formatting import PLAN_NOT_SHOWN, cut_text, segment_resection_text
from LiverTumorAttentionGui.signals import Connections, Debounce, ProgrammaticUpdate

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.segments import NamedResection

NO_RESECTION = _("No resection")
NEEDS_SEGMENTS = _("Propose or import the Couinaud segments first.")
CHOOSE = _("Choose a resection to see what it leaves.")
_UPDATE_MS = 60


class NamedResectionSection:
    """Shows the resection by Couinaud segments that is chosen in a study.

    plan: returns the plan for the current tumors; raises `PanelError` where there can be none.
    """

    def __init__(self, ui: Any, plan: Callable[[], ScenePlan]) -> None:
        self._list, self._caudate = ui.namedResectionComboBox, ui.caudateCheckBox
        self._resected, self._label = ui.namedResectedCheckBox, ui.namedResectionLabel
        self._cut = MessageLine(ui.namedCutLabel)
        self._plan = plan
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self._update = ProgrammaticUpdate()
        self._update_later = Debounce(self.update_numbers, _UPDATE_MS, restart=False)
        self._list.addItem(NO_RESECTION, "")
        self._connections = Connections(
            (self._list, "currentIndexChanged(int)", self._chosen),
            (self._caudate, "toggled(bool)", self._chosen),
            (self._resected, "toggled(bool)", self._resected_toggled),
        )

    @property
    def on(self) -> bool:
        """Whether a resection is chosen."""
        return self._segmentation is not None and PlanSettings(self._segmentation).resection is not None

    def set_study(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Show the resection of a study; None for none."""
        self._update_later.cancel()
        self._segmentation = segmentation
        settings = None if segmentation is None else PlanSettings(segmentation)
        with self._update.running():
            if settings is not None:
                self._fill()
            key = settings.resection if settings is not None else None
            self._list.setCurrentIndex(max(self._list.findData(key or ""), 0))
            self._caudate.checked = settings is not None and settings.with_caudate
            self._resected.checked = segmentation is not None and has_segment(
                segmentation, NAMED_RESECTED_SEGMENT
            )
        self._update_widgets()
        self.say(PLAN_NOT_SHOWN if self.on and self._known else self._hint)

    def segments_changed(self) -> None:
        """Segments have been told, or are gone."""
        self._update_widgets()
        if self.on and self._known:
            self.request_update()
        else:
            self.say(self._hint)

    def request_update(self) -> None:
        """Update the numbers soon."""
        self._update_later.request()

    def say(self, text: str) -> None:
        """Show a text in place of the numbers."""
        self._cut.say("")
        self._label.text = text

    def update_numbers(self) -> None:
        """Compute and show the resection for the present segments and settings."""
        if self._segmentation is None or not self.on or not self._known:
            self.say(self._hint)
            return
        try:
            named = self._plan().named
            plan = named.plan()
            if self._resected.checked:
                named.show(True)
        except PanelError as error:
            self.say(str(error))
            return
        if plan is not None:
            self.say(segment_resection_text(plan))
            self._cut.say(cut_text([t.number for t in plan.tumors if t.status == "cut"]), error=True)

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._update_later.cancel()
        self._connections.disconnect()

    @property
    def _known(self) -> bool:
        """Whether the study has Couinaud segments."""
        node = self._segmentation
        return node is not None and node.GetNodeReference(COUINAUD_REFERENCE) is not None

    @property
    def _hint(self) -> str:
        return CHOOSE if self._known else NEEDS_SEGMENTS

    def _fill(self) -> None:
        """List the resections, once: the library is imported when there is a study."""
        from LiverTumorAttentionLib.analysis.segments import NAMED_RESECTIONS

        if self._list.count == 1:
            for key, named in NAMED_RESECTIONS.items():
                self._list.addItem(resection_title(named), key)

    def _update_widgets(self) -> None:
        for widget in (self._list, self._caudate):
            widget.enabled = self._known
        self._resected.enabled = self._known and self.on

    def _chosen(self, _value: object = None) -> None:
        if self._update.active or self._segmentation is None:
            return
        settings = PlanSettings(self._segmentation)
        settings.resection = self._list.currentData or None
        settings.with_caudate = bool(self._caudate.checked)
        if settings.resection is None:
            self._resected.checked = False
        self._update_widgets()
        self.request_update()

    def _resected_toggled(self, on: bool) -> None:
        if self._update.active or self._segmentation is None:
            return
        try:
            self._plan().named.show(on)
        except PanelError as error:
            self.say(str(error))
            with self._update.running():
                self._resected.checked = False


def resection_title(named: NamedResection) -> str:
    """Return a resection as the panel shows it."""
    if named.key.startswith("segmentectomy"):
        return _("Segmentectomy {segment}").format(segment=named.numerals)
    return shown(named.title)
