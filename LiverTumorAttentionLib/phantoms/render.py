"""Rendering of shape layers to voxels: thin slices are averaged to the slice thickness and blurred in plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.phantoms.shapes import Array, Grid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.geometry import interpolate_axis

FINE_STEP_MM = 1.25  # a thick slice is the mean of slices about this far apart
MAX_PARTS = 5  # at most


@dataclass(frozen=True)
class Layer:
    """One structure to paint over what lies below it.

    value: number in the structure map, 0 leaves the map as it is.
    distance: signed distance (mm, negative inside) on `grid`.
    hu: one number, or an array on `grid`.
    liver: "is" for the organ, "in" for what lies inside and keeps it liver, "not" for what displaces it.
    lesion: number of the lesion in the instance map, 0 for anatomy.
    soft_mm: extra width of the edge beyond that of a voxel.
    """

    value: int
    grid: Grid
    distance: Array
    hu: float | Array
    liver: str = "not"
    lesion: int = 0
    soft_mm: float = 0.0


@dataclass
class Rendered:
    """One rendered phase on its grid: HU without noise, structure map, liver fraction, lesion fractions."""

    hu: Array
    structures: NDArray[np.uint8]
    liver: Array
    lesions: dict[int, tuple[tuple[slice, slice, slice], Array]] = field(default_factory=dict)


class _Sampler:
    """Gives a layer's planes on the output grid; keeps the two planes between which it interpolates."""

    def __init__(self, layer: Layer, target: Grid) -> None:
        grid, self.layer = layer.grid, layer
        near = layer.distance < np.float32(1.0 + layer.soft_mm + max(target.spacing[:2]))
        box = bounding_box(near, (1, 1, 1))
        self.empty = box is None
        if box is None:
            return
        self.grid = grid.crop(box)
        self.distance = layer.distance[box]
        self.hu = layer.hu if isinstance(layer.hu, float) else layer.hu[box]
        self.low_z, self.high_z = self.grid.origin[2], self.grid.high()[2]
        self.open = (box[0].start == 0, box[0].stop == near.shape[0])
        self.rows = self._range(target.axis(1), 1, box[1], near.shape[1])
        self.columns = self._range(target.axis(0), 0, box[2], near.shape[2])
        self.y, self.x = target.axis(1)[self.rows], target.axis(0)[self.columns]
        self.empty = self.y.size == 0 or self.x.size == 0
        self.planes: dict[tuple[str, int], Array] = {}

    def _range(self, positions: Array, which: int, side: slice, size: int) -> slice:
        low, high = self.grid.origin[which], self.grid.high()[which]
        start = 0 if side.start == 0 else int(np.searchsorted(positions, low))
        stop = len(positions) if side.stop == size else int(np.searchsorted(positions, high, side="right"))
        return slice(start, max(start, stop))

    def _plane(self, name: str, values: Array, k: int) -> Array:
        if (name, k) not in self.planes:
            for old in [key for key in self.planes if key[1] < k - 1]:
                del self.planes[old]
            g = self.grid
            plane = interpolate_axis(values[k], 1, g.origin[0], g.spacing[0], self.x)
            self.planes[name, k] = interpolate_axis(plane, 0, g.origin[1], g.spacing[1], self.y)
        return self.planes[name, k]

    def at(self, name: str, values: Array, z: float) -> Array:
        """Return a new plane at height z (mm)."""
        top = values.shape[0] - 1
        position = min(max((z - self.low_z) / self.grid.spacing[2], 0.0), float(top))
        k = min(int(position), max(top - 1, 0))
        low = self._plane(name, values, k)
        weight = np.float32(position - k)
        if weight == 0 or top == 0:
            return low.copy()
        out = self._plane(name, values, k + 1) - low
        out *= weight
        out += low
        return out

    def covers(self, z: float) -> bool:
        return (z >= self.low_z or self.open[0]) and (z <= self.high_z or self.open[1])


def render(
    layers: Sequence[Layer], target: Grid, thickness_mm: float, psf_mm: float, progress: Progress
) -> Rendered:
    """Paint the layers in turn on `target`, whose slices are `thickness_mm` thick.

    psf_mm: standard deviation of the in-plane point spread.
    """
    samplers = [s for s in (_Sampler(layer, target) for layer in layers) if not s.empty]
    nz, ny, nx = target.shape
    out = Rendered(
        hu=np.empty(target.shape, np.float32),
        structures=np.zeros(target.shape, np.uint8),
        liver=np.zeros(target.shape, np.float32),
    )
    for s in samplers:
        if s.layer.lesion:
            box = (slice(0, nz), s.rows, s.columns)
            out.lesions[s.layer.lesion] = (box, np.zeros((nz, len(s.y), len(s.x)), np.float32))
    parts = min(max(1, round(thickness_mm / FINE_STEP_MM)), MAX_PARTS)
    sigma = (psf_mm / target.spacing[1], psf_mm / target.spacing[0])
    for k, center in enumerate(target.axis(2)):
        if k % 4 == 0:
            progress.update(k / nz)
        total = np.zeros((ny, nx), np.float32)
        for part in range(parts):
            z = float(center) + ((part + 0.5) / parts - 0.5) * thickness_mm
            total += _paint(samplers, z, k, part == parts // 2, 1 / parts, out, target)
        total /= parts
        out.hu[k] = ndimage.gaussian_filter(total, sigma, mode="nearest", truncate=2.5)
    progress.update(1.0)
    return out


def _paint(
    samplers: Sequence[_Sampler], z: float, k: int, middle: bool, share: float, out: Rendered, target: Grid
) -> Array:
    """Return the HU of one fine slice at height z; adds its share to slice k of the maps."""
    _, ny, nx = target.shape
    hu = np.full((ny, nx), -1000.0, np.float32)
    liver = np.zeros((ny, nx), np.float32)
    for s in samplers:
        if not s.covers(z):
            continue
        layer = s.layer
        window = (s.rows, s.columns)
        cover = s.at("d", s.distance, z)
        cover *= np.float32(-1 / (target.spacing[0] + layer.soft_mm))
        cover += np.float32(0.5)
        np.clip(cover, 0, 1, out=cover)
        if middle and layer.value:
            out.structures[k][window][cover >= 0.5] = layer.value
        if layer.lesion:
            out.lesions[layer.lesion][1][k] += cover * np.float32(share)
        area = hu[window]
        if isinstance(s.hu, float):
            change = np.float32(s.hu) - area
        else:
            change = s.at("h", s.hu, z)
            change -= area
        change *= cover
        area += change
        if layer.liver == "is":
            part = liver[window]
            part += cover * (1 - part)
        elif layer.liver == "not":
            liver[window] *= 1 - cover
    out.liver[k] += liver * np.float32(share)
    return hu
