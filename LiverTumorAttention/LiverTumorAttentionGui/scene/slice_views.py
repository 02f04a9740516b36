"""Slice and 3D views: centering them on a point, and both phases over each other."""

from __future__ import annotations

from collections.abc import Iterator

import slicer

Ras = tuple[float, float, float]

OVERLAY_OPACITY = 0.5


def jump_to(scene: slicer.vtkMRMLScene, ras: Ras) -> None:
    """Center all slice views on a point of the world (RAS, mm)."""
    for view in _nodes(scene, "vtkMRMLSliceNode"):
        view.JumpSliceByCentering(*ras)


def center_3d(scene: slicer.vtkMRMLScene, ras: Ras) -> None:
    """Center the 3D views on a point of the world (RAS, mm); direction and distance of the camera stay."""
    for camera in _nodes(scene, "vtkMRMLCameraNode"):
        position, focus = camera.GetPosition(), camera.GetFocalPoint()
        moved = [eye + to - at for eye, at, to in zip(position, focus, ras, strict=True)]
        camera.SetFocalPoint(*ras)
        camera.SetPosition(*moved)
        camera.ResetClippingRange()


class PhaseComparison:
    """The portal venous volume as background, the registered arterial one as half transparent foreground."""

    def __init__(
        self, portal: slicer.vtkMRMLScalarVolumeNode, registered: slicer.vtkMRMLScalarVolumeNode
    ) -> None:
        self._portal = portal
        self._registered = registered

    @property
    def shown(self) -> bool:
        """Whether a slice view shows the comparison; the user may have changed the views since."""
        return any(
            view.GetBackgroundVolumeID() == self._portal.GetID()
            and view.GetForegroundVolumeID() == self._registered.GetID()
            for view in self._views()
        )

    def toggle(self) -> None:
        """Show both phases in all slice views, or the portal venous one alone where both are shown."""
        both = not self.shown
        for view in self._views():
            view.SetBackgroundVolumeID(self._portal.GetID())
            view.SetForegroundVolumeID(self._registered.GetID() if both else None)
            view.SetForegroundOpacity(OVERLAY_OPACITY if both else 0.0)

    def _views(self) -> Iterator[slicer.vtkMRMLSliceCompositeNode]:
        return _nodes(self._portal.GetScene(), "vtkMRMLSliceCompositeNode")


def _nodes(scene: slicer.vtkMRMLScene, class_name: str) -> Iterator[slicer.vtkMRMLNode]:
    for index in range(scene.GetNumberOfNodesByClass(class_name)):
        yield scene.GetNthNodeByClass(index, class_name)
