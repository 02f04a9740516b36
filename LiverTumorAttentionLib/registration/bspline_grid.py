"""A cubic B-spline displacement over a box: control points, evaluation, refinement, exchange with ITK.

Source: Rueckert et al., IEEE Trans. Med. Imaging 18 (1999):
    u(p) = sum_ijk beta3(x/h - i) beta3(y/h - j) beta3(z/h - k) c_ijk
The product of three one-dimensional splines is three small matrix products on a grid whose axes are the
lattice's. That is what makes it fast; ITK's own evaluation, point by point, gives the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

ORDER = 3


@dataclass(frozen=True)
class BSplineGrid:
    """Geometry of the control points; coefficients are arrays (3, z, y, x), LPS components in mm.

    origin: corner of the box (LPS, mm). direction: its axes as columns. mesh_mm, mesh: distance of the
    control points and number of cells along x, y, z. There are three more control points than cells: one
    before the box and two behind it, as many as a cubic spline needs up to the border.
    """

    origin: np.ndarray
    direction: np.ndarray
    mesh_mm: np.ndarray
    mesh: tuple[int, int, int]

    @classmethod
    def over(cls, grid: sitk.Image, mesh_mm: float) -> BSplineGrid:
        """Return a lattice over `grid`, to the outer faces of its voxels, with cells of about mesh_mm."""
        extent = np.array(grid.GetSize()) * np.array(grid.GetSpacing())
        mesh = np.maximum(1, np.round(extent / mesh_mm)).astype(int)
        origin = np.array(grid.TransformContinuousIndexToPhysicalPoint([-0.5] * 3))
        direction = np.array(grid.GetDirection()).reshape(3, 3)
        return cls(origin, direction, extent / mesh, (int(mesh[0]), int(mesh[1]), int(mesh[2])))

    def zeros(self) -> np.ndarray:
        """Return the coefficients (3, z, y, x) of no displacement."""
        return np.zeros((3, *(n + ORDER for n in self.mesh[::-1])))

    def refined(self, coefficients: np.ndarray) -> tuple[BSplineGrid, np.ndarray]:
        """Return the same function on a lattice of half the cell size.

        Two-scale relation of the cubic B-spline: a new control point on an old one takes (1, 6, 1) / 8 of the
        old ones around it, one between two takes their mean.
        """
        finer = BSplineGrid(self.origin, self.direction, self.mesh_mm / 2, tuple(2 * n for n in self.mesh))  # type: ignore[arg-type]
        for axis in (1, 2, 3):
            c = np.moveaxis(coefficients, axis, 0)
            doubled = np.empty((2 * len(c) - ORDER, *c.shape[1:]))
            doubled[1::2] = (c[:-2] + 6 * c[1:-1] + c[2:]) / 8
            doubled[0::2] = (c[:-1] + c[1:]) / 2
            coefficients = np.moveaxis(doubled, 0, axis)
        return finer, np.ascontiguousarray(coefficients)

    def zero_padded(self, coefficients: np.ndarray) -> tuple[BSplineGrid, np.ndarray]:
        """Return the same function on a larger box, at whose border it falls smoothly to zero.

        ITK leaves points outside a B-spline's box where they are, which would tear space at the border.
        Three more control points of value 0 on every side change nothing inside the old box.
        """
        origin = self.origin - self.direction @ (ORDER * self.mesh_mm)
        wider = BSplineGrid(origin, self.direction, self.mesh_mm, tuple(n + 2 * ORDER for n in self.mesh))  # type: ignore[arg-type]
        return wider, np.pad(coefficients, [(0, 0)] + [(ORDER, ORDER)] * 3)

    def as_transform(self, coefficients: np.ndarray) -> sitk.BSplineTransform:
        """Return p -> p + u(p) as ITK has it."""
        spline = sitk.BSplineTransform(3, ORDER)
        spline.SetTransformDomainDirection([float(v) for v in self.direction.ravel()])
        spline.SetTransformDomainOrigin([float(v) for v in self.origin])
        spline.SetTransformDomainPhysicalDimensions([float(v) for v in self.mesh_mm * np.array(self.mesh)])
        spline.SetTransformDomainMeshSize(list(self.mesh))
        spline.SetParameters([float(v) for v in coefficients.ravel()])
        return spline

    def basis(self, grid: sitk.Image) -> BSplineBasis:
        """Return the basis that evaluates the spline at the voxels of `grid`, whose axes must be the lattice's."""
        first = self.direction.T @ (np.array(grid.GetOrigin()) - self.origin)
        matrices = [
            _spline_matrix(
                (first[k] + np.arange(grid.GetSize()[k]) * grid.GetSpacing()[k]) / self.mesh_mm[k], n
            )
            for k, n in enumerate(self.mesh)
        ]
        return BSplineBasis(*matrices)


def _spline_matrix(position: np.ndarray, cells: int) -> np.ndarray:
    """Return (points, cells + 3) weights of the control points at positions in cells from the box's corner."""
    cell = np.clip(np.floor(position), 0, cells - 1).astype(int)
    f = position - cell
    weights = np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3]) / 6
    matrix = np.zeros((len(position), cells + ORDER), np.float32)
    for k in range(ORDER + 1):
        matrix[np.arange(len(position)), cell + k] = weights[k]
    return matrix


@dataclass(frozen=True)
class BSplineBasis:
    """The spline's weights at the voxels of a grid: matrices (voxels, control points) along x, y, z."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    def evaluate(self, coefficients: np.ndarray) -> np.ndarray:
        """Return u (3, z, y, x) in mm, float32."""
        along_y = self.y @ (coefficients.astype(np.float32) @ self.x.T)
        shape = along_y.shape
        return (self.z @ along_y.reshape(3, shape[1], -1)).reshape(3, len(self.z), *shape[2:])

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """Return the transpose of `evaluate`: the gradient of sum(values * u) by the coefficients."""
        shape = values.shape
        along_z = (self.z.T @ values.reshape(3, shape[1], -1)).reshape(3, -1, *shape[2:])
        return ((self.y.T @ along_z) @ self.x).astype(np.float64)
