"""One correction desk a segmentation, for as long as its nodes are in the scene."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import slicer

from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionDesk


class Desks:
    """The desks that are open. What the volumes of a removed study take of memory is given back at once."""

    def __init__(self) -> None:
        self._open: list[CorrectionDesk] = []
        self._watched: tuple[slicer.vtkMRMLScene, int] | None = None

    def desk(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionDesk:
        """Return the segmentation's desk, a new one where its volume changed or moved. Raises `PanelError`."""
        from LiverTumorAttentionGui.correction.correction_controller import CorrectionDesk

        known = self.known(segmentation)
        study = Study.of(segmentation)
        if known is not None and known.study.portal is study.portal and known.stands:
            known.look_again()
            return known
        self.forget(segmentation)
        desk = CorrectionDesk(study)
        self._open.append(desk)
        self._watch(segmentation.GetScene())
        return desk

    def known(self, segmentation: slicer.vtkMRMLSegmentationNode) -> CorrectionDesk | None:
        """Return the segmentation's desk if there is one already."""
        return next((desk for desk in self._open if desk.study.segmentation is segmentation), None)

    def forget(self, segmentation: slicer.vtkMRMLSegmentationNode | None = None) -> None:
        """Close the segmentation's desk, or all of them."""
        for desk in list(self._open):
            if segmentation is None or desk.study.segmentation is segmentation:
                self._open.remove(desk)
                desk.close()
        if not self._open:
            self._unwatch()

    def _watch(self, scene: slicer.vtkMRMLScene) -> None:
        if self._watched is not None and self._watched[0] is scene:
            return
        self._unwatch()
        myself = weakref.ref(self)

        def purge(caller: object, event: str) -> None:
            desks = myself()
            if desks is not None:
                desks._purge()

        self._watched = (scene, scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, purge))

    def _unwatch(self) -> None:
        """Leave no observer behind on a scene that may be taken down after this object."""
        watched, self._watched = self._watched, None
        if watched is not None:
            watched[0].RemoveObserver(watched[1])

    def _purge(self) -> None:
        """Close the desks of studies whose segmentation or portal venous volume is gone."""
        for desk in list(self._open):
            if desk.study.segmentation.GetScene() is None or desk.study.portal.GetScene() is None:
                self._open.remove(desk)
                desk.close()
