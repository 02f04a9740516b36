"""A library call that takes a while in the window's own process: it shows progress, can be cancelled, and the window
stays alive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError, in_plain_words

Result = TypeVar("Result")
CANCELLED = "Cancelled. The scene is unchanged."


class LongAction:
    """One progress bar with its Cancel button.

    The library's numbers come from its own thread of work, which is the window's: at every step of progress the window
    handles its events, while the active_case is busy, so that nothing else of the panel can start.
    """

    def __init__(self, bar: Any, cancel_button: Any, active_case: ActiveCase) -> None:
        self._bar = bar
        self._button = cancel_button
        self._active_case = active_case
        self._wanted = True
        bar.visible = False
        cancel_button.connect("clicked(bool)", self._cancel_clicked)

    def disconnect(self) -> None:
        """Let go of the widgets; what is under way ends at its next step."""
        self.cancel()
        self._button.disconnect("clicked(bool)", self._cancel_clicked)

    def cancel(self) -> None:
        """End what is under way at its next step."""
        self._wanted = False

    def run(self, call: Callable[[Any], Result]) -> Result:
        """Return what the call returns, to which the library's `Progress` is handed. Raises `PanelError`."""
        from LiverTumorAttentionLib.errors import Cancelled
        from LiverTumorAttentionLib.progress import Progress

        segmentation = self._active_case.segmentation

        def unwanted() -> bool:
            return not self._wanted or segmentation.GetScene() is None

        self._wanted = True
        self._show(0.0)
        try:
            with self._active_case.occupied(), in_plain_words():
                return call(Progress(self._step, unwanted, stage="review"))
        except Cancelled as error:
            raise PanelError(CANCELLED) from error
        finally:
            self._bar.value = 0
            self._bar.visible = self._button.enabled = False

    def _step(self, event: Any) -> None:
        self._show(event.fraction)
        qt.QApplication.processEvents()

    def _show(self, fraction: float) -> None:
        self._bar.visible = True
        self._button.enabled = self._wanted
        self._bar.value = round(100 * fraction)

    def _cancel_clicked(self, _checked: bool = False) -> None:
        self.cancel()
        self._button.enabled = False
