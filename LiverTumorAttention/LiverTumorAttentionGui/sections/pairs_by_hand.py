"""Pairs and targets that a person names: the lists to choose from, the buttons, and what was named so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.signals import Connections

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.said import Said

NONE = _("none")


class PairsByHand:
    """Connects the lists of lesions of both times and the buttons Pair and Target.

    selected: returns the pair that is selected in the table, None for none. change: keeps what a person says as one
    step of undo. say: shows a message of the section.
    """

    def __init__(
        self,
        ui: Any,
        *,
        selected: Callable[[], Mapping[str, Any] | None],
        change: Callable[[Callable[[Said], Said]], None],
        say: Callable[..., None],
    ) -> None:
        self._label = ui.saidLabel
        self._boxes = {"baseline": ui.pairBaselineComboBox, "followup": ui.pairFollowupComboBox}
        self._selected, self._change, self._say = selected, change, say
        self._connections = Connections(
            (ui.pairButton, "clicked(bool)", self._pair_clicked),
            (ui.targetButton, "clicked(bool)", self._target_clicked),
        )

    def show(self, result: Mapping[str, Any] | None, said: Said | None) -> None:
        """List the lesions of both times, and show pairs and targets that a person named."""
        for visit, box in self._boxes.items():
            box.clear()
            box.addItem(NONE, "")
            for tumor in () if result is None else result[visit]["tumors"]:
                box.addItem(str(tumor["number"]), str(tumor["number"]))
        lines = []
        if said is not None and said.pairs:
            pairs = [" = ".join(NONE if n is None else str(n) for n in pair) for pair in said.pairs]
            lines.append(_("Pairs by hand, baseline = follow-up: {pairs}").format(pairs="; ".join(pairs)))
        if said is not None and said.targets:
            numbers = ", ".join(str(number) for number in said.targets)
            lines.append(_("Targets by hand: {numbers}").format(numbers=numbers))
        self._label.text = "\n".join(lines)
        self._label.visible = bool(lines)

    def choose(self, pair: Mapping[str, Any]) -> None:
        """Choose the lesions of a pair of the table."""
        for visit, box in self._boxes.items():
            box.setCurrentIndex(max(box.findData("" if pair[visit] is None else str(pair[visit])), 0))

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._connections.disconnect()

    def _pair_clicked(self, _checked: bool = False) -> None:
        numbers = [int(box.currentData) if box.currentData else None for box in self._boxes.values()]
        self._change(lambda said: said.with_pair(numbers[0], numbers[1]))

    def _target_clicked(self, _checked: bool = False) -> None:
        pair = self._selected()
        if pair is None or pair["baseline"] is None:
            self._say(_("Select a row with a lesion of the baseline first."), error=True)
            return
        self._change(lambda said: said.with_target(int(pair["baseline"])))
