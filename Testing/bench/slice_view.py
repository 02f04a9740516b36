"""A slice view as Slicer draws it: a slice node, the volume behind, segments and markups in front."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk

from Testing.bench.rendering import Canvas

_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
)


class SliceView:
    """One slice view. Its slice node is in the scene, where a module finds it to jump to a point."""

    def __init__(
        self, scene: Any, application_logic: Any, layout_name: str, orientation: str, size: int
    ) -> None:
        self._size = size
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self.node = self._logic.AddSliceNode(layout_name)
        self.node.SetOrientation(orientation)
        self.node.SetDimensions(size, size, 1)
        application_logic.GetSliceLogics().AddItem(self._logic)
        self._canvas = Canvas(size)
        self._add_volume_actor()  # before the managers, whose actors would lie behind it
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        self._group = instantiate(factory, _MANAGERS, application_logic, self._canvas, self.node)

    def _add_volume_actor(self) -> None:
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255.0)
        self._mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(self._mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        self._canvas.renderer.AddViewProp(actor)

    def show(self, volume: Any) -> None:
        """Put the volume into the background, all of it in view."""
        self._logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
        self._logic.FitSliceToAll(self._size, self._size)

    def where(self, ras: tuple[float, float, float]) -> tuple[int, int]:
        """Return (row, column) of a world point (RAS, mm) in the picture."""
        to_view = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), to_view)
        x, y, *_ = to_view.MultiplyPoint((*ras, 1.0))
        return round(self._size - 1 - y), round(x)

    def picture(self, ras: tuple[float, float, float] | None = None) -> np.ndarray:
        """Return the view as (row, column, 3), through a world point (RAS, mm) or where it is."""
        if ras is not None:
            self.node.JumpSliceByOffsetting(*ras)
        self._logic.UpdatePipeline()
        self._mapper.SetInputConnection(self._logic.GetImageDataConnection())  # another for another volume
        return self._canvas.picture()

    def close(self) -> None:
        """Take the view's nodes and its window away."""
        self._group.SetMRMLDisplayableNode(None)
        self._canvas.close()


def instantiate(
    factory: Any, names: tuple[str, ...], application_logic: Any, canvas: Canvas, node: Any
) -> Any:
    """Return a view's displayable managers, which draw the nodes of the scene of the view's node."""
    factory.SetMRMLApplicationLogic(application_logic)
    for name in names:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    group = factory.InstantiateDisplayableManagers(canvas.renderer)
    group.SetMRMLDisplayableNode(node)
    return group
