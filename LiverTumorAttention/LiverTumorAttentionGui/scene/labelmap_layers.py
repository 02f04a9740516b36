"""The label maps inside a segmentation node, on the voxels of a volume: read whole, written box by box.

Segments that do not overlap can share a label map, a layer. A write changes the voxels of the segments that it is
about; whatever else lies in their layer keeps its voxels, and moves into a layer of its own where the two overlap.
The image's scalars are told to be modified and not the image: the latter would throw away every 3D surface.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.labelmap_layer import Box, Layer, translated
from LiverTumorAttentionGui.scene.voxel_grid import Grid, matrix_of, to_world, values_of, voxels_of

BINARY_LABELMAP = "Binary labelmap"
GROWTH_VOXELS = 8
"""A layer that must grow gets so many voxels more on each side, so that the next click finds room."""


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
            if image is None:
                continue
            if id(image) not in found:
                if not voxels_of(image).size:
                    continue
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
            values = translated(layer.voxels[in_layer], {layer.values[s]: chosen[s] for s in segments})
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
            wanted = translated(labels[in_box], mine).astype(now.dtype)
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
        layer = Layer.on_grid(image, np.linalg.inv(self.grid.ijk_to_ras) @ self.above @ values_of(own))
        if layer is None:
            raise PanelError(
                f"The segmentation {self.node.GetName()} does not lie on the voxels of the portal venous volume: put "
                "both under the same transform, or resample the segmentation onto the volume (Segmentations module)."
            )
        return layer

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
            if layer is None or not layer.holds(box, wanted):
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
