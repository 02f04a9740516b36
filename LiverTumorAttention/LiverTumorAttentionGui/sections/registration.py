"""The registration verdict and the button Compare of the section Segment."""

from __future__ import annotations

from typing import Any

import slicer

from LiverTumorAttentionGui.feedback import error_style, warning_style
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.registration_verdict import Verdict
from LiverTumorAttentionGui.scene.node_attributes import PORTAL_REFERENCE, REGISTERED_REFERENCE
from LiverTumorAttentionGui.scene.slice_views import PhaseComparison
from LiverTumorAttentionLib.pipeline.arterial_policy import DOUBTFUL, REFUSED

# The text names the grade, too: the color is never the only cue.
GRADE_STYLES = {DOUBTFUL: warning_style, REFUSED: error_style}
COMPARE_TOOLTIP = _(
    "Show the portal venous phase with the registered arterial one over it, half "
    "see-through, in all slice views. Press again for the portal venous phase alone."
)
NOTHING_TO_COMPARE = _(
    'Nothing to compare: segment with an arterial CT and "Keep registered phases" (Advanced) first, '
    "and leave both volumes in the scene."
)


class RegistrationSection:
    """Shows the verdict of a run and compares the registered phases. ui: the panel's widgets by name."""

    def __init__(self, ui: Any) -> None:
        self._label = ui.registrationLabel
        self._button = ui.compareButton
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self.clear()
        self.update(None)

    def clear(self) -> None:
        """Hide the verdict."""
        self.show(None)

    def show(self, verdict: Verdict | None) -> None:
        """Show the verdict of a run; hide it where no arterial volume was registered."""
        self._label.text = verdict.sentence if verdict else ""
        self._label.toolTip = verdict.details if verdict else ""
        self._label.styleSheet = GRADE_STYLES.get(verdict.grade, str)() if verdict else ""
        self._label.visible = verdict is not None

    def update(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Enable the comparison where the segmentation refers to both phases. segmentation: None for no study."""
        self._segmentation = segmentation
        self._button.enabled = self._comparison() is not None
        self._button.toolTip = COMPARE_TOOLTIP if self._button.enabled else NOTHING_TO_COMPARE

    def compare(self, _checked: bool = False) -> None:
        """Switch between both phases and the portal venous one alone."""
        comparison = self._comparison()
        if comparison is not None:
            comparison.toggle()

    def _comparison(self) -> PhaseComparison | None:
        if self._segmentation is None:
            return None
        portal = self._segmentation.GetNodeReference(PORTAL_REFERENCE)
        registered = self._segmentation.GetNodeReference(REGISTERED_REFERENCE)
        return PhaseComparison(portal, registered) if portal is not None and registered is not None else None
