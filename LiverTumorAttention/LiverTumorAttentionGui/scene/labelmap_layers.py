"""Binary label maps of a segmentation node on the voxels of a volume: read whole, written in boxes.

Segments that do not overlap can share a label map, called a layer. A write changes the voxels of the given segments
only; another segment of the layer keeps its voxels, and is moved to a layer of its own where the two overlap.
`Modified` is called on the scalars and not on the image, which would discard every closed surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.voxel_grid import (
    VoxelGrid,
    array_to_matrix,
    matrix_to_array,
    matrix_to_world,
    voxel_array,
)

Box = tuple[slice, ...]

BINARY_LABELMAP = "Binary labelmap"
GROWTH_VOXELS = 8
"""Margin on each side of a layer that is enlarged, so that the next click needs no enlargement."""
_OFF_GRID_VOXELS = 0.1
"""Largest distance of a layer's voxel from a voxel of the grid."""


@dataclass
class LabelLayer:
    """One label map on a grid.

    first: its first voxel on the grid (z, y, x). values: label values by segment id. axes: the layer's own axis along
    each axis of the grid. flipped: axes of the grid along which the layer's runs the other way, as after a left-handed
    volume was saved and loaded.
    """

    image: slicer.vtkOrientedImageData
    first: np.ndarray
    values: dict[str, int] = field(default_factory=dict)
    axes: tuple[int, ...] = (0, 1, 2)
    flipped: tuple[int, ...] = ()

    @classmethod
    def on_grid(cls, image: slicer.vtkOrientedImageData, to_grid: np.ndarray) -> LabelLayer | None:
        """Return a label map as a layer of the grid; None when their voxels do not coincide.

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
            flipped=tuple(row for row in range(3) if steps[row, axes[row]] < 0),
        )

    @property
    def voxels(self) -> np.ndarray:
        """The labels along the grid's axes (z, y, x), not copied."""
        return np.flip(voxel_array(self.image).transpose(self.axes), self.flipped)

    def overlap(self, box: Box) -> tuple[Box, Box]:
        """Return the overlap of layer and box: as indices of the layer, and as indices of the box."""
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

    def covers(self, box: Box, wanted: np.ndarray) -> bool:
        """Return whether the layer covers all wanted voxels of a box of the grid. wanted: bool, of the box's shape."""
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


class LabelLayers:
    """The layers of a segmentation node on a volume's grid.

    Raises `PanelError` when the segmentation is under a transform that is not linear, or has no label maps.
    """

    def __init__(self, node: slicer.vtkMRMLSegmentationNode, grid: VoxelGrid) -> None:
        self.node = node
        self.segmentation = node.GetSegmentation()
        self.grid = grid
        to_world = matrix_to_world(node)
        if to_world is None:
            raise PanelError(
                _(
                    "The segmentation {node} stands under a transform that is not linear: harden the "
                    "transform (Data module) or take the segmentation out of it."
                ).format(node=node.GetName())
            )
        self.to_world = to_world
        if self.segmentation.GetNumberOfSegments() and (
            self.segmentation.GetSourceRepresentationName() != BINARY_LABELMAP
        ):
            raise PanelError(
                _(
                    "The segmentation {node} holds surfaces, not voxels: create its binary labelmap in "
                    "the Segmentations module and make it the source."
                ).format(node=node.GetName())
            )

    @property
    def ijk_to_node(self) -> np.ndarray:
        """The matrix (4, 4) from the grid's voxel indices x, y, z to the node's own coordinates."""
        return np.linalg.inv(self.to_world) @ self.grid.ijk_to_ras

    def modified_state(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return a value that changes when voxels are changed, or segments added or removed."""
        ids = tuple(self.segmentation.GetSegmentIDs())
        return ids, tuple(
            self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP).GetMTime()
            for each in ids
            if self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP) is not None
        )

    def all(self) -> list[LabelLayer]:
        """Return the layers with voxels. Raises `PanelError` for one on another grid."""
        found: dict[int, LabelLayer] = {}
        for segment_id in self.segmentation.GetSegmentIDs():
            segment = self.segmentation.GetSegment(segment_id)
            image = segment.GetRepresentation(BINARY_LABELMAP)
            if image is None:
                continue
            if id(image) not in found:
                if not voxel_array(image).size:
                    continue
                found[id(image)] = self._layer_on_grid(image)
            found[id(image)].values[segment_id] = segment.GetLabelValue()
        return list(found.values())

    def read(self, chosen: Mapping[str, int]) -> np.ndarray:
        """Return an array (z, y, x; uint16) with a value for each chosen segment.

        Where two overlap, the later one in `chosen` counts.
        """
        labels = np.zeros(self.grid.shape, np.uint16)
        whole = tuple(slice(0, length) for length in self.grid.shape)
        layers = self.all()
        for segments in self._consecutive_by_layer(chosen, layers):
            layer = next(layer for layer in layers if segments[0] in layer.values)
            in_layer, in_grid = layer.overlap(whole)
            values = relabeled(layer.voxels[in_layer], {layer.values[s]: chosen[s] for s in segments})
            np.copyto(labels[in_grid], values, where=values > 0)
        return labels

    def read_box(self, segment_id: str, box: Box) -> np.ndarray:
        """Return a segment's voxels in a box, as bool."""
        mask = np.zeros([part.stop - part.start for part in box], dtype=bool)
        for layer in self.all():
            if segment_id in layer.values:
                in_layer, in_box = layer.overlap(box)
                mask[in_box] = layer.voxels[in_layer] == layer.values[segment_id]
        return mask

    def write(self, box: Box, labels: np.ndarray, chosen: Mapping[str, int]) -> np.ndarray:
        """Set the voxels of the chosen segments in a box to those that have their value in `labels`.

        Returns where they lost voxels, as bool.
        """
        self._extend_layers(box, labels, chosen)
        cleared = np.zeros(labels.shape, dtype=bool)
        for layer in self.all():
            mine = {chosen[each]: layer.values[each] for each in layer.values if each in chosen}
            if not mine:
                continue
            in_layer, in_box = layer.overlap(box)
            now = layer.voxels[in_layer]
            wanted = relabeled(labels[in_box], mine).astype(now.dtype)
            free = np.isin(now, [0, *mine.values()])
            after = np.where(free, wanted, now)
            if (after != now).any():
                cleared[in_box] |= (now > 0) & (after == 0)
                layer.voxels[in_layer] = after
                layer.image.GetPointData().GetScalars().Modified()
        return cleared

    def add_voxels(self, segment_id: str, box: Box, mask: np.ndarray) -> None:
        """Add voxels of a box to a segment."""
        if (mask & ~self.read_box(segment_id, box)).any():
            both = mask | self.read_box(segment_id, box)
            self.write(box, both.astype(np.uint16), {segment_id: 1})

    def new_image(self, box: Box, dtype: int = vtk.VTK_UNSIGNED_CHAR) -> slicer.vtkOrientedImageData:
        """Return an empty label map for a box of the grid."""
        image = slicer.vtkOrientedImageData()
        z, y, x = box
        image.SetExtent(x.start, x.stop - 1, y.start, y.stop - 1, z.start, z.stop - 1)
        image.AllocateScalars(dtype, 1)
        voxel_array(image)[...] = 0
        image.SetGeometryFromImageToWorldMatrix(array_to_matrix(self.ijk_to_node))
        return image

    def _layer_on_grid(self, image: slicer.vtkOrientedImageData) -> LabelLayer:
        """Return a label map as a layer of the grid. Raises `PanelError` when their voxels do not coincide."""
        own = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(own)
        layer = LabelLayer.on_grid(
            image, np.linalg.inv(self.grid.ijk_to_ras) @ self.to_world @ matrix_to_array(own)
        )
        if layer is None:
            raise PanelError(
                _(
                    "The segmentation {node} does not lie on the voxels of the portal venous volume: put "
                    "both under the same transform, or resample the segmentation onto the volume "
                    "(Segmentations module)."
                ).format(node=self.node.GetName())
            )
        return layer

    def _consecutive_by_layer(self, chosen: Mapping[str, int], layers: list[LabelLayer]) -> list[list[str]]:
        """Return the chosen segments with voxels in their order, consecutive ones of one layer together."""
        place = {each: number for number, layer in enumerate(layers) for each in layer.values}
        groups: list[list[str]] = []
        for each in chosen:
            if each not in place:
                continue
            if groups and place[groups[-1][0]] == place[each]:
                groups[-1].append(each)
            else:
                groups.append([each])
        return groups

    def _extend_layers(self, box: Box, labels: np.ndarray, chosen: Mapping[str, int]) -> None:
        """Enlarge the layers to what the chosen segments will fill; separate other segments there from them."""
        for image, segments in self._images(chosen):
            wanted = np.isin(labels, [chosen[each] for each in segments])
            if not wanted.any():
                continue
            layer = next((layer for layer in self.all() if layer.image is image), None)
            if layer is None or not layer.covers(box, wanted):
                layer = self._enlarge(self._segments_in(image) or segments, layer, box, wanted)
            in_layer, in_box = layer.overlap(box)
            inside = layer.voxels[in_layer][wanted[in_box]]
            for segment_id, value in layer.values.items():
                if segment_id not in chosen and (inside == value).any():
                    self.segmentation.SeparateSegmentLabelmap(segment_id)

    def _images(self, chosen: Mapping[str, int]) -> list[tuple[slicer.vtkOrientedImageData, list[str]]]:
        """Return the label maps of the chosen segments, empty ones too, each with its segments."""
        found: dict[int | str, tuple[slicer.vtkOrientedImageData, list[str]]] = {}
        for each in chosen:
            image = self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP)
            found.setdefault(each if image is None else id(image), (image, []))[1].append(each)
        return list(found.values())

    def _segments_in(self, image: slicer.vtkOrientedImageData | None) -> list[str]:
        """Return the segments of a label map."""
        return [
            each
            for each in self.segmentation.GetSegmentIDs()
            if image is not None
            and self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP) is image
        ]

    def _enlarge(
        self, sharing: list[str], layer: LabelLayer | None, box: Box, wanted: np.ndarray
    ) -> LabelLayer:
        """Replace a layer, or none, by a larger label map for all segments that share it."""
        places = np.argwhere(wanted) + [part.start for part in box]
        low, high = places.min(axis=0) - GROWTH_VOXELS, places.max(axis=0) + 1 + GROWTH_VOXELS
        low, high = np.maximum(low, 0), np.minimum(high, self.grid.shape)
        if layer is not None:
            low = np.minimum(low, layer.first)
            high = np.maximum(high, layer.first + layer.voxels.shape)
        hull = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        values = {each: self.segmentation.GetSegment(each).GetLabelValue() for each in sharing}
        kind = vtk.VTK_UNSIGNED_CHAR if max(values.values()) < 256 else vtk.VTK_UNSIGNED_SHORT
        grown = LabelLayer(self.new_image(hull, layer.image.GetScalarType() if layer else kind), low, values)
        if layer is not None:
            _, there = layer.overlap(hull)
            grown.voxels[there] = layer.voxels
        for each in sharing:
            self.segmentation.GetSegment(each).AddRepresentation(BINARY_LABELMAP, grown.image)
        return grown


def relabeled(labels: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    """Return labels with other values, by a table from old to new; values that are not in it become 0."""
    if labels.dtype.kind != "u":
        labels = np.clip(labels, 0, None).astype(np.uint32)
    highest = max(int(labels.max(initial=0)), *table)
    new_values = np.zeros(highest + 1, np.uint16)
    for old, new in table.items():
        new_values[old] = new
    return new_values[labels]
