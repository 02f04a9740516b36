"""Label maps of any segmentation node on the voxels of a grid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import slicer
import vtk
from scipy import ndimage

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP, Box, LabelLayer, relabeled
from LiverTumorAttentionGui.scene.voxel_grid import VoxelGrid, matrix_to_array, matrix_to_world, voxel_array
from LiverTumorAttentionLib.voxels.boxes import full_box


def label_maps_to_world(node: slicer.vtkMRMLSegmentationNode, what: str) -> np.ndarray:
    """Return the (4, 4) matrix from a segmentation's own coordinates to the world.

    what: the segmentation in the user's words. Raises `PanelError` for a transform that is not linear or for surfaces.
    """
    to_world = matrix_to_world(node)
    segmentation = node.GetSegmentation()
    if to_world is None or segmentation.GetSourceRepresentationName() != BINARY_LABELMAP:
        raise PanelError(
            _(
                "Cannot read {what} {node}: they must be a binary labelmap under no transform but linear ones. "
                "Harden the transform, or make the labelmap the source in the Segmentations module."
            ).format(what=what, node=node.GetName())
        )
    return to_world


def sampled_on_grid(
    grid: VoxelGrid, image: slicer.vtkOrientedImageData, to_world: np.ndarray, table: Mapping[int, int]
) -> tuple[Box, np.ndarray]:
    """Return a box of a grid, and a label map in it (z, y, x; uint16); around the box the label map has nothing.

    The nearest voxel counts where its voxels are others than the grid's.
    image: with voxels. to_world: from `label_maps_to_world`. table: from its labels to those that are returned.
    """
    own = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(own)
    image_to_world = to_world @ matrix_to_array(own)
    layer = LabelLayer.on_grid(image, np.linalg.inv(grid.ijk_to_ras) @ image_to_world)
    whole = full_box(grid.shape)
    if layer is not None:
        in_layer, in_grid = layer.overlap(whole)
        return in_grid, relabeled(layer.voxels[in_layer], table)
    labels = np.zeros(grid.shape, np.uint16)
    from_grid = np.linalg.inv(image_to_world) @ grid.ijk_to_ras
    first = np.array(image.GetExtent()[::2])
    matrix = from_grid[:3, :3][::-1, ::-1]  # x, y, z to z, y, x
    offset = (from_grid[:3, 3] - first)[::-1]
    ndimage.affine_transform(
        relabeled(voxel_array(image), table), matrix, offset, output=labels, order=0, mode="grid-constant"
    )
    return whole, labels
