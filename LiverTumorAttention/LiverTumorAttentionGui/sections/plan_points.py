"""The box Cuts through points: a curved cut and cuts through vessels, each through the points of a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import LongAction, MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.curved_cut_model import CurvedCutModel
from LiverTumorAttentionGui.review.plan_segments import CURVED_RESECTED_SEGMENT, has_segment
from LiverTumorAttentionGui.review.plan_settings import PlanSettings
from LiverTumorAttentionGui.review.planning import ScenePlan
from LiverTumorAttentionGui.scene.node_attributes import CURVED_CUT_REFERENCE, VESSEL_CUTS_REFERENCE
from LiverTumorAttentionGui.sections.formatting import cut_text, resection_text, territories_text
from LiverTumorAttentionGui.signals import Connections, Debounce, ProgrammaticUpdate

CHOOSE = _("Place three points or more along the cut with Markups, and choose their list.")
CHOOSE_CUTS = _("Place a point on each vessel that is cut, and choose their list.")
MOVED = _("The points have changed: compute the territories again.")
_UPDATE_MS = 200
_EVENTS = (
    slicer.vtkMRMLMarkupsNode.PointModifiedEvent,
    slicer.vtkMRMLMarkupsNode.PointRemovedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)


class PlanPointsSection:
    """Shows what a curved cut leaves, and what cuts through vessels take.

    plan: returns the plan for the current tumors; raises `PanelError` where there can be none. action: runs long calls.
    on_together: called when the curved cut is planned with the planes from now on, or no more.
    """

    def __init__(
        self,
        ui: Any,
        plan: Callable[[], ScenePlan],
        action: LongAction,
        on_together: Callable[[], None],
    ) -> None:
        self._ui, self._plan, self._action, self._on_together = ui, plan, action, on_together
        self._cut = MessageLine(ui.curvedCutLabel)
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self._observed: list[tuple[slicer.vtkMRMLNode, int]] = []
        self._update = ProgrammaticUpdate()
        self._update_later = Debounce(self.update_numbers, _UPDATE_MS, restart=True)
        self._connections = Connections(
            (ui.curvedSelector, "currentNodeChanged(vtkMRMLNode*)", self._chosen),
            (ui.vesselCutsSelector, "currentNodeChanged(vtkMRMLNode*)", self._chosen),
            (ui.curvedFlipCheckBox, "toggled(bool)", self._chosen),
            (ui.curvedTogetherCheckBox, "toggled(bool)", self._together_toggled),
            (ui.curvedShownCheckBox, "toggled(bool)", self._shown_toggled),
            (ui.curvedResectedCheckBox, "toggled(bool)", self._resected_toggled),
            (ui.territoriesButton, "clicked(bool)", self._territories_clicked),
        )

    @property
    def on(self) -> bool:
        """Whether anything is planned by points."""
        return any(self._node(role) is not None for role in (CURVED_CUT_REFERENCE, VESSEL_CUTS_REFERENCE))

    def set_study(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Show the lists of a study; None for none."""
        self._update_later.cancel()
        self._segmentation = segmentation
        ui = self._ui
        with self._update.running():
            ui.curvedSelector.setCurrentNode(self._node(CURVED_CUT_REFERENCE))
            ui.vesselCutsSelector.setCurrentNode(self._node(VESSEL_CUTS_REFERENCE))
            settings = None if segmentation is None else PlanSettings(segmentation)
            ui.curvedFlipCheckBox.checked = settings is not None and settings.curved_flipped
            ui.curvedTogetherCheckBox.checked = settings is not None and settings.curved_with_planes
            ui.curvedShownCheckBox.checked = segmentation is None or CurvedCutModel(segmentation).visible
            ui.curvedResectedCheckBox.checked = segmentation is not None and has_segment(
                segmentation, CURVED_RESECTED_SEGMENT
            )
        self._observe()
        self.say("")
        if segmentation is not None and self._node(CURVED_CUT_REFERENCE) is not None:
            self._update_later.request()

    def say(self, text: str) -> None:
        """Show a text in place of the numbers; without one, what to do first."""
        self._cut.say("")
        self._ui.curvedLabel.text = text or CHOOSE
        self._ui.territoriesLabel.text = text or CHOOSE_CUTS
        self._ui.territoriesButton.enabled = self._node(VESSEL_CUTS_REFERENCE) is not None
        self._ui.curvedResectedCheckBox.enabled = self._node(CURVED_CUT_REFERENCE) is not None

    def request_update(self) -> None:
        """Update the numbers of the curved cut soon."""
        self._update_later.request()

    def update_numbers(self) -> None:
        """Compute, show and draw the resection by the curved cut for the present points."""
        if self._segmentation is None or self._node(CURVED_CUT_REFERENCE) is None:
            return
        self._cut.say("")
        try:
            plan = self._plan()
            plan.points.draw(visible=bool(self._ui.curvedShownCheckBox.checked))
            plan.points_changed()
            # What planes and the cut take out together is shown with the planes.
            self._ui.curvedResectedCheckBox.enabled = not plan.points.with_planes
            resection = plan.points.curved()
            plan.points.show_resected(bool(self._ui.curvedResectedCheckBox.checked))
        except PanelError as error:
            self._ui.curvedLabel.text = str(error)
            return
        self._ui.curvedLabel.text = CHOOSE if resection is None else resection_text(resection)
        if resection is not None:
            self._cut.say(cut_text(resection.cut_tumors), error=True)

    def planes_changed(self) -> None:
        """The planes, or how they combine, have changed."""
        if self._segmentation is not None and PlanSettings(self._segmentation).curved_with_planes:
            self._update_later.request()

    def disconnect(self) -> None:
        """Disconnect the widgets and stop observing the lists."""
        self._update_later.cancel()
        self._segmentation = None
        self._observe()
        self._connections.disconnect()

    def _node(self, role: str) -> slicer.vtkMRMLMarkupsNode | None:
        return None if self._segmentation is None else self._segmentation.GetNodeReference(role)

    def _chosen(self, _value: object = None) -> None:
        if self._update.active or self._segmentation is None:
            return
        for selector, role in (
            (self._ui.curvedSelector, CURVED_CUT_REFERENCE),
            (self._ui.vesselCutsSelector, VESSEL_CUTS_REFERENCE),
        ):
            node = selector.currentNode()
            self._segmentation.SetNodeReferenceID(role, None if node is None else node.GetID())
        PlanSettings(self._segmentation).curved_flipped = bool(self._ui.curvedFlipCheckBox.checked)
        if self._node(CURVED_CUT_REFERENCE) is None:
            CurvedCutModel(self._segmentation).remove()
            self._ui.curvedResectedCheckBox.checked = False
        self._observe()
        self.say("")
        self._update_later.request()
        if PlanSettings(self._segmentation).curved_with_planes:
            self._on_together()

    def _together_toggled(self, on: bool) -> None:
        if self._update.active or self._segmentation is None:
            return
        PlanSettings(self._segmentation).curved_with_planes = on
        self._update_later.request()
        self._on_together()

    def _shown_toggled(self, on: bool) -> None:
        if not self._update.active and self._segmentation is not None:
            CurvedCutModel(self._segmentation).visible = on

    def _resected_toggled(self, on: bool) -> None:
        if self._update.active or self._segmentation is None:
            return
        try:
            self._plan().points.show_resected(on)
        except PanelError as error:
            self._ui.curvedLabel.text = str(error)
            with self._update.running():
                self._ui.curvedResectedCheckBox.checked = False

    def _territories_clicked(self, _checked: bool = False) -> None:
        if self._segmentation is None:
            return
        try:
            points = self._plan().points
            found = self._action.run(points.territories)
        except PanelError as error:
            self._ui.territoriesLabel.text = str(error)
            return
        self._ui.territoriesLabel.text = CHOOSE_CUTS if found is None else territories_text(found)

    def _observe(self) -> None:
        """Observe the lists that the study refers to, and no others."""
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        chosen = [self._node(role) for role in (CURVED_CUT_REFERENCE, VESSEL_CUTS_REFERENCE)]
        self._observed = [
            (node, node.AddObserver(event, self._moved))
            for node in chosen
            if node is not None
            for event in _EVENTS
        ]

    def _moved(self, node: slicer.vtkMRMLNode, _event: str) -> None:
        if node is self._node(VESSEL_CUTS_REFERENCE):
            self._ui.territoriesLabel.text = MOVED
        self._update_later.request()
