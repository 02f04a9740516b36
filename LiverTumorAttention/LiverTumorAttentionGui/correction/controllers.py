"""The correction controllers of the scene: one a segmentation, while its nodes exist."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import slicer

from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController


class CorrectionControllers:
    """The open controllers. A controller is closed as soon as its segmentation or volume is removed, to free memory."""

    def __init__(self) -> None:
        self._open: list[CorrectionController] = []
        self._observed: tuple[slicer.vtkMRMLScene, int] | None = None

    def get(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionController:
        """Return the controller of a segmentation, a new one if its volume changed or moved. Raises `PanelError`."""
        from LiverTumorAttentionGui.correction.correction_controller import CorrectionController

        known = next((each for each in self._open if each.study.segmentation is segmentation), None)
        study = Study.of(segmentation)
        if known is not None and known.study.portal is study.portal and known.is_valid:
            known.refresh_volumes()
            return known
        self.close(segmentation)
        controller = CorrectionController(study)
        self._open.append(controller)
        self._observe(segmentation.GetScene())
        return controller

    def close(self, segmentation: slicer.vtkMRMLSegmentationNode | None = None) -> None:
        """Close the controller of a segmentation, or all of them."""
        for controller in list(self._open):
            if segmentation is None or controller.study.segmentation is segmentation:
                self._open.remove(controller)
                controller.close()
        if not self._open:
            self._remove_observer()

    def _observe(self, scene: slicer.vtkMRMLScene) -> None:
        if self._observed is not None and self._observed[0] is scene:
            return
        self._remove_observer()
        reference = weakref.ref(self)

        def node_removed(_scene: object, _event: str) -> None:
            controllers = reference()
            if controllers is not None:
                controllers._close_removed()

        self._observed = (scene, scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, node_removed))

    def _remove_observer(self) -> None:
        """Leave no observer on a scene that may be deleted after this object."""
        observed, self._observed = self._observed, None
        if observed is not None:
            observed[0].RemoveObserver(observed[1])

    def _close_removed(self) -> None:
        """Close the controllers whose segmentation or portal venous volume was removed."""
        for controller in list(self._open):
            if controller.study.segmentation.GetScene() is None or controller.study.portal.GetScene() is None:
                self._open.remove(controller)
                controller.close()
