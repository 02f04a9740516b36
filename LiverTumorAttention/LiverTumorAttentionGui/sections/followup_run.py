"""The run that compares two studies, and the report of what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import LOG_ATTRIBUTE
from LiverTumorAttentionGui.sections.child_task import ChildTask
from LiverTumorAttentionGui.sections.followup_report import MadeReport, check_report
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.comparison import SceneComparison
    from LiverTumorAttentionGui.review.comparison_run import ComparedStudies, ComparisonRun
    from LiverTumorAttentionGui.review.said import Said
    from LiverTumorAttentionGui.scene.study import Study

CHOOSE_EARLIER = _("Choose the earlier study of this patient to compare with.")


class FollowUpRun:
    """Compares the active case with its baseline in a child process, keeps the result, and writes the report of it.

    task: shows the run. message: says what came of it. comparison, studies: return those of the active case, as the
    section has them. ensure: installs missing Python packages. on_kept: called when a result is kept.
    """

    def __init__(
        self,
        active_case: ActiveCase,
        task: ChildTask,
        message: MessageLine,
        *,
        comparison: Callable[[], SceneComparison | None],
        studies: Callable[[], tuple[Study, Study] | None],
        ensure: Callable[[], None],
        on_kept: Callable[[], None],
    ) -> None:
        self._active_case, self._task, self._message = active_case, task, message
        self._comparison, self._studies = comparison, studies
        self._ensure, self._on_kept = ensure, on_kept
        self._made: MadeReport | None = None

    def start(self) -> None:
        """Compare both as they are."""
        self._compare(lambda: "")

    def report(self, choose_file: Callable[[str], str]) -> None:
        """Write the report of what was compared; where something was said or corrected since, after another run.

        choose_file: asks for the file, given the name that is suggested; empty for none.
        """
        comparison = self._comparison()
        if comparison is None:
            return
        chosen = choose_file(f"{comparison.followup.GetName()} follow-up.html")
        if not chosen:
            return
        try:
            check_report(chosen)
            made = self._made
            if made is None or not made.is_of(comparison, self.checksums(comparison)):
                self._compare(lambda: "" if self._made is None else self._made.written(chosen))
                return
            self._message.say(made.written(chosen))
        except PanelError as error:
            self._message.say(str(error), error=True)

    def checksums(self, comparison: SceneComparison) -> dict[str, str]:
        """Return the checksums of both segmentations as they are now; none without a baseline. Raises `PanelError`."""
        from LiverTumorAttentionGui.review.comparison import segmentation_checksum

        if comparison.baseline is None:
            return {}
        self._active_case.instances()  # with the edits of the Segment Editor
        return {
            "baseline": segmentation_checksum(comparison.baseline),
            "followup": segmentation_checksum(comparison.followup),
        }

    def _compare(self, then: Callable[[], str]) -> None:
        """Start a run. then: called when its result is kept; returns what else to say."""
        comparison = self._comparison()
        if comparison is None or comparison.baseline is None:
            self._message.say(CHOOSE_EARLIER, error=True)
            return
        asked, of = comparison.state.said, {}

        def make(**listeners: Any) -> ComparisonRun | None:
            run = self._make(comparison, asked, **listeners)
            of.update(self.checksums(comparison))
            return run

        self._task.start(make, lambda result: self._compared(comparison, asked, of, result, then))

    def _make(self, comparison: SceneComparison, said: Said, **listeners: Any) -> ComparisonRun | None:
        from LiverTumorAttentionGui.review.comparison_run import ComparisonRun, Visit

        self._ensure()
        studies = self._studies()
        if studies is None or studies[1].segmentation is not comparison.followup:
            return None  # another case was opened while packages were installed
        log = studies[0].segmentation.GetAttribute(LOG_ATTRIBUTE) or ""
        return ComparisonRun(
            Visit(study=studies[0], instances=studies[0].instances(), log=log),
            Visit(
                study=studies[1], instances=self._active_case.instances(), log=self._active_case.log_text()
            ),
            said,
            **listeners,
        )

    def _compared(
        self,
        comparison: SceneComparison,
        asked: Said,
        of: dict[str, str],
        result: ComparedStudies,
        then: Callable[[], str],
    ) -> str:
        """Keep what was found; return the message for it."""
        if comparison.followup.GetScene() is None:
            return _("The case was removed during the run.")
        try:
            comparison.keep_result(of, result.values)
            comparison.keep_transform(result.transform)
        except PanelError as error:
            return str(error)
        self._made = MadeReport(node=comparison.followup.GetID(), said=asked, of=of, files=result.files)
        self._on_kept()
        notes = [_("Warning: {warning}").format(warning=each) for each in result.values["warnings"]]
        self._task.warnings.clear()  # they are the same, and are kept with the result
        registration = result.values["registration"]
        said = _("Registration {grade}: {reason}. {notice}").format(
            grade=registration["grade"], reason=registration["reason"], notice=NOT_FOR_CLINICAL_USE
        )
        try:
            more = then()
        except PanelError as error:
            more = str(error)
        return "\n".join(line for line in (more, said, *notes) if line)
