"""The study under work, and what the panel's sections share about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import slicer

from LiverTumorAttentionGui.debounce import Debounce
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import wait_cursor

NO_STUDY = "Choose a study first: segment a CT, or select a segmentation under Study."
NOT_INSTALLED = (
    "The Python packages for correction and review are not installed yet: press Install packages, "
    "which asks before anything is downloaded."
)


class ActiveCase:
    """The chosen study with its correction controller; tells its listeners when they change.

    study, controller: None while there is nothing to work on; `problem` then says why, in one sentence.
    busy: whether a long action is under way, so that nothing else may start.
    missing: whether Python packages are missing.
    """

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self._listeners: list[Callable[[], None]] = []
        self._outcome_listeners: list[Callable[[Any], None]] = []
        self._nodes: tuple[Any, ...] = ()
        self._scene: Any = None
        self._tag: int | None = None
        self._reopen = Debounce(self.open_again, 0, restart=False)
        self.segmentation: Any = None
        self.study: Any = None
        self.controller: Any = None
        self.problem = NO_STUDY
        self.missing = False
        self.busy = False

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener when another study is under work, or the same one anew, or a long action began or ended."""
        self._listeners.append(listener)

    def on_outcome(self, listener: Callable[[Any], None]) -> None:
        """Call the listener with the outcome after each correction."""
        self._outcome_listeners.append(listener)

    def choose(self, segmentation: Any) -> None:
        """Work on the study of a segmentation node; None for none. While a scene is being loaded nothing is opened."""
        if segmentation is not self.segmentation or (segmentation is not None and self.study is None):
            self._open(segmentation)

    def open_again(self) -> None:
        """Look at the chosen study anew: its volumes came or went."""
        self._open(self.segmentation)

    def close(self) -> None:
        """Work on nothing: the user left the module, or the scene goes."""
        self._reopen.cancel()
        self._open(None)

    def instances(self) -> Any:
        """Return the segmentation as it stands, with what was painted meanwhile taken in. Raises `PanelError`."""
        self.controller.take_in_brush()
        return self.controller.instances()

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Let nothing else start meanwhile."""
        self.busy = True
        self._tell()
        try:
            yield
        finally:
            self.busy = False
            self._tell()

    def _open(self, segmentation: Any) -> None:
        if self.controller is not None:
            self.controller.remove_listener(self._corrected)
        if segmentation is not None and segmentation.GetScene() is None:
            segmentation = None
        self.segmentation, self.study, self.controller = segmentation, None, None
        self.problem, self.missing = NO_STUDY, False
        if segmentation is not None and not segmentation.GetScene().IsImporting():
            try:
                with wait_cursor():
                    self._set_up(segmentation)
            except PanelError as error:
                self.study, self.controller, self.problem = None, None, str(error)
            except ImportError:
                self.study, self.controller, self.problem, self.missing = None, None, NOT_INSTALLED, True
        self._nodes = self._present() if segmentation is not None else ()
        self._watch(segmentation.GetScene() if segmentation is not None else None)
        self._tell()

    def _set_up(self, segmentation: Any) -> None:
        from LiverTumorAttentionGui.scene.study import Study

        Study.of(
            segmentation
        )  # says why the study cannot be used, also when a controller is there from before
        self.controller = self._logic.controller(segmentation)
        self.study = self.controller.study
        self.controller.add_listener(self._corrected)
        self.problem = ""

    def _watch(self, scene: Any) -> None:
        """Notice when a node of the study is removed."""
        if self._tag is not None:
            self._scene.RemoveObserver(self._tag)
        self._scene, self._tag = scene, None
        if scene is not None:
            self._tag = scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._node_removed)

    def _node_removed(self, *_: Any) -> None:
        """Look anew when the study or one of its nodes has gone; the event does not say which node it was."""
        if self.segmentation is not None and self._nodes != self._present():
            self._reopen.request()

    def _present(self) -> tuple[Any, ...]:
        """Return the nodes of the study that are in the scene."""
        study = self.study
        if study is None or self.segmentation.GetScene() is None:
            return ()
        portal = study.portal if study.portal.GetScene() is not None else None
        return portal, study.arterial, study.probability, study.vessels

    def _corrected(self, outcome: Any) -> None:
        for listener in list(self._outcome_listeners):
            listener(outcome)

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()
