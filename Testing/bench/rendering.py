"""Render windows without a screen: EGL through Mesa on Linux."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy


def why_not() -> str | None:
    """Return why this machine cannot draw without a screen, or None where it can."""
    if sys.platform != "linux":
        return None
    try:
        ctypes.CDLL("libEGL.so.1")
        ctypes.CDLL("libEGL_mesa.so.0")
    except OSError as error:
        return f"no pictures without a screen ({error}): install the packages of Testing/bench/system-packages.txt"
    return None


class Canvas:
    """A square render window with one renderer. Slicer's displayable managers also ask for an interactor."""

    def __init__(self, size: int) -> None:
        window_class = getattr(vtk, "vtkEGLRenderWindow", None) if sys.platform == "linux" else None
        self._window = (window_class or vtk.vtkRenderWindow)()
        self._window.SetOffScreenRendering(True)
        self._window.SetMultiSamples(0)  # Mesa would smooth the edges whose colors a test compares
        self._window.SetSize(size, size)
        self.renderer = vtk.vtkRenderer()
        self._window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)

    def picture(self) -> np.ndarray:
        """Return what the window shows: (row, column, 3) uint8, RGB, the first row at the top."""
        self._window.Render()
        reader = vtk.vtkWindowToImageFilter()
        reader.SetInput(self._window)
        reader.ReadFrontBufferOff()
        reader.ShouldRerenderOff()
        reader.Update()
        image: Any = reader.GetOutput()
        columns, rows, _ = image.GetDimensions()
        flat = vtk_to_numpy(image.GetPointData().GetScalars())
        return np.ascontiguousarray(flat.reshape(rows, columns, 3)[::-1])

    def close(self) -> None:
        """Give the window's memory back."""
        self._interactor.SetRenderWindow(None)
        self._window.Finalize()
