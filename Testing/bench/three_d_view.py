"""A 3D view as Slicer draws it: a view node, its camera, closed surfaces and markups."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from Testing.bench.rendering import Canvas
from Testing.bench.slice_view import instantiate

_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
)


class ThreeDView:
    """One 3D view. Its camera node is in the scene, where a module finds it to center the view on a point."""

    def __init__(self, scene: Any, application_logic: Any, size: int) -> None:
        self._logic = slicer.vtkMRMLViewLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self.node = self._logic.AddViewNode("1")
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)
        application_logic.GetViewLogics().AddItem(self._logic)
        self.camera = slicer.vtkMRMLCameraNode()
        self.camera.SetLayoutName("1")
        self.camera = scene.AddNode(self.camera)
        self._canvas = Canvas(size)
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self._group = instantiate(factory, _MANAGERS, application_logic, self._canvas, self.node)

    def picture(self, fit: bool = True) -> np.ndarray:
        """Return the view as (row, column, 3): all of the scene, or from where the camera is."""
        if fit:
            self._canvas.renderer.ResetCamera()
        self._canvas.renderer.ResetCameraClippingRange()
        return self._canvas.picture()

    def turn(self, azimuth_deg: float, elevation_deg: float = 0.0) -> None:
        """Turn the camera around its focal point; from the front at first."""
        camera = self.camera.GetCamera()
        camera.Azimuth(azimuth_deg)
        camera.Elevation(elevation_deg)
        camera.OrthogonalizeViewUp()

    def close(self) -> None:
        """Take the view's window away."""
        self._group.SetMRMLDisplayableNode(None)
        self._canvas.close()
