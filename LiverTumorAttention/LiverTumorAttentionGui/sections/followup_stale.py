"""A line that says when the comparison that is shown is no longer of the two segmentations as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import MessageLine
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.signals import Debounce

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.comparison import SceneComparison

CORRECTED_SINCE = _("One of the two segmentations was changed since: compare again.")
_CHECK_MS = 400


class StaleComparison:
    """Compares the checksums of the last run with those of now.

    label: of the line. comparison: returns that of the active case, None without one. checksums: returns those of its
    segmentations as they are now; raises `PanelError`.
    """

    def __init__(
        self,
        label: Any,
        comparison: Callable[[], SceneComparison | None],
        checksums: Callable[[SceneComparison], dict[str, str]],
    ) -> None:
        self._line, self._comparison, self._checksums = MessageLine(label), comparison, checksums
        self._check_later = Debounce(self.check, _CHECK_MS, restart=True)

    def check(self) -> None:
        """Say whether what is shown still holds."""
        comparison = self._comparison()
        state = None if comparison is None else comparison.state
        if comparison is None or state is None or state.result is None:
            self._line.say("")
            return
        try:
            same = state.of == self._checksums(comparison)
        except PanelError as error:
            self._line.say(str(error), error=True)
            return
        self._line.say("" if same else CORRECTED_SINCE, error=True)

    def request(self) -> None:
        """Check soon: a tumor was corrected."""
        self._check_later.request()

    def cancel(self) -> None:
        """Do not check what was requested."""
        self._check_later.cancel()
