"""Geometry of images: axes and positions in the patient, same grids, exact regridding, linear interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import DTypeLike, NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError

Point = tuple[float, float, float]
"""A position in the patient, LPS mm."""
Line = tuple[Point, Point]
"""A line segment by its end points."""

RIGHT_ANGLE = 1e-3
"""How far the cosine of the angle between two axes of an upright grid may lie from 0."""
TOLERANCE_VOXELS = 0.1
"""Voxels nearer to each other than this share of the smallest spacing count as the same one: far more than the
rounding of any file format, far less than anything that a measurement would notice."""
TOLERANCE_MM = 1e-2


@dataclass(frozen=True)
class ImageAxes:
    """The geometry of an image in array order.

    origin_mm: LPS position of the voxel (0, 0, 0). steps_mm: (3, 3); its rows are the LPS vectors from one
    voxel to the next along the array axes z, y and x.
    """

    origin_mm: NDArray[np.float64]
    steps_mm: NDArray[np.float64]

    @classmethod
    def of(cls, image: sitk.Image) -> ImageAxes:
        """Return the geometry of a 3D image."""
        direction = np.reshape(image.GetDirection(), (3, 3))
        steps = (direction * np.asarray(image.GetSpacing())).T[::-1]
        return cls(np.asarray(image.GetOrigin(), float), np.ascontiguousarray(steps))

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(abs(np.linalg.det(self.steps_mm))) / 1000.0

    @property
    def slice_axis(self) -> int:
        """The array axis across the axial slices.

        The axial plane is the plane of two image axes whose normal lies nearest to the patient's long axis
        (LPS z): the slices of an axial scan, tilted or not, and the right plane of a coronal or sagittal one.
        """
        across = [np.cross(self.steps_mm[(axis + 1) % 3], self.steps_mm[(axis + 2) % 3]) for axis in range(3)]
        return int(np.argmax([abs(normal[2]) / np.linalg.norm(normal) for normal in across]))

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Distance of neighboring voxels along z, y and x."""
        z, y, x = (float(length) for length in np.linalg.norm(self.steps_mm, axis=1))
        return z, y, x

    def check_right_angles(self, name: str) -> None:
        """Raise `InputError` when the grid of `name` is sheared: distance maps need axes at right angles."""
        units = self.steps_mm / np.linalg.norm(self.steps_mm, axis=1, keepdims=True)
        if np.abs(units @ units.T - np.eye(3)).max() > RIGHT_ANGLE:
            raise InputError(
                f"the axes of {name} are not at right angles (a sheared grid): "
                "resample it to an upright grid first"
            )

    def of_part(self, start_zyx: NDArray[Any]) -> ImageAxes:
        """Return the geometry of the part of the image that begins at a voxel."""
        return ImageAxes(self.position_mm(start_zyx), self.steps_mm)

    def index_zyx(self, position_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Return the continuous voxel indices (..., 3) of LPS positions."""
        indices: NDArray[np.float64] = (position_mm - self.origin_mm) @ np.linalg.inv(self.steps_mm)
        return indices

    def position_mm(self, index_zyx: NDArray[Any]) -> NDArray[np.float64]:
        """Return the LPS positions of continuous voxel indices (..., 3)."""
        positions: NDArray[np.float64] = self.origin_mm + np.asarray(index_zyx, float) @ self.steps_mm
        return positions


def as_point(position_mm: NDArray[np.float64]) -> Point:
    """Return an LPS position as three floats."""
    x, y, z = (float(value) for value in position_mm)
    return x, y, z


def same_grid(image: sitk.Image, other: sitk.Image, *, tolerance_mm: float = TOLERANCE_MM) -> bool:
    """Return whether both volumes have the same size and their corner voxels lie within `tolerance_mm`."""
    if image.GetSize() != other.GetSize():
        return False
    corners = np.asarray(list(np.ndindex(2, 2, 2))) * (np.asarray(image.GetSize()) - 1)
    return all(
        np.allclose(
            image.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            other.TransformIndexToPhysicalPoint([int(i) for i in corner]),
            atol=tolerance_mm,
            rtol=0,
        )
        for corner in corners
    )


def check_same_grid(first: sitk.Image, second: sitk.Image, first_name: str, second_name: str) -> None:
    """Raise `InputError` naming what differs when two 3D images do not lie on the same grid.

    first_name, second_name: how the user knows the images, such as ``"the prediction"``. Spacings, directions
    and origins may differ by `TOLERANCE_VOXELS` at the far corner.
    """
    for image, name in ((first, first_name), (second, second_name)):
        if image.GetDimension() != 3:
            raise InputError(f"{name} has {image.GetDimension()} dimensions; give a volume of three")
    if first.GetSize() != second.GetSize():
        raise _mismatch("size", first.GetSize(), second.GetSize(), first_name, second_name)
    size = np.asarray(first.GetSize(), float)
    spacing, other_spacing = np.asarray(first.GetSpacing()), np.asarray(second.GetSpacing())
    tolerance_mm = TOLERANCE_VOXELS * float(spacing.min())
    if np.any(np.abs(spacing - other_spacing) * size > tolerance_mm):
        raise _mismatch("spacing", spacing, other_spacing, first_name, second_name)
    direction = np.reshape(first.GetDirection(), (3, 3))
    other_direction = np.reshape(second.GetDirection(), (3, 3))
    if np.any(np.abs(direction - other_direction) * (spacing * size) > tolerance_mm):
        raise _mismatch("direction", direction.ravel(), other_direction.ravel(), first_name, second_name)
    if np.any(np.abs(np.subtract(first.GetOrigin(), second.GetOrigin())) > tolerance_mm):
        raise _mismatch("origin", first.GetOrigin(), second.GetOrigin(), first_name, second_name)


def check_volume(array: NDArray[Any], name: str) -> None:
    """Raise `InputError` when an array is not three-dimensional or has no voxel."""
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            f"{name} has the shape {array.shape}; a volume of three dimensions (z, y, x) is needed"
            ": give such a volume"
        )


def check_spacing(spacing_zyx_mm: Sequence[float]) -> tuple[float, float, float]:
    """Return the spacing as three floats, or raise `InputError`."""
    spacing = tuple(float(step) for step in spacing_zyx_mm)
    if len(spacing) != 3 or not all(np.isfinite(step) and step > 0 for step in spacing):
        raise InputError(
            f"the spacing is {spacing} mm; three lengths above zero are needed, in the order z, y, x"
            ": give them so"
        )
    return spacing


def _mismatch(what: str, first: object, second: object, first_name: str, second_name: str) -> InputError:
    unit = {"size": " voxels", "spacing": " mm", "origin": " mm", "direction": ""}[what]
    return InputError(
        f"{first_name} and {second_name} do not lie on the same grid: their {what} is "
        f"{_numbers(first)}{unit} and {_numbers(second)}{unit}; resample one of them onto the other's grid"
    )


def _numbers(values: object) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in np.ravel(np.asarray(values))) + ")"


def to_lps(image: sitk.Image) -> sitk.Image:
    """Return `image` with its axes permuted and flipped so that x, y, z run nearest to L, P, S.

    An oblique volume stays oblique; a left-handed one (negative determinant) becomes right-handed, since
    the flips act on the axes and never on the anatomy. No voxel value and no voxel position changes. A volume that
    lies so already is returned itself.
    """
    orientation = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines
    if image.GetDimension() == 3 and orientation(image.GetDirection()) == "LPS":
        return image
    return sitk.DICOMOrient(image, "LPS")


def from_lps(image: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """Return `image`, which lies on an axis-permuted or flipped copy of `reference`'s grid, on that grid.

    The inverse of `to_lps`: ``from_lps(to_lps(v), v)`` is `v` exactly, origin and direction included. An image that
    lies so already is returned itself.
    Raises `InputError` when the two grids are not the same set of points.
    """
    aligned = _axes_aligned(image, reference)
    if aligned is None or np.min(np.sum(_axes(aligned) * _axes(reference), axis=0)) < 1 - 1e-4:
        raise InputError("the two volumes have different oblique axes: resample one onto the other first")
    if not same_grid(aligned, reference):
        raise InputError(
            f"a volume of {_words(image)} does not fit the grid of {_words(reference)}: "
            "resample one onto the other first"
        )
    return _with_geometry_of(reference, aligned)


def regridded(
    image: sitk.Image, grid: sitk.Image, name: str, grid_name: str, *, part: bool = False
) -> sitk.Image:
    """Return `image` with the axes and the extent of `grid`.

    Axes may be in another order and run the other way. part: whether `image` may be smaller or larger than the
    grid, as segmentations are that were stored for their own extent alone; what is not covered becomes 0.
    name, grid_name: how the user knows them. Raises `InputError` when voxels do not lie on voxels, when
    `image` does not cover the grid and `part` is False, and when a voxel that is not 0 lies outside of it.
    """
    aligned = _axes_aligned(image, grid)
    start = None if aligned is None or not _same_steps(aligned, grid) else _first_voxel(aligned, grid)
    if aligned is None or start is None:
        if not part or image.GetSize() == grid.GetSize():
            check_same_grid(grid, image, grid_name, name)
        raise InputError(
            f"the voxels of {name} do not lie on those of {grid_name}: resample it onto that grid first"
        )
    if aligned.GetSize() == grid.GetSize() and not start.any():
        return _with_geometry_of(grid, aligned)
    if not part:
        check_same_grid(grid, image, grid_name, name)
        raise InputError(f"{name} covers only a part of {grid_name}: give one that covers the whole")
    return _pasted(aligned, grid, start, name, grid_name)


def _axes_aligned(image: sitk.Image, grid: sitk.Image) -> sitk.Image | None:
    """Return the image with its axes permuted and flipped to run nearest to the grid's; None when they cannot.

    Columns of a direction matrix are the axes; their products give, for each axis of the grid, the axis of the
    image that runs along it (+1) or against it (-1).
    """
    if image.GetDimension() != 3 or grid.GetDimension() != 3:
        return None
    agreement = _axes(image).T @ _axes(grid)
    order = [int(axis) for axis in np.abs(agreement).argmax(axis=0)]
    if sorted(order) != [0, 1, 2]:
        return None
    flips = [bool(agreement[axis, column] < 0) for column, axis in enumerate(order)]
    if order == [0, 1, 2] and not any(flips):
        return image
    return sitk.Flip(sitk.PermuteAxes(image, order), flips, False)


def _with_geometry_of(grid: sitk.Image, image: sitk.Image) -> sitk.Image:
    """Return an image of the grid's size with its geometry: itself where it has it, else a copy."""
    parts = [(one.GetOrigin(), one.GetSpacing(), one.GetDirection()) for one in (grid, image)]
    if parts[0] == parts[1]:
        return image
    placed = sitk.Image(image)
    placed.CopyInformation(grid)
    return placed


def _same_steps(aligned: sitk.Image, grid: sitk.Image) -> bool:
    """Return whether directions and spacings agree: at the image's far corner, within a share of a voxel."""
    extent = np.asarray(aligned.GetSize()) * np.asarray(aligned.GetSpacing())
    rotation = (_axes(aligned) - _axes(grid)) * extent
    stretch = (np.asarray(aligned.GetSpacing()) - np.asarray(grid.GetSpacing())) * aligned.GetSize()
    limit = TOLERANCE_VOXELS * min(grid.GetSpacing())
    return bool(max(np.abs(rotation).max(), np.abs(stretch).max()) <= limit)


def _first_voxel(aligned: sitk.Image, grid: sitk.Image) -> np.ndarray | None:
    """Return the index (x, y, z) in the grid at which the image begins; None between voxels."""
    position = np.asarray(grid.TransformPhysicalPointToContinuousIndex(aligned.GetOrigin()))
    start = np.rint(position).astype(int)
    return start if np.abs(position - start).max() <= TOLERANCE_VOXELS else None


def _pasted(
    aligned: sitk.Image, grid: sitk.Image, start: np.ndarray, name: str, grid_name: str
) -> sitk.Image:
    voxels = sitk.GetArrayViewFromImage(aligned)
    whole = np.zeros(grid.GetSize()[::-1], voxels.dtype)
    target, source = [], []
    for first, length, room in zip(start[::-1], voxels.shape, whole.shape, strict=True):
        low, high = max(0, first), max(0, min(first + length, room))
        target.append(slice(low, high))
        source.append(slice(low - first, max(low, high) - first))
    inside = voxels[tuple(source)]
    lost = int(np.count_nonzero(voxels)) - int(np.count_nonzero(inside))
    if lost:
        raise InputError(
            f"{name} reaches beyond {grid_name} ({lost} voxels lie outside): choose the volume that it was "
            "made on"
        )
    whole[tuple(target)] = inside
    image = sitk.GetImageFromArray(whole)
    image.CopyInformation(grid)
    return image


def _axes(image: sitk.Image) -> np.ndarray:
    return np.asarray(image.GetDirection()).reshape(3, 3)


def _words(image: sitk.Image) -> str:
    size = " x ".join(str(length) for length in image.GetSize())
    spacing = " x ".join(f"{length:.4g}" for length in image.GetSpacing())
    return f"{size} voxels of {spacing} mm"


def interpolate(
    values: NDArray[Any], index: NDArray[np.floating[Any]], dtype: DTypeLike | None = None
) -> NDArray[np.floating[Any]]:
    """Return the values of an array at continuous indices (axes, ...); beyond it the nearest value inside.

    The rows of `index` run along the array's axes. dtype: of the result; None is the array's own.
    """
    result: NDArray[np.floating[Any]] = ndimage.map_coordinates(
        values, index, order=1, mode="nearest", output=dtype
    )
    return result


def interpolate_with_derivative(
    volume: NDArray[np.float32], at: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the values (n,) of `volume` at continuous indices and their derivative (3, n) by these.

    volume: (z, y, x) with at least two voxels along each axis. at: (3, n) indices along x, y, z, and so the
    derivative's rows; beyond the volume the nearest value inside is read. The derivative is exactly that of the
    value, as a line search wants it; taking both from the same eight voxels is twice as fast as reading the
    volume and three volumes of its gradient.
    """
    nz, ny, nx = volume.shape
    x, y, z = at
    i, j, k = (np.clip(p.astype(np.int32), 0, n - 2) for p, n in ((x, nx), (y, ny), (z, nz)))
    fx, fy, fz = (np.clip(p - whole, 0, 1).astype(np.float32) for p, whole in ((x, i), (y, j), (z, k)))
    voxels, corner = volume.ravel(), (k * ny + j) * nx + i

    def plane(first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the value in one of the two planes around the point, and its derivatives by x and y."""
        near, far = voxels[first], voxels[first + nx]
        slope_near, slope_far = voxels[first + 1] - near, voxels[first + nx + 1] - far
        low = near + fx * slope_near
        by_y = far + fx * slope_far - low
        return low + fy * by_y, slope_near + fy * (slope_far - slope_near), by_y

    below, above = plane(corner), plane(corner + ny * nx)
    value, by_x, by_y = (a + fz * (b - a) for a, b in zip(below, above, strict=True))
    return value, np.stack([by_x, by_y, above[0] - below[0]])


def interpolate_inside(volume: NDArray[Any], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values (n,) of `volume` at continuous indices, linear in between.

    volume: (z, y, x) of any type, with at least two voxels along each axis; it is not copied. at: (3, n) indices along
    x, y, z; beyond the volume the nearest value inside is read.
    """
    nz, ny, nx = volume.shape
    x, y, z = at
    i, j, k = (np.clip(p.astype(np.int32), 0, n - 2) for p, n in ((x, nx), (y, ny), (z, nz)))
    fx, fy, fz = (np.clip(p - whole, 0, 1).astype(np.float32) for p, whole in ((x, i), (y, j), (z, k)))
    voxels, corner = volume.reshape(-1), (k.astype(np.intp) * ny + j) * nx + i

    def line(first: NDArray[np.intp]) -> NDArray[np.float32]:
        near = voxels[first].astype(np.float32)
        return near + fx * (voxels[first + 1] - near)

    def plane(first: NDArray[np.intp]) -> NDArray[np.float32]:
        near = line(first)
        return near + fy * (line(first + nx) - near)

    below = plane(corner)
    return below + fz * (plane(corner + ny * nx) - below)


def interpolate_axis(
    values: NDArray[np.float32], axis: int, origin: float, spacing: float, at: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Return the values at positions `at` (mm) along one array axis; beyond it the nearest value inside.

    origin, spacing: position (mm) of the first value along the axis, and the distance of neighbors. Axis by axis
    onto a grid this is much faster than `interpolate` at all of the grid's points.
    """
    position = np.clip((at - np.float32(origin)) / np.float32(spacing), 0, values.shape[axis] - 1)
    low = np.minimum(position.astype(np.intp), max(values.shape[axis] - 2, 0))
    high = np.minimum(low + 1, values.shape[axis] - 1)
    weight = (position - low).astype(np.float32)
    weight = weight.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    below = np.take(values, low, axis=axis)
    below += weight * (np.take(values, high, axis=axis) - below)
    return below
