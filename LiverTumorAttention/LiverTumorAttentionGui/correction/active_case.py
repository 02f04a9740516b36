"""The active case: the study under work with its correction controller, observed by the panel's sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.feedback import wait_cursor
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import PHASE_NAMES
from LiverTumorAttentionGui.signals import Debounce

if TYPE_CHECKING:
    import SimpleITK as sitk

    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionGui.scene.study import Study
    from LiverTumorAttentionLib.correction import Outcome

NO_STUDY = _("Choose a case first: segment a CT, or select a segmentation under Case.")
NOT_INSTALLED = _(
    "The Python packages for correction and review are not installed yet: press Install packages, "
    "which asks before anything is downloaded."
)


class ControllerSource(Protocol):
    """Has one correction controller a segmentation; the module's logic."""

    def controller(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionController:
        """Return the controller of a segmentation. Raises `PanelError` when it cannot be corrected."""


class ActiveCase:
    """The chosen study and its correction controller; calls its listeners when they change.

    segmentation: the chosen node, None for none.
    study, controller: None where there is nothing to work on; `problem` then has the reason, in one sentence.
    busy: whether a long action is running, during which no other may start.
    packages_missing: whether Python packages are missing.
    """

    def __init__(self, logic: ControllerSource) -> None:
        self._logic = logic
        self._listeners: list[Callable[[], None]] = []
        self._outcome_listeners: list[Callable[[Outcome], None]] = []
        self._nodes: tuple[slicer.vtkMRMLNode | None, ...] = ()
        self._scene: slicer.vtkMRMLScene | None = None
        self._tag: int | None = None
        self._reopen_later = Debounce(self.reopen, 0, restart=False)
        self._statuses_later = Debounce(self._follow_statuses, 0, restart=False)
        self._segments: tuple[slicer.vtkSegmentation, int] | None = None
        self._refusal_listeners: list[Callable[[str], None]] = []
        self.segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self.study: Study | None = None
        self.controller: CorrectionController | None = None
        self.problem = NO_STUDY
        self.packages_missing = False
        self.busy = False

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener when a study is opened, reopened or closed, and when a long action begins or ends."""
        self._listeners.append(listener)

    def on_outcome(self, listener: Callable[[Outcome], None]) -> None:
        """Call the listener with the outcome of each correction."""
        self._outcome_listeners.append(listener)

    def on_refusal(self, listener: Callable[[str], None]) -> None:
        """Call the listener with the reason why a status that another tool set is not followed."""
        self._refusal_listeners.append(listener)

    def choose(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Open the study of a segmentation node; None for none. Nothing is opened while a scene is being loaded."""
        if segmentation is not self.segmentation or (segmentation is not None and self.study is None):
            self._open(segmentation)

    def reopen(self) -> None:
        """Open the chosen study again: its volumes were added or removed."""
        self._open(self.segmentation)

    def close(self) -> None:
        """Close the study: the user left the module, or the scene is closed."""
        self._reopen_later.cancel()
        self._statuses_later.cancel()
        self._open(None)

    def instances(self) -> sitk.Image:
        """Return the current segmentation, with the edits of the Segment Editor applied. Raises `PanelError`."""
        if self.controller is None:
            raise PanelError(self.problem)
        self.controller.apply_manual_edits()
        return self.controller.instances()

    def log_text(self) -> str:
        """Return the log of corrections and of who signed; empty without a case."""
        return "" if self.controller is None else self.controller.log_text()

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Set `busy` within the block."""
        self.busy = True
        self._notify()
        try:
            yield
        finally:
            self.busy = False
            self._notify()

    def _open(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        if self.controller is not None:
            self.controller.remove_listener(self._corrected)
        if segmentation is not None and segmentation.GetScene() is None:
            segmentation = None
        self.segmentation, self.study, self.controller = segmentation, None, None
        self.problem, self.packages_missing = NO_STUDY, False
        if segmentation is not None and not segmentation.GetScene().IsImporting():
            try:
                with wait_cursor():
                    self._set_up(segmentation)
            except PanelError as error:
                self.study, self.controller, self.problem = None, None, str(error)
            except ImportError:
                self.study, self.controller, self.problem = None, None, NOT_INSTALLED
                self.packages_missing = True
        self._nodes = self._present_nodes()
        self._observe(segmentation.GetScene() if segmentation is not None else None)
        self._observe_segments(segmentation if self.controller is not None else None)
        self._notify()

    def _set_up(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        from LiverTumorAttentionGui.scene.study import Study

        Study.of(segmentation)  # raises why the study cannot be used, also where a controller exists
        self.controller = self._logic.controller(segmentation)
        self.study = self.controller.study
        self.controller.add_listener(self._corrected)
        self.problem = ""

    def _observe(self, scene: slicer.vtkMRMLScene | None) -> None:
        """Observe the removal of nodes from the scene."""
        if self._scene is not None:
            self._scene.RemoveObserver(self._tag)
        self._scene, self._tag = scene, None
        if scene is not None:
            self._tag = scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._node_removed)

    def _observe_segments(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Observe the segments, whose statuses other tools may set."""
        if self._segments is not None:
            self._segments[0].RemoveObserver(self._segments[1])
        self._segments = None
        if segmentation is not None:
            segments = segmentation.GetSegmentation()
            event = slicer.vtkSegmentation.SegmentModified
            self._segments = (
                segments,
                segments.AddObserver(event, lambda *_: self._statuses_later.request()),
            )

    def _follow_statuses(self) -> None:
        """Follow statuses that another tool set; during a long action, the next correction does."""
        if self.controller is None or self.busy or self.controller.study.segmentation.GetScene() is None:
            return
        try:
            self.controller.follow_statuses()
        except PanelError as error:
            for listener in list(self._refusal_listeners):
                listener(str(error))

    def _node_removed(self, *_: object) -> None:
        """Reopen the study if one of its nodes was removed; the event does not tell which node was."""
        if self.segmentation is not None and self._nodes != self._present_nodes():
            self._reopen_later.request()

    def _present_nodes(self) -> tuple[slicer.vtkMRMLNode | None, ...]:
        """Return the nodes of the study that are in the scene."""
        study = self.study
        if study is None or study.segmentation.GetScene() is None:
            return ()
        portal = study.portal if study.portal.GetScene() is not None else None
        registered = map(study.registered, PHASE_NAMES)
        return portal, *registered, study.probability, study.vessels, study.couinaud

    def _corrected(self, outcome: Outcome) -> None:
        for listener in list(self._outcome_listeners):
            listener(outcome)

    def _notify(self) -> None:
        for listener in list(self._listeners):
            listener()
