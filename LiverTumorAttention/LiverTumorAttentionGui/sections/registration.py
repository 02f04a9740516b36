"""The panel's lines on registration: the verdict, and the button that compares the phases."""

from __future__ import annotations

from typing import Any

from LiverTumorAttentionGui.review.registration_verdict import Verdict
from LiverTumorAttentionGui.scene.node_attributes import PORTAL_REFERENCE, REGISTERED_REFERENCE
from LiverTumorAttentionGui.scene.slice_views import PhaseComparison
from LiverTumorAttentionLib.pipeline.arterial_policy import DOUBTFUL, REFUSED

# The grade stands in the text too, so that nobody depends on the colour.
GRADE_STYLES = {DOUBTFUL: "color: #b35900;", REFUSED: "color: #d84315;"}
COMPARE_TOOLTIP = (
    "Show the portal venous phase with the registered arterial one over it, half see-through, in all slice views. "
    "Press again for the portal venous phase alone."
)
NOTHING_TO_COMPARE = (
    'Nothing to compare: segment with an arterial CT and "Keep registered arterial" (Advanced) first, '
    "and leave both volumes in the scene."
)


class RegistrationSection:
    """Shows what registration gave. ui: the panel's widgets by name."""

    def __init__(self, ui: Any) -> None:
        self._label = ui.registrationLabel
        self._button = ui.compareButton
        self._study: Any = None
        self.clear()
        self.update(None)

    def clear(self) -> None:
        """Show no verdict: there has been no run, or a new one begins."""
        self.show(None)

    def show(self, verdict: Verdict | None) -> None:
        """Show a run's verdict; nothing where no arterial volume was registered."""
        self._label.text = verdict.sentence if verdict else ""
        self._label.toolTip = verdict.details if verdict else ""
        self._label.styleSheet = GRADE_STYLES.get(verdict.grade, "") if verdict else ""
        self._label.visible = verdict is not None

    def update(self, study: Any) -> None:
        """Say whether there is something to compare in a study: a segmentation node, None for none."""
        self._study = study
        self._button.enabled = self._comparison() is not None
        self._button.toolTip = COMPARE_TOOLTIP if self._button.enabled else NOTHING_TO_COMPARE

    def compare(self, _checked: bool = False) -> None:
        """Show both phases, or the portal venous one alone again: the button was pressed."""
        comparison = self._comparison()
        if comparison is not None:
            comparison.toggle()

    def _comparison(self) -> PhaseComparison | None:
        if self._study is None:
            return None
        portal = self._study.GetNodeReference(PORTAL_REFERENCE)
        registered = self._study.GetNodeReference(REGISTERED_REFERENCE)
        return PhaseComparison(portal, registered) if portal is not None and registered is not None else None
