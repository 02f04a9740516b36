"""Where voxels lie in the world: a grid, and images on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
import vtk
from vtk.util.numpy_support import vtk_to_numpy

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid of voxels. shape: (z, y, x). ijk_to_ras: 4 x 4, from voxel indices x, y, z to world RAS mm."""

    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray

    @classmethod
    def of(cls, image: vtk.vtkImageData, ijk_to_ras: vtk.vtkMatrix4x4) -> Grid:
        x, y, z = image.GetDimensions()
        return cls((z, y, x), values_of(ijk_to_ras))

    def same_as(self, other: Grid) -> bool:
        """Tell whether voxel lies on voxel."""
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


def values_of(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """Return a matrix as (4, 4) array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrix_of(values: np.ndarray) -> vtk.vtkMatrix4x4:
    """Return a (4, 4) array as matrix."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(values, float).ravel().tolist())
    return matrix


def to_world(node: Any) -> np.ndarray | None:
    """Return the matrix of all transforms above a node; None when one of them is not linear."""
    matrix = vtk.vtkMatrix4x4()
    parent = node.GetParentTransformNode()
    if parent is not None and not parent.GetMatrixTransformToWorld(matrix):
        return None
    return values_of(matrix)


def voxels_of(image: vtk.vtkImageData) -> np.ndarray:
    """Return an image's voxels (z, y, x), not copied; an array without voxels for an image without."""
    scalars = image.GetPointData().GetScalars()
    x, y, z = image.GetDimensions()
    if scalars is None or min(x, y, z) < 1:
        return np.zeros((0, 0, 0), np.uint8)
    return np.asarray(vtk_to_numpy(scalars)).reshape(z, y, x)
