"""Which studies a follow-up compares, and their dates: the list of earlier studies and two fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.comparison import SceneComparison
    from LiverTumorAttentionGui.review.said import Said
    from LiverTumorAttentionGui.scene.study import Study


class FollowUpStudies:
    """Connects the list of earlier studies and the fields of dates to the comparison of the active case.

    change: keeps what a person says as one step of undo. say: shows a message. on_chosen: called when a person has
    chosen in the list.
    """

    def __init__(
        self,
        ui: Any,
        active_case: ActiveCase,
        *,
        change: Callable[[Callable[[Said], Said]], None],
        say: Callable[..., None],
        on_chosen: Callable[[], None],
    ) -> None:
        self._selector = ui.baselineSelector
        self._dates = {"baseline_date": ui.baselineDateEdit, "followup_date": ui.followupDateEdit}
        self._active_case, self._change, self._say, self._on_chosen = active_case, change, say, on_chosen
        self._update = ProgrammaticUpdate()
        self._connections = Connections(
            (self._selector, "currentNodeChanged(vtkMRMLNode*)", self._chosen),
            *((edit, "editingFinished()", self._dates_entered) for edit in self._dates.values()),
        )

    @property
    def comparison(self) -> SceneComparison | None:
        """The comparison of the active case; None without a case."""
        from LiverTumorAttentionGui.review.comparison import SceneComparison

        study = self._active_case.study
        return None if study is None else SceneComparison(study.segmentation)

    @property
    def transform(self) -> slicer.vtkMRMLTransformNode | None:
        """The registration of the follow-up onto the baseline; None before a run."""
        comparison = self.comparison
        return None if comparison is None else comparison.transform

    def both(self) -> tuple[Study, Study] | None:
        """Return baseline and follow-up; None where one is not chosen. Raises `PanelError`."""
        from LiverTumorAttentionGui.scene.study import Study

        comparison, study = self.comparison, self._active_case.study
        if comparison is None or study is None or comparison.baseline is None:
            return None
        return Study.of(comparison.baseline), study

    def show(self) -> None:
        """Show the earlier study and both dates as they are kept."""
        comparison = self.comparison
        said = None if comparison is None else comparison.state.said
        with self._update.running():
            self._selector.setCurrentNode(None if comparison is None else comparison.baseline)
            for name, edit in self._dates.items():
                edit.text = "" if said is None else getattr(said, name)

    def enable(self, free: bool) -> None:
        """Enable the widgets that can be used. free: whether there is a case, and no run."""
        comparison = self.comparison
        self._selector.enabled = free
        for edit in self._dates.values():
            edit.enabled = free and comparison is not None and comparison.baseline is not None

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._connections.disconnect()

    def _chosen(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        comparison = self.comparison
        if self._update.active or comparison is None:
            return
        self._say("")
        if node is comparison.followup:
            self._say(_("This is the case itself: choose an earlier study."), error=True)
        elif node is not None and node is not comparison.baseline:
            comparison.begin(node)
            self._take_dates(comparison)
        self._on_chosen()

    def _take_dates(self, comparison: SceneComparison) -> None:
        """Take the dates of volumes that came from DICOM; a person may change them."""
        from LiverTumorAttentionGui.review.said import Said
        from LiverTumorAttentionGui.scene.series_facts import day_of

        try:
            studies = self.both()
        except PanelError as error:
            self._say(str(error), error=True)
            return
        if studies is not None:
            days = [day_of(study.portal) for study in studies]
            comparison.begin_with(Said(baseline_date=days[0], followup_date=days[1]))

    def _dates_entered(self) -> None:
        if not self._update.active:
            dates = {name: edit.text.strip() for name, edit in self._dates.items()}
            self._change(lambda said: replace(said, **dates))
