"""The section Follow-up: the chosen case compared with an earlier study of the patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import slicer

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.child_task import ChildTask
from LiverTumorAttentionGui.sections.comparison_table import ComparisonTable, response_text
from LiverTumorAttentionGui.sections.followup_run import CHOOSE_EARLIER, FollowUpRun
from LiverTumorAttentionGui.sections.followup_views import FollowUpViews
from LiverTumorAttentionGui.sections.pairs_by_hand import PairsByHand
from LiverTumorAttentionGui.sections.report import ask_for_file
from LiverTumorAttentionGui.sections.response_inputs import ResponseInputs
from LiverTumorAttentionGui.signals import Connections, Debounce, ProgrammaticUpdate

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.comparison import SceneComparison
    from LiverTumorAttentionGui.review.said import Said
    from LiverTumorAttentionGui.scene.study import Study

NO_RESULT = _("Press Compare: nothing has been compared yet.")
CORRECTED_SINCE = _("One of the two segmentations was changed since: compare again.")
_CHECK_MS = 400


class FollowUpSection:
    """Connects the widgets of FollowUpSection.ui to the comparison of the active case with an earlier study.

    ensure: installs missing Python packages. choose_file: asks for the report's file; replaced in tests.
    """

    def __init__(
        self,
        ui: Any,
        active_case: ActiveCase,
        *,
        ensure: Callable[[], None],
        choose_file: Callable[[Any, str], str] = ask_for_file,
    ) -> None:
        self._ui, self._active_case, self._ensure = ui, active_case, ensure
        self.choose_file = choose_file
        self._message, self._stale = MessageLine(ui.followupStatusLabel), MessageLine(ui.followupStaleLabel)
        self._controller: object = None
        self._update = ProgrammaticUpdate()
        self._table = ComparisonTable(ui.pairsTable, self._jump)
        self._inputs = ResponseInputs(ui, self._say_of_pairs, self._message.say)
        self._views = FollowUpViews(
            ui.followupLayoutButton, ui.followupLinkButton, self._studies, self._transform, self._message.say
        )
        self.task = ChildTask(
            bar=ui.followupProgressBar,
            cancel_button=ui.followupCancelButton,
            say=self._message.say,
            on_change=self._update_widgets,
            stages=_("Comparison: {stage}"),
        )
        self._run = FollowUpRun(
            active_case,
            self.task,
            self._message,
            comparison=self._comparison,
            studies=self._studies,
            ensure=ensure,
            on_kept=self._kept,
        )
        self._by_hand = PairsByHand(
            ui,
            selected=lambda: self._table.selected,
            change=self._say_of_pairs,
            say=self._message.say,
        )
        self._check_later = Debounce(self._show_stale, _CHECK_MS, restart=True)
        self._connections = Connections(
            (ui.baselineSelector, "currentNodeChanged(vtkMRMLNode*)", self._baseline_chosen),
            (ui.baselineDateEdit, "editingFinished()", self._dates_entered),
            (ui.followupDateEdit, "editingFinished()", self._dates_entered),
            (ui.compareStudiesButton, "clicked(bool)", self._compare_clicked),
            (ui.undoPairButton, "clicked(bool)", self._undo_clicked),
            (ui.followupReportButton, "clicked(bool)", self._report_clicked),
        )
        ui.followupProgressBar.visible = ui.followupCancelButton.enabled = False
        active_case.on_change(self.update)
        active_case.on_outcome(lambda _outcome: self._check_later.request())

    def update(self) -> None:
        """Show the active case: another study, none, or the same one reopened."""
        if self._active_case.controller is not self._controller:
            self._controller = self._active_case.controller
            self._views.leave()
            self._message.say("" if self._controller is not None else self._active_case.problem)
            self.show()
        self._update_widgets()

    def show(self) -> None:
        """Show what is kept of the comparison of the active case."""
        ui, comparison = self._ui, self._comparison()
        state = None if comparison is None else comparison.state
        with self._update.running():
            ui.baselineSelector.setCurrentNode(None if comparison is None else comparison.baseline)
            ui.baselineDateEdit.text = "" if state is None else state.said.baseline_date
            ui.followupDateEdit.text = "" if state is None else state.said.followup_date
        result = None if state is None else state.result
        targets = () if state is None else state.said.targets
        self._table.show([] if result is None else result["pairs"], targets)
        self._by_hand.show(result, None if state is None else state.said)
        chosen = [] if result is None else result["response"]["targets"]
        self._inputs.show(None if state is None else state.said, chosen)
        hint = CHOOSE_EARLIER if comparison is None or comparison.baseline is None else NO_RESULT
        ui.responseLabel.text = hint if result is None else response_text(result["response"])
        self._show_stale()
        self._update_widgets()

    def abandon(self) -> None:
        """End a run without a message."""
        self.task.abandon()

    def leave(self) -> None:
        """Show the layout of before: the user opens another module, or the scene is closed."""
        self._check_later.cancel()
        self._views.leave()

    def disconnect(self) -> None:
        """Disconnect the widgets: the module is being unloaded."""
        self.leave()
        self.task.disconnect()
        self._table.disconnect()
        self._inputs.disconnect()
        self._by_hand.disconnect()
        self._views.disconnect()
        self._connections.disconnect()

    def _comparison(self) -> SceneComparison | None:
        """Return the comparison of the active case; None without a case."""
        from LiverTumorAttentionGui.review.comparison import SceneComparison

        study = self._active_case.study
        return None if study is None else SceneComparison(study.segmentation)

    def _studies(self) -> tuple[Study, Study] | None:
        """Return baseline and follow-up; None where one is not chosen. Raises `PanelError`."""
        from LiverTumorAttentionGui.scene.study import Study

        comparison, study = self._comparison(), self._active_case.study
        if comparison is None or study is None or comparison.baseline is None:
            return None
        return Study.of(comparison.baseline), study

    def _transform(self) -> slicer.vtkMRMLTransformNode | None:
        comparison = self._comparison()
        return None if comparison is None else comparison.transform

    def _update_widgets(self) -> None:
        ui, comparison = self._ui, self._comparison()
        free = comparison is not None and not self._active_case.busy and not self.task.running
        chosen = comparison is not None and comparison.baseline is not None
        ui.followupContent.enabled = comparison is not None
        ui.baselineSelector.enabled = free
        state = None if comparison is None else comparison.state
        found = free and state is not None and state.result is not None
        for widget in (ui.compareStudiesButton, ui.baselineDateEdit, ui.followupDateEdit):
            widget.enabled = free and chosen
        for widget in (ui.pairButton, ui.targetButton, ui.followupReportButton, ui.responseInputs):
            widget.enabled = found
        ui.undoPairButton.enabled = free and state is not None and bool(state.earlier)
        ui.followupLayoutButton.enabled = chosen
        ui.followupLinkButton.enabled = chosen and self._transform() is not None

    def _show_stale(self) -> None:
        """Say whether what is shown is still of the two segmentations and of what was said."""
        comparison = self._comparison()
        state = None if comparison is None else comparison.state
        if comparison is None or state is None or state.result is None:
            self._stale.say("")
        else:
            try:
                same = state.of == self._run.checksums(comparison)
            except PanelError as error:
                self._stale.say(str(error), error=True)
                return
            self._stale.say("" if same else CORRECTED_SINCE, error=True)

    def _baseline_chosen(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        comparison = self._comparison()
        if self._update.active or comparison is None:
            return
        self._message.say("")
        if node is comparison.followup:
            self._message.say(_("This is the case itself: choose an earlier study."), error=True)
        elif node is not None and node is not comparison.baseline:
            comparison.begin(node)
            self._take_dates(comparison)
        self._views.leave()
        self.show()

    def _take_dates(self, comparison: SceneComparison) -> None:
        """Take the dates of volumes that came from DICOM; a person may change them."""
        from LiverTumorAttentionGui.review.said import Said
        from LiverTumorAttentionGui.scene.series_facts import day_of

        try:
            studies = self._studies()
        except PanelError as error:
            self._message.say(str(error), error=True)
            return
        if studies is not None:
            days = [day_of(study.portal) for study in studies]
            comparison.begin_with(Said(baseline_date=days[0], followup_date=days[1]))

    def _dates_entered(self) -> None:
        dates = {
            "baseline_date": self._ui.baselineDateEdit.text,
            "followup_date": self._ui.followupDateEdit.text,
        }
        self._say_of_pairs(lambda said: replace(said, **{name: text.strip() for name, text in dates.items()}))

    def _undo_clicked(self, _checked: bool = False) -> None:
        self._keep(lambda comparison: comparison.undo())

    def _say_of_pairs(self, change: Callable[[Said], Said]) -> None:
        """Keep what a person says as one step of undo, and show what follows from it."""
        self._keep(lambda comparison: comparison.say(change(comparison.state.said)))

    def _keep(self, step: Callable[[SceneComparison], None]) -> None:
        comparison = self._comparison()
        if self._update.active or comparison is None:
            return
        try:
            if comparison.state.result is not None:
                self._ensure()  # what follows is computed here; a scene may come from another machine
            step(comparison)
        except PanelError as error:
            self._message.say(str(error), error=True)
        self.show()

    def _jump(self) -> None:
        """Center the views on the lesions of the selected row."""
        comparison, pair = self._comparison(), self._table.selected
        result = None if comparison is None else comparison.state.result
        if result is not None and pair is not None:
            places = {
                visit: tumor["centroid_lps_mm"]
                for visit in ("baseline", "followup")
                for tumor in result[visit]["tumors"]
                if tumor["number"] == pair[visit]
            }
            self._views.jump(places)
            self._by_hand.choose(pair)

    def _compare_clicked(self, _checked: bool = False) -> None:
        self._run.start()

    def _kept(self) -> None:
        """Show what a run found."""
        self._views.link()
        self.show()

    def _report_clicked(self, _checked: bool = False) -> None:
        self._run.report(lambda name: self.choose_file(self._ui.followupReportButton, name))
