"""Where the views look: a place in the patient in the middle of all of them."""

from __future__ import annotations

from collections.abc import Iterator

import slicer

Ras = tuple[float, float, float]


def jump_to(scene: slicer.vtkMRMLScene, ras: Ras) -> None:
    """Show the slices through a place of the world (RAS, mm), with the place in their middle."""
    for view in _nodes(scene, "vtkMRMLSliceNode"):
        view.JumpSliceByCentering(*ras)


def center_3d(scene: slicer.vtkMRMLScene, ras: Ras) -> None:
    """Turn the 3D views about a place of the world (RAS, mm), seen from the side and as near as before."""
    for camera in _nodes(scene, "vtkMRMLCameraNode"):
        position, focus = camera.GetPosition(), camera.GetFocalPoint()
        moved = [eye + to - at for eye, at, to in zip(position, focus, ras, strict=True)]
        camera.SetFocalPoint(*ras)
        camera.SetPosition(*moved)
        camera.ResetClippingRange()


def _nodes(scene: slicer.vtkMRMLScene, kind: str) -> Iterator[slicer.vtkMRMLNode]:
    for index in range(scene.GetNumberOfNodesByClass(kind)):
        yield scene.GetNthNodeByClass(index, kind)
