"""The section Follow-up: the chosen case compared with an earlier study of the patient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.child_task import ChildTask
from LiverTumorAttentionGui.sections.comparison_table import ComparisonTable, response_text
from LiverTumorAttentionGui.sections.followup_run import CHOOSE_EARLIER, FollowUpRun
from LiverTumorAttentionGui.sections.followup_stale import StaleComparison
from LiverTumorAttentionGui.sections.followup_studies import FollowUpStudies
from LiverTumorAttentionGui.sections.followup_views import FollowUpViews
from LiverTumorAttentionGui.sections.pairs_by_hand import PairsByHand
from LiverTumorAttentionGui.sections.report import ask_for_file
from LiverTumorAttentionGui.sections.response_inputs import ResponseInputs
from LiverTumorAttentionGui.signals import Connections

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.comparison import SceneComparison
    from LiverTumorAttentionGui.review.said import Said

NO_RESULT = _("Press Compare: nothing has been compared yet.")


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
        self._message = MessageLine(ui.followupStatusLabel)
        self._controller: object = None
        self.studies = FollowUpStudies(
            ui,
            active_case,
            change=self._say_of_pairs,
            say=self._message.say,
            on_chosen=self._baseline_chosen,
        )
        self._table = ComparisonTable(ui.pairsTable, self._jump)
        self._inputs = ResponseInputs(ui, self._say_of_pairs, self._message.say)
        self._views = FollowUpViews(
            ui.followupLayoutButton,
            ui.followupLinkButton,
            self.studies.both,
            lambda: self.studies.transform,
            self._message.say,
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
            comparison=lambda: self.studies.comparison,
            studies=self.studies.both,
            ensure=ensure,
            on_kept=self._kept,
        )
        self._by_hand = PairsByHand(
            ui,
            selected=lambda: self._table.selected,
            change=self._say_of_pairs,
            say=self._message.say,
        )
        self._stale = StaleComparison(
            ui.followupStaleLabel, lambda: self.studies.comparison, self._run.checksums
        )
        self._connections = Connections(
            (ui.compareStudiesButton, "clicked(bool)", self._compare_clicked),
            (ui.undoPairButton, "clicked(bool)", self._undo_clicked),
            (ui.followupReportButton, "clicked(bool)", self._report_clicked),
        )
        ui.followupProgressBar.visible = ui.followupCancelButton.enabled = False
        active_case.on_change(self.update)
        active_case.on_outcome(lambda _outcome: self._stale.request())

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
        comparison = self.studies.comparison
        state = None if comparison is None else comparison.state
        self.studies.show()
        result = None if state is None else state.result
        targets = () if state is None else state.said.targets
        self._table.show([] if result is None else result["pairs"], targets)
        self._by_hand.show(result, None if state is None else state.said)
        chosen = [] if result is None else result["response"]["targets"]
        self._inputs.show(None if state is None else state.said, chosen)
        hint = CHOOSE_EARLIER if comparison is None or comparison.baseline is None else NO_RESULT
        self._ui.responseLabel.text = hint if result is None else response_text(result["response"])
        self._stale.check()
        self._update_widgets()

    def abandon(self) -> None:
        """End a run without a message."""
        self.task.abandon()

    def leave(self) -> None:
        """Show the layout of before: the user opens another module, or the scene is closed."""
        self._stale.cancel()
        self._views.leave()

    def disconnect(self) -> None:
        """Disconnect the widgets: the module is being unloaded."""
        self.leave()
        self.task.disconnect()
        self._table.disconnect()
        self._inputs.disconnect()
        self._by_hand.disconnect()
        self.studies.disconnect()
        self._views.disconnect()
        self._connections.disconnect()

    def _update_widgets(self) -> None:
        ui, comparison = self._ui, self.studies.comparison
        free = comparison is not None and not self._active_case.busy and not self.task.running
        chosen = comparison is not None and comparison.baseline is not None
        ui.followupContent.enabled = comparison is not None
        self.studies.enable(free)
        state = None if comparison is None else comparison.state
        found = free and state is not None and state.result is not None
        ui.compareStudiesButton.enabled = free and chosen
        for widget in (ui.pairButton, ui.targetButton, ui.followupReportButton, ui.responseInputs):
            widget.enabled = found
        ui.undoPairButton.enabled = free and state is not None and bool(state.earlier)
        ui.followupLayoutButton.enabled = chosen
        ui.followupLinkButton.enabled = chosen and self.studies.transform is not None

    def _baseline_chosen(self) -> None:
        self._views.leave()
        self.show()

    def _undo_clicked(self, _checked: bool = False) -> None:
        self._keep(lambda comparison: comparison.undo())

    def _say_of_pairs(self, change: Callable[[Said], Said]) -> None:
        """Keep what a person says as one step of undo, and show what follows from it."""
        self._keep(lambda comparison: comparison.say(change(comparison.state.said)))

    def _keep(self, step: Callable[[SceneComparison], None]) -> None:
        comparison = self.studies.comparison
        if comparison is None:
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
        comparison, pair = self.studies.comparison, self._table.selected
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
