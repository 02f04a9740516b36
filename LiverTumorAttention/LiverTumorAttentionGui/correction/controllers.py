"""One correction controller a segmentation, for as long as its nodes are in the scene."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import slicer

from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController


class CorrectionControllers:
    """The controllers that are open. What the volumes of a removed study take of memory is given back at once."""

    def __init__(self) -> None:
        self._open: list[CorrectionController] = []
        self._watched: tuple[slicer.vtkMRMLScene, int] | None = None

    def controller(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionController:
        """Return the segmentation's controller, a new one where its volume changed or moved. Raises `PanelError`."""
        from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

        known = self.known(segmentation)
        study = Study.of(segmentation)
        if known is not None and known.study.portal is study.portal and known.stands:
            known.look_again()
            return known
        self.forget(segmentation)
        controller = CorrectionController(study)
        self._open.append(controller)
        self._watch(segmentation.GetScene())
        return controller

    def known(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionController | None:
        """Return the segmentation's controller if there is one already."""
        return next(
            (controller for controller in self._open if controller.study.segmentation is segmentation), None
        )

    def forget(self, segmentation: slicer.vtkMRMLSegmentationNode | None = None) -> None:
        """Close the segmentation's controller, or all of them."""
        for controller in list(self._open):
            if segmentation is None or controller.study.segmentation is segmentation:
                self._open.remove(controller)
                controller.close()
        if not self._open:
            self._unwatch()

    def _watch(self, scene: slicer.vtkMRMLScene) -> None:
        if self._watched is not None and self._watched[0] is scene:
            return
        self._unwatch()
        myself = weakref.ref(self)

        def purge(caller: object, event: str) -> None:
            controllers = myself()
            if controllers is not None:
                controllers._purge()

        self._watched = (scene, scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, purge))

    def _unwatch(self) -> None:
        """Leave no observer behind on a scene that may be taken down after this object."""
        watched, self._watched = self._watched, None
        if watched is not None:
            watched[0].RemoveObserver(watched[1])

    def _purge(self) -> None:
        """Close the controllers of studies whose segmentation or portal venous volume is gone."""
        for controller in list(self._open):
            if controller.study.segmentation.GetScene() is None or controller.study.portal.GetScene() is None:
                self._open.remove(controller)
                controller.close()
