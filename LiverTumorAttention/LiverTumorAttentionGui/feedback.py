"""Feedback of the panel: message line, wait cursor, and a progress bar for long calls in the application's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import qt

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _

if TYPE_CHECKING:
    import slicer

    from LiverTumorAttentionLib.progress import Progress, ProgressEvent

ERROR_ON_LIGHT, ERROR_ON_DARK = "#b3261e", "#ffb4ab"
"""Colors of error messages: a contrast of at least 4.5 : 1 (WCAG 2.1, AA) to the windows of Slicer's themes."""
WARNING_ON_LIGHT, WARNING_ON_DARK = "#8a4500", "#ffb870"
"""Colors of what is doubtful, likewise."""
MIDDLE_LIGHTNESS = 128
NOTICE = _("Liver Tumor Attention: not for clinical use")
CANCELLED = _("Cancelled. The scene is unchanged.")

Result = TypeVar("Result")


class Label(Protocol):
    """What a message line needs of a QLabel."""

    text: str
    styleSheet: str
    visible: bool


class ProgressBar(Protocol):
    """What a long action needs of a QProgressBar."""

    value: int
    visible: bool


class Button(Protocol):
    """What a long action needs of a QPushButton."""

    enabled: bool

    def connect(self, signal: str, slot: Callable[..., None]) -> object: ...

    def disconnect(self, signal: str, slot: Callable[..., None]) -> object: ...


def error_style() -> str:
    """Return the style of an error message for the present theme, light or dark."""
    return f"color: {ERROR_ON_LIGHT if _is_light() else ERROR_ON_DARK};"


def warning_style() -> str:
    """Return the style of what is doubtful, likewise."""
    return f"color: {WARNING_ON_LIGHT if _is_light() else WARNING_ON_DARK};"


def _is_light() -> bool:
    window = qt.QApplication.palette().color(qt.QPalette.Window)
    return bool(window.lightness() >= MIDDLE_LIGHTNESS)


class StatusBarNotice:
    """The notice in the status bar of Slicer's window, which does not scroll, while the module is open."""

    def __init__(self) -> None:
        self._label: Any = None

    def show(self) -> None:
        """Show the notice; nothing without a window."""
        import slicer

        window = slicer.util.mainWindow()
        if window is None or self._label is not None:
            return
        self._label = qt.QLabel(NOTICE)
        window.statusBar().addPermanentWidget(self._label)

    def hide(self) -> None:
        """Remove the notice."""
        label, self._label = self._label, None
        if label is not None:
            label.hide()
            label.deleteLater()


class MessageLine:
    """A label for one message, hidden while it is empty. label: with word wrap."""

    def __init__(self, label: Label) -> None:
        self._label = label
        self.say("")

    def say(self, message: str, *, error: bool = False) -> None:
        """Show the message, an error in a color of its own."""
        self._label.text = message
        self._label.styleSheet = error_style() if error else ""
        self._label.visible = bool(message)


@contextmanager
def wait_cursor() -> Iterator[None]:
    """Wait cursor for short blocking calls."""
    qt.QApplication.setOverrideCursor(qt.QCursor(qt.Qt.WaitCursor))
    try:
        yield
    finally:
        qt.QApplication.restoreOverrideCursor()


class Occupiable(Protocol):
    """What a long action blocks meanwhile: the case under work.

    segmentation: its node. occupied: a context in which no other action of the panel can start.
    """

    @property
    def segmentation(self) -> slicer.vtkMRMLSegmentationNode: ...

    def occupied(self) -> AbstractContextManager[None]: ...


class LongAction:
    """Runs a library call in the application's process with a progress bar and a Cancel button.

    At every progress event the application handles its events, while the case is occupied, so that no other action of
    the panel can start.
    """

    def __init__(self, bar: ProgressBar, cancel_button: Button, case: Occupiable) -> None:
        self._bar = bar
        self._button = cancel_button
        self._case = case
        self._cancelled = False
        bar.visible = False
        cancel_button.connect("clicked(bool)", self._cancel_clicked)

    def disconnect(self) -> None:
        """Disconnect the button; a running call is cancelled at its next progress event."""
        self.cancel()
        self._button.disconnect("clicked(bool)", self._cancel_clicked)

    def cancel(self) -> None:
        """Cancel the running call at its next progress event."""
        self._cancelled = True

    def run(self, call: Callable[[Progress], Result]) -> Result:
        """Return the result of `call`, which is given the library's `Progress`. Raises `PanelError`."""
        from LiverTumorAttentionLib.errors import Cancelled
        from LiverTumorAttentionLib.progress import Progress

        segmentation = self._case.segmentation

        def cancelled() -> bool:
            return self._cancelled or segmentation.GetScene() is None

        self._cancelled = False
        self._show(0.0)
        try:
            with self._case.occupied(), as_panel_error():
                return call(Progress(self._on_progress, cancelled, stage="review"))
        except Cancelled as error:
            raise PanelError(CANCELLED) from error
        finally:
            self._bar.value = 0
            self._bar.visible = self._button.enabled = False

    def _on_progress(self, event: ProgressEvent) -> None:
        self._show(event.fraction)
        qt.QApplication.processEvents()

    def _show(self, fraction: float) -> None:
        self._bar.visible = True
        self._button.enabled = not self._cancelled
        self._bar.value = round(100 * fraction)

    def _cancel_clicked(self, _checked: bool = False) -> None:
        self.cancel()
        self._button.enabled = False
