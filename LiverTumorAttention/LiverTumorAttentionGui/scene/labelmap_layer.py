"""One label map of a segmentation, as it lies on the voxels of a volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import slicer

from LiverTumorAttentionGui.scene.voxel_grid import voxels_of

Box = tuple[slice, ...]

_OFF_GRID_VOXELS = 0.1


@dataclass
class Layer:
    """One label map.

    first: its first voxel on the volume's grid (z, y, x). values: label values by segment id. axes: which of its own
    axes runs along each of the grid's, turned: those that run the other way, as after a left-handed volume was saved
    and loaded.
    """

    image: slicer.vtkOrientedImageData
    first: np.ndarray
    values: dict[str, int] = field(default_factory=dict)
    axes: tuple[int, ...] = (0, 1, 2)
    turned: tuple[int, ...] = ()

    @classmethod
    def on_grid(cls, image: slicer.vtkOrientedImageData, to_grid: np.ndarray) -> Layer | None:
        """Return a label map as it lies on the grid; None when voxels do not lie on voxels.

        to_grid: 4 x 4, from the image's voxel indices x, y, z to those of the grid.
        """
        turn, offset = np.rint(to_grid[:3, :3]), np.rint(to_grid[:3, 3])
        extent = np.reshape(image.GetExtent(), (3, 2))
        away = np.abs(to_grid[:3, :3] - turn) @ np.abs(extent).max(axis=1) + np.abs(to_grid[:3, 3] - offset)
        if (np.sort(np.abs(turn), axis=1) != (0, 0, 1)).any() or (away > _OFF_GRID_VOXELS).any():
            return None
        corners = turn @ extent + offset[:, None]
        steps = turn[::-1, ::-1]  # x, y, z to z, y, x
        axes = np.abs(steps).argmax(axis=1)
        return cls(
            image,
            first=corners.min(axis=1).astype(int)[::-1],
            axes=tuple(int(axis) for axis in axes),
            turned=tuple(row for row in range(3) if steps[row, axes[row]] < 0),
        )

    @property
    def voxels(self) -> np.ndarray:
        """The labels along the grid's axes (z, y, x), not copied."""
        return np.flip(voxels_of(self.image).transpose(self.axes), self.turned)

    def overlap(self, box: Box) -> tuple[Box, Box]:
        """Return the part of a box of the grid that lies in the layer: within the layer, and within the box."""
        first = [max(part.start, int(start)) for part, start in zip(box, self.first, strict=True)]
        last = [
            max(min(part.stop, int(start) + length), low)
            for part, start, length, low in zip(box, self.first, self.voxels.shape, first, strict=True)
        ]
        in_layer = tuple(
            slice(a - int(o), b - int(o)) for a, b, o in zip(first, last, self.first, strict=True)
        )
        in_box = tuple(
            slice(a - part.start, b - part.start) for a, b, part in zip(first, last, box, strict=True)
        )
        return in_layer, in_box

    def holds(self, box: Box, wanted: np.ndarray) -> bool:
        """Tell whether all wanted voxels of a box of the grid lie in the layer. wanted: bool, of the box's shape."""
        _, in_box = self.overlap(box)
        return bool(np.count_nonzero(wanted[in_box]) == np.count_nonzero(wanted))

    def boxes(self, shape: tuple[int, ...]) -> dict[str, Box]:
        """Return the box on the grid of each segment that has voxels there, in one pass. shape: of the grid."""
        from LiverTumorAttentionLib.voxels.boxes import label_boxes

        in_layer, in_grid = self.overlap(tuple(slice(0, length) for length in shape))
        labels = self.voxels[in_layer]
        found = label_boxes(labels)
        return {
            each: tuple(
                slice(outer.start + part.start, outer.start + part.stop)
                for outer, part in zip(in_grid, found[value], strict=True)
            )
            for each, value in self.values.items()
            if value in found
        }


def translated(labels: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    """Return labels in other words; what the table does not know becomes 0."""
    if labels.dtype.kind != "u":
        labels = np.clip(labels, 0, None).astype(np.uint32)
    highest = max(int(labels.max(initial=0)), *table)
    words = np.zeros(highest + 1, np.uint16)
    for old, new in table.items():
        words[old] = new
    return words[labels]
