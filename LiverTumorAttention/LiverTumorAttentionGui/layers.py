"""The label maps inside a segmentation node, on the voxels of a volume: read whole, written box by box.

Segments that do not overlap can share a label map, a layer. A write changes the voxels of the segments that it is
about; whatever else lies in their layer keeps its voxels, and moves into a layer of its own where the two overlap.
The image's scalars are told to be modified and not the image: the latter would throw away every 3D surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.grid import Grid, matrix_of, to_world, values_of, voxels_of

Box = tuple[slice, ...]

BINARY_LABELMAP = "Binary labelmap"
GROWTH_VOXELS = 8
"""A layer that must grow gets so many voxels more on each side, so that the next click finds room."""
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


class LabelLayers:
    """The layers of a segmentation node on a volume's grid. Raises `PanelError` when they cannot be used so."""

    def __init__(self, node: slicer.vtkMRMLSegmentationNode, grid: Grid) -> None:
        self.node = node
        self.segmentation = node.GetSegmentation()
        self.grid = grid
        above = to_world(node)
        if above is None:
            raise PanelError(
                f"The segmentation {node.GetName()} stands under a transform that is not linear: "
                "harden the transform (Data module) or take the segmentation out of it."
            )
        self.above = above
        if self.segmentation.GetNumberOfSegments() and (
            self.segmentation.GetSourceRepresentationName() != BINARY_LABELMAP
        ):
            raise PanelError(
                f"The segmentation {node.GetName()} holds surfaces, not voxels: create its binary labelmap in the "
                "Segmentations module and make it the source."
            )

    @property
    def frame(self) -> np.ndarray:
        """The matrix (4, 4) from the grid's voxel indices x, y, z to the node's own coordinates."""
        return np.linalg.inv(self.above) @ self.grid.ijk_to_ras

    def stamp(self) -> tuple:
        """Return what differs as soon as somebody else has changed a voxel, or added or removed a segment."""
        ids = tuple(self.segmentation.GetSegmentIDs())
        return ids, tuple(
            self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP).GetMTime()
            for each in ids
            if self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP) is not None
        )

    def all(self) -> list[Layer]:
        """Return the layers that hold voxels. Raises `PanelError` for one on another grid."""
        found: dict[int, Layer] = {}
        for segment_id in self.segmentation.GetSegmentIDs():
            segment = self.segmentation.GetSegment(segment_id)
            image = segment.GetRepresentation(BINARY_LABELMAP)
            if image is None or not voxels_of(image).size:
                continue
            if id(image) not in found:
                found[id(image)] = self._placed(image)
            found[id(image)].values[segment_id] = segment.GetLabelValue()
        return list(found.values())

    def read(self, chosen: Mapping[str, int]) -> np.ndarray:
        """Return an array (z, y, x; uint16) with the values that the chosen segments are to have.

        Where two overlap, the one that is named later counts.
        """
        labels = np.zeros(self.grid.shape, np.uint16)
        whole = tuple(slice(0, length) for length in self.grid.shape)
        layers = self.all()
        for segments in self._runs(chosen, layers):
            layer = next(layer for layer in layers if segments[0] in layer.values)
            in_layer, in_grid = layer.overlap(whole)
            values = _translated(layer.voxels[in_layer], {layer.values[s]: chosen[s] for s in segments})
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
        """Give the chosen segments the voxels of a box that have their value in `labels`, and no others in it.

        Returns where they gave voxels up, as bool.
        """
        self._make_room(box, labels, chosen)
        given_up = np.zeros(labels.shape, dtype=bool)
        for layer in self.all():
            mine = {chosen[each]: layer.values[each] for each in layer.values if each in chosen}
            if not mine:
                continue
            in_layer, in_box = layer.overlap(box)
            now = layer.voxels[in_layer]
            wanted = _translated(labels[in_box], mine).astype(now.dtype)
            free = np.isin(now, [0, *mine.values()])
            after = np.where(free, wanted, now)
            if (after != now).any():
                given_up[in_box] |= (now > 0) & (after == 0)
                layer.voxels[in_layer] = after
                layer.image.GetPointData().GetScalars().Modified()
        return given_up

    def add_voxels(self, segment_id: str, box: Box, mask: np.ndarray) -> None:
        """Make voxels of a box part of a segment, whatever else it holds."""
        if (mask & ~self.read_box(segment_id, box)).any():
            both = mask | self.read_box(segment_id, box)
            self.write(box, both.astype(np.uint16), {segment_id: 1})

    def new_image(self, box: Box, dtype: int = vtk.VTK_UNSIGNED_CHAR) -> slicer.vtkOrientedImageData:
        """Return an empty label map for a box of the grid."""
        image = slicer.vtkOrientedImageData()
        z, y, x = box
        image.SetExtent(x.start, x.stop - 1, y.start, y.stop - 1, z.start, z.stop - 1)
        image.AllocateScalars(dtype, 1)
        voxels_of(image)[...] = 0
        image.SetGeometryFromImageToWorldMatrix(matrix_of(self.frame))
        return image

    def _placed(self, image: slicer.vtkOrientedImageData) -> Layer:
        """Return a label map as it lies on the grid. Raises `PanelError` when voxels do not lie on voxels."""
        own = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(own)
        to_grid = np.linalg.inv(self.grid.ijk_to_ras) @ self.above @ values_of(own)
        turn, offset = np.rint(to_grid[:3, :3]), np.rint(to_grid[:3, 3])
        extent = np.reshape(image.GetExtent(), (3, 2))
        away = np.abs(to_grid[:3, :3] - turn) @ np.abs(extent).max(axis=1) + np.abs(to_grid[:3, 3] - offset)
        if (np.sort(np.abs(turn), axis=1) != (0, 0, 1)).any() or (away > _OFF_GRID_VOXELS).any():
            raise PanelError(
                f"The segmentation {self.node.GetName()} does not lie on the voxels of the portal venous volume: put "
                "both under the same transform, or resample the segmentation onto the volume (Segmentations module)."
            )
        corners = turn @ extent + offset[:, None]
        steps = turn[::-1, ::-1]  # x, y, z to z, y, x
        axes = np.abs(steps).argmax(axis=1)
        return Layer(
            image,
            first=corners.min(axis=1).astype(int)[::-1],
            axes=tuple(int(axis) for axis in axes),
            turned=tuple(row for row in range(3) if steps[row, axes[row]] < 0),
        )

    def _runs(self, chosen: Mapping[str, int], layers: list[Layer]) -> list[list[str]]:
        """Return the chosen segments that have voxels, in their order, neighbours in one layer taken together."""
        place = {each: number for number, layer in enumerate(layers) for each in layer.values}
        runs: list[list[str]] = []
        for each in chosen:
            if each not in place:
                continue
            if runs and place[runs[-1][0]] == place[each]:
                runs[-1].append(each)
            else:
                runs.append([each])
        return runs

    def _make_room(self, box: Box, labels: np.ndarray, chosen: Mapping[str, int]) -> None:
        """See to it that the layers reach as far as the chosen segments will, and hold nothing else there."""
        for image, segments in self._images(chosen):
            wanted = np.isin(labels, [chosen[each] for each in segments])
            if not wanted.any():
                continue
            layer = next((layer for layer in self.all() if layer.image is image), None)
            if layer is None or not _holds(layer, box, wanted):
                layer = self._grow(self._sharing(image) or segments, layer, box, wanted)
            in_layer, in_box = layer.overlap(box)
            inside = layer.voxels[in_layer][wanted[in_box]]
            for segment_id, value in layer.values.items():
                if segment_id not in chosen and (inside == value).any():
                    self.segmentation.SeparateSegmentLabelmap(segment_id)

    def _images(self, chosen: Mapping[str, int]) -> list[tuple[slicer.vtkOrientedImageData, list[str]]]:
        """Return the label maps of the chosen segments, empty ones too, and which of them each holds."""
        found: dict[int | str, tuple[slicer.vtkOrientedImageData, list[str]]] = {}
        for each in chosen:
            image = self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP)
            found.setdefault(each if image is None else id(image), (image, []))[1].append(each)
        return list(found.values())

    def _sharing(self, image: slicer.vtkOrientedImageData | None) -> list[str]:
        """Return the segments that lie in a label map."""
        return [
            each
            for each in self.segmentation.GetSegmentIDs()
            if image is not None
            and self.segmentation.GetSegment(each).GetRepresentation(BINARY_LABELMAP) is image
        ]

    def _grow(self, sharing: list[str], layer: Layer | None, box: Box, wanted: np.ndarray) -> Layer:
        """Put a larger label map in the place of a layer, or of none, for all segments that share it."""
        places = np.argwhere(wanted) + [part.start for part in box]
        low, high = places.min(axis=0) - GROWTH_VOXELS, places.max(axis=0) + 1 + GROWTH_VOXELS
        low, high = np.maximum(low, 0), np.minimum(high, self.grid.shape)
        if layer is not None:
            low = np.minimum(low, layer.first)
            high = np.maximum(high, layer.first + layer.voxels.shape)
        hull = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        values = {each: self.segmentation.GetSegment(each).GetLabelValue() for each in sharing}
        kind = vtk.VTK_UNSIGNED_CHAR if max(values.values()) < 256 else vtk.VTK_UNSIGNED_SHORT
        grown = Layer(self.new_image(hull, layer.image.GetScalarType() if layer else kind), low, values)
        if layer is not None:
            _, there = layer.overlap(hull)
            grown.voxels[there] = layer.voxels
        for each in sharing:
            self.segmentation.GetSegment(each).AddRepresentation(BINARY_LABELMAP, grown.image)
        return grown


def _holds(layer: Layer, box: Box, wanted: np.ndarray) -> bool:
    _, in_box = layer.overlap(box)
    return np.count_nonzero(wanted[in_box]) == np.count_nonzero(wanted)


def _translated(labels: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    """Return labels in other words; what the table does not know becomes 0."""
    if labels.dtype.kind != "u":
        labels = np.clip(labels, 0, None).astype(np.uint32)
    highest = max(int(labels.max(initial=0)), *table)
    words = np.zeros(highest + 1, np.uint16)
    for old, new in table.items():
        words[old] = new
    return words[labels]
