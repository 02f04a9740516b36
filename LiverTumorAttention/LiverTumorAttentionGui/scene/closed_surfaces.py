"""Closed surfaces of single lesions, computed in their boxes instead of the whole volume."""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP, Box, LabelLayers
from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

CLOSED_SURFACE = "Closed surface"


class LesionSurfaces:
    """The closed surface representation of a segmentation, where it has one."""

    def __init__(self, layers: LabelLayers) -> None:
        self._layers = layers
        self._segmentation = layers.segmentation

    @property
    def enabled(self) -> bool:
        """Whether the segmentation has closed surfaces, which must then be updated."""
        return bool(self._segmentation.ContainsRepresentation(CLOSED_SURFACE))

    def missing(self, segment_id: str) -> bool:
        return self._segmentation.GetSegment(segment_id).GetRepresentation(CLOSED_SURFACE) is None

    def refresh(self, segment_id: str, box: Box, mask: np.ndarray) -> None:
        """Compute a segment's surface. mask: all of its voxels, in a box of the grid; may be empty."""
        self._segmentation.GetSegment(segment_id).AddRepresentation(CLOSED_SURFACE, self._surface(box, mask))

    def restore(self, previous: set[str]) -> None:
        """Compute the surfaces that a change of layers discarded, such as that of the liver."""
        lost = [each for each in previous if self._segmentation.GetSegment(each) and self.missing(each)]
        for each in lost:
            layer = next((layer for layer in self._layers.all() if each in layer.values), None)
            surface = vtk.vtkPolyData()
            if layer is not None:
                start = [int(part) for part in layer.first]
                box = tuple(slice(a, a + n) for a, n in zip(start, layer.voxels.shape, strict=True))
                surface = self._surface(box, layer.voxels == layer.values[each])
            self._segmentation.GetSegment(each).AddRepresentation(CLOSED_SURFACE, surface)

    def present(self) -> set[str]:
        """Return the segments that have a surface."""
        return {each for each in self._segmentation.GetSegmentIDs() if not self.missing(each)}

    def _surface(self, box: Box, mask: np.ndarray) -> vtk.vtkPolyData:
        """Return the surface that Slicer makes of a mask, with the segmentation's own settings (smoothing)."""
        if not mask.any():
            return vtk.vtkPolyData()
        image = self._layers.new_image(box)
        voxel_array(image)[...] = mask
        segment = slicer.vtkSegment()
        segment.AddRepresentation(BINARY_LABELMAP, image)
        private = slicer.vtkSegmentation()
        private.SetSourceRepresentationName(BINARY_LABELMAP)
        private.CopyConversionParameters(self._segmentation)
        private.AddSegment(segment, "lesion")
        private.CreateRepresentation(CLOSED_SURFACE)
        surface = private.GetSegment("lesion").GetRepresentation(CLOSED_SURFACE)
        return surface if surface is not None else vtk.vtkPolyData()
