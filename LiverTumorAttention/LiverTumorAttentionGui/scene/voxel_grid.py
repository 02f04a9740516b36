"""Voxel grids in world coordinates, and scalar volumes on them with the transforms above them applied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SHEAR_TOLERANCE = 1e-4
"""Largest cosine between two axes of a grid that readers of medical images accept as a right angle."""


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """A grid of voxels. shape: (z, y, x). ijk_to_ras: 4 x 4, from voxel indices x, y, z to world RAS mm."""

    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray

    @classmethod
    def of(cls, image: vtk.vtkImageData, ijk_to_ras: vtk.vtkMatrix4x4) -> VoxelGrid:
        x, y, z = image.GetDimensions()
        return cls((z, y, x), matrix_to_array(ijk_to_ras))

    def same_as(self, other: VoxelGrid) -> bool:
        """Return whether voxels of both grids have the same centers."""
        return self.shape == other.shape and np.allclose(self.ijk_to_ras, other.ijk_to_ras, rtol=0, atol=1e-5)

    def image(self, voxels: np.ndarray) -> sitk.Image:
        """Return voxels (z, y, x) as an image in LPS."""
        to_lps = RAS_TO_LPS @ self.ijk_to_ras
        spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(spacing.tolist())
        image.SetDirection((to_lps[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin(to_lps[:3, 3].tolist())
        return image


class WorldVolume:
    """A scalar volume node in world coordinates; the node itself is not changed.

    A linear transform that keeps the grid's axes at right angles moves the grid and leaves the voxels; any other one
    resamples the volume in the world, on the grid that it has without the transform.
    """

    def __init__(self, volume: slicer.vtkMRMLScalarVolumeNode, name: str) -> None:
        """name: what the user calls the volume, such as "portal venous". Raises `PanelError`."""
        image = volume.GetImageData()
        if image is None or image.GetNumberOfPoints() == 0:
            raise PanelError(
                _("The {name} volume {volume} has no voxels: choose another volume.").format(
                    name=name, volume=volume.GetName()
                )
            )
        if image.GetNumberOfScalarComponents() != 1:
            raise PanelError(
                _(
                    "The {name} volume {volume} has {count} values a voxel, a CT has one: choose another "
                    "volume."
                ).format(name=name, volume=volume.GetName(), count=image.GetNumberOfScalarComponents())
            )
        self._volume = volume
        self._name = name

    @property
    def moves_with_transform(self) -> bool:
        """Whether the voxels in the world are the volume's own, so that a result can stand under its transform."""
        return _linear_to_world(self._volume) is not None and _is_orthogonal(self.ijk_to_world)

    @property
    def ijk_to_world(self) -> vtk.vtkMatrix4x4:
        """The matrix from voxel indices to the world, where all transforms above the volume are linear."""
        own, world = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
        self._volume.GetIJKToRASMatrix(own)
        vtk.vtkMatrix4x4.Multiply4x4(_linear_to_world(self._volume) or vtk.vtkMatrix4x4(), own, world)
        return world

    def write(self, path: Path) -> None:
        """Write the volume in the world as an uncompressed NRRD file. Raises `PanelError` when it cannot be written."""
        copy = self.node()
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(path))
        storage.SetUseCompression(False)
        if not storage.WriteData(copy) or not path.is_file():
            raise PanelError(
                _(
                    "The {name} volume cannot be written to {folder}: free some disk space and try again."
                ).format(name=self._name, folder=path.parent)
            )

    def node(self) -> slicer.vtkMRMLScalarVolumeNode:
        """Return a node outside of the scene with the volume in the world; voxels are shared where possible.

        Raises `PanelError` when the axes are not at right angles and there is no transform above the volume.
        """
        copy = slicer.vtkMRMLScalarVolumeNode()
        copy.SetAndObserveImageData(self._volume.GetImageData())
        own = vtk.vtkMatrix4x4()
        self._volume.GetIJKToRASMatrix(own)
        copy.SetIJKToRASMatrix(own)
        if self.moves_with_transform:
            copy.SetIJKToRASMatrix(self.ijk_to_world)
        else:
            parent = self._volume.GetParentTransformNode()
            if parent is None:
                raise PanelError(
                    _(
                        "The axes of the {name} volume {volume} do not stand at right angles: resample it "
                        "first (Resample Scalar Volume)."
                    ).format(name=self._name, volume=self._volume.GetName())
                )
            to_world = vtk.vtkGeneralTransform()
            parent.GetTransformToWorld(to_world)
            copy.ApplyNonLinearTransform(to_world)
        return copy


def matrix_to_array(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """Return a matrix as (4, 4) array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def array_to_matrix(values: np.ndarray) -> vtk.vtkMatrix4x4:
    """Return a (4, 4) array as matrix."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(values, float).ravel().tolist())
    return matrix


def matrix_to_world(node: slicer.vtkMRMLTransformableNode) -> np.ndarray | None:
    """Return the (4, 4) matrix of all transforms above a node; None when one of them is not linear."""
    matrix = _linear_to_world(node)
    return None if matrix is None else matrix_to_array(matrix)


def below_transform_of(node: slicer.vtkMRMLTransformableNode, world: vtk.vtkMatrix4x4) -> vtk.vtkMatrix4x4:
    """Return a matrix to the world as one to the coordinates below the node's linear transform, where it has one."""
    from_world, moved = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    parent = node.GetParentTransformNode()
    if parent is not None:
        parent.GetMatrixTransformFromWorld(from_world)
    vtk.vtkMatrix4x4.Multiply4x4(from_world, world, moved)
    return moved


def voxel_array(image: vtk.vtkImageData) -> np.ndarray:
    """Return an image's voxels (z, y, x) without copying them; an empty array for an image without voxels."""
    scalars = image.GetPointData().GetScalars()
    x, y, z = image.GetDimensions()
    if scalars is None or min(x, y, z) < 1:
        return np.zeros((0, 0, 0), np.uint8)
    return np.asarray(vtk_to_numpy(scalars)).reshape(z, y, x)


def _linear_to_world(node: slicer.vtkMRMLTransformableNode) -> vtk.vtkMatrix4x4 | None:
    matrix = vtk.vtkMatrix4x4()
    parent = node.GetParentTransformNode()
    if parent is not None and not parent.GetMatrixTransformToWorld(matrix):
        return None
    return matrix


def _is_orthogonal(ijk_to_ras: vtk.vtkMatrix4x4) -> bool:
    axes = matrix_to_array(ijk_to_ras)[:3, :3]
    axes = axes / np.linalg.norm(axes, axis=0)
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=_SHEAR_TOLERANCE))
