"""Slice and 3D views: centering them on a point, and both phases over each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import slicer

if TYPE_CHECKING:
    from LiverTumorAttentionGui.scene.study import Study

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


def phase_shown(study: Study) -> str | None:
    """Return the phase, "portal" or "arterial" (registered), that the view under the mouse shows.

    Where the mouse is in no slice view, the one that all views with either phase show; None where it is neither or
    both.
    """
    scene = study.segmentation.GetScene()
    names = {study.portal.GetID(): "portal"}
    if study.arterial is not None:
        names[study.arterial.GetID()] = "arterial"
    views = list(_nodes(scene, "vtkMRMLSliceCompositeNode"))
    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    under = None if crosshair is None else crosshair.GetCursorPositionXYZ([0.0, 0.0, 0.0])
    if under is not None:
        own = [view for view in views if view.GetLayoutName() == under.GetLayoutName()]
        return names.get(own[0].GetBackgroundVolumeID()) if own else None
    shown = {names[view.GetBackgroundVolumeID()] for view in views if view.GetBackgroundVolumeID() in names}
    return shown.pop() if len(shown) == 1 else None


def show_phase(study: Study, phase: str) -> None:
    """Show a phase, "portal" or "arterial", in the views of the other one, unless they show both side by side."""
    volumes = {"portal": study.portal, "arterial": study.arterial}
    ids = [volume.GetID() for volume in volumes.values() if volume is not None]
    views = [
        view
        for view in _nodes(study.segmentation.GetScene(), "vtkMRMLSliceCompositeNode")
        if view.GetBackgroundVolumeID() in ids
    ]
    wanted = volumes[phase]
    if wanted is not None and len({view.GetBackgroundVolumeID() for view in views}) == 1:
        for view in views:
            view.SetBackgroundVolumeID(wanted.GetID())


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
