"""A Slicer volume as a file: in world coordinates, with whatever transform it stands under applied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError

# Largest cosine between two axes of a grid that a reader of medical images still takes for a right angle.
_SHEAR_TOLERANCE = 1e-4


class VolumeWriter:
    """Writes one scalar volume node as an uncompressed NRRD file; the scene is not touched.

    A linear transform that keeps the grid's axes at right angles moves the grid, voxel by voxel; any other one
    resamples the volume in the world, on the grid that it has without the transform.
    """

    def __init__(self, volume: slicer.vtkMRMLScalarVolumeNode, name: str) -> None:
        """name: what the user calls the volume, such as "portal venous". Raises `PanelError`."""
        image = volume.GetImageData()
        if image is None or image.GetNumberOfPoints() == 0:
            raise PanelError(f"The {name} volume {volume.GetName()} has no voxels: choose another volume.")
        if image.GetNumberOfScalarComponents() != 1:
            raise PanelError(
                f"The {name} volume {volume.GetName()} has {image.GetNumberOfScalarComponents()} values a voxel, "
                "a CT has one: choose another volume."
            )
        self._volume = volume
        self._name = name

    @property
    def moves_with_transform(self) -> bool:
        """Whether the written voxels are the volume's own, so that a result can stand under its transform."""
        return _matrix_to_world(self._volume) is not None and _is_orthogonal(self.grid_in_world())

    def write(self, path: Path) -> None:
        """Write the file. Raises `PanelError` when it cannot be written."""
        copy = self.in_world()
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(path))
        storage.SetUseCompression(False)
        if not storage.WriteData(copy) or not path.is_file():
            raise PanelError(
                f"The {self._name} volume cannot be written to {path.parent}: free some disk space and try again."
            )

    def in_world(self) -> slicer.vtkMRMLScalarVolumeNode:
        """Return the volume in the world, outside of the scene; its voxels are shared where they can be.

        Raises `PanelError` when its axes do not stand at right angles and no transform is to blame.
        """
        copy = slicer.vtkMRMLScalarVolumeNode()
        copy.SetAndObserveImageData(self._volume.GetImageData())
        own = vtk.vtkMatrix4x4()
        self._volume.GetIJKToRASMatrix(own)
        copy.SetIJKToRASMatrix(own)
        if self.moves_with_transform:
            copy.SetIJKToRASMatrix(self.grid_in_world())
        else:
            parent = self._volume.GetParentTransformNode()
            if parent is None:
                raise PanelError(
                    f"The axes of the {self._name} volume {self._volume.GetName()} do not stand at right angles: "
                    "resample it first (Resample Scalar Volume)."
                )
            to_world = vtk.vtkGeneralTransform()
            parent.GetTransformToWorld(to_world)
            copy.ApplyNonLinearTransform(to_world)
        return copy

    def grid_in_world(self) -> vtk.vtkMatrix4x4:
        """Return the matrix from voxel indices to the world, where all transforms above the volume are linear."""
        own, world = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
        self._volume.GetIJKToRASMatrix(own)
        vtk.vtkMatrix4x4.Multiply4x4(_matrix_to_world(self._volume) or vtk.vtkMatrix4x4(), own, world)
        return world


def _matrix_to_world(volume: slicer.vtkMRMLScalarVolumeNode) -> vtk.vtkMatrix4x4 | None:
    """Return the matrix of all transforms above the volume; None when one of them is not linear."""
    matrix = vtk.vtkMatrix4x4()
    parent = volume.GetParentTransformNode()
    if parent is not None and not parent.GetMatrixTransformToWorld(matrix):
        return None
    return matrix


def _is_orthogonal(ijk_to_ras: vtk.vtkMatrix4x4) -> bool:
    axes = np.array([[ijk_to_ras.GetElement(row, column) for column in range(3)] for row in range(3)])
    axes = axes / np.linalg.norm(axes, axis=0)
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=_SHEAR_TOLERANCE))
