"""The state of a volume at the start of a run: voxels, geometry and place in the world, compared at its end."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.voxel_grid import matrix_to_array, voxel_array

_LATTICE = 9
"""Points along each axis whose place in the world is compared; a linear transform is determined by four of them."""
_SAME_PLACE_MM = 1e-3


@dataclass(frozen=True, eq=False)
class VolumeState:
    """A volume as it was at one moment.

    name: what the user calls it, such as "portal venous". checksum: of the voxels, None without any; also finds a
    change that left the modification time as it was. places: world RAS mm of points spread over the grid, so that
    transforms of every kind above the volume count. Its name is no part of it: a volume that was renamed is the same.
    """

    name: str
    node: slicer.vtkMRMLScalarVolumeNode
    shape: tuple[int, ...]
    checksum: int | None
    places: np.ndarray

    @classmethod
    def of(cls, node: slicer.vtkMRMLScalarVolumeNode, name: str) -> VolumeState:
        """Return the present state of a volume."""
        image = node.GetImageData()
        voxels = (
            voxel_array(image) if image is not None and image.GetNumberOfScalarComponents() == 1 else None
        )
        if voxels is None or not voxels.size:
            return cls(name, node, (), None, np.zeros((0, 3)))
        flat = np.ascontiguousarray(voxels).reshape(-1).view(np.uint8)
        checksum = zlib.crc32(flat.data, zlib.crc32(str(voxels.dtype).encode()))
        return cls(name, node, voxels.shape, checksum, _places(node, voxels.shape))

    def check_unchanged(self) -> None:
        """Raise `PanelError` when the volume has other voxels, or lies elsewhere, than at that moment."""
        now = VolumeState.of(self.node, self.name)
        same_voxels = now.shape == self.shape and now.checksum == self.checksum
        if same_voxels and np.allclose(now.places, self.places, rtol=0, atol=_SAME_PLACE_MM):
            return
        what = _("was moved") if same_voxels else _("got other voxels")
        raise PanelError(
            _(
                "The {name} volume {node} {what} during the run, so the result is not loaded: it "
                "would not fit the volume. Segment again."
            ).format(name=self.name, node=self.node.GetName(), what=what)
        )


def _places(node: slicer.vtkMRMLScalarVolumeNode, shape: tuple[int, ...]) -> np.ndarray:
    """Return the places of a lattice of points over the grid (z, y, x) in the world."""
    ijk_to_ras = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(ijk_to_ras)
    axes = [np.linspace(0, length - 1, _LATTICE) for length in shape[::-1]]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    matrix = matrix_to_array(ijk_to_ras)
    places = points @ matrix[:3, :3].T + matrix[:3, 3]
    parent = node.GetParentTransformNode()
    if parent is None:
        return places
    to_world = vtk.vtkGeneralTransform()
    parent.GetTransformToWorld(to_world)
    return np.array([to_world.TransformPoint(*place) for place in places])
