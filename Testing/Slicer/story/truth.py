"""What the phantom knows of itself, and what the scene says: both as arrays (z, y, x) on the portal venous volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
from scipy import ndimage

Mask = np.ndarray
Ras = tuple[float, float, float]
_TUMOR = 2


def lesions_in_scene(segmentation: Any, portal: Any) -> dict[int, Mask]:
    """Return the voxels of each lesion's segment, by number, as Slicer's own function sees them."""
    from LiverTumorAttentionGui.scene.segments import lesions_of

    return {
        number: slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, portal) != 0
        for number, segment_id in lesions_of(segmentation.GetSegmentation()).items()
    }


def dice(one: Mask, other: Mask) -> float:
    """Return the Dice coefficient."""
    return (
        2.0 * float(np.count_nonzero(one & other)) / max(np.count_nonzero(one) + np.count_nonzero(other), 1)
    )


class TrueLesions:
    """The lesions of a phantom. labels: 0 background, 1 liver, 2 tumor, on the grid of the portal volume's node."""

    def __init__(self, labels: sitk.Image, portal: Any) -> None:
        values = sitk.GetArrayFromImage(labels)
        assert values.shape == slicer.util.arrayFromVolume(portal).shape, (
            "the truth lies on the portal volume"
        )
        self.tumor: Mask = values == _TUMOR
        self.liver: Mask = values > 0
        parts, count = ndimage.label(self.tumor)
        self.lesions: list[Mask] = [parts == value for value in range(1, count + 1)]
        self.spacing_mm = labels.GetSpacing()[::-1]
        self._to_ras = slicer.util.arrayFromVTKMatrix(_ijk_to_ras(portal))

    def missed(self, found: dict[int, Mask]) -> list[Mask]:
        """Return the lesions of which nothing was found, the largest first."""
        seen = union(found, self.tumor)
        missed = [lesion for lesion in self.lesions if not (lesion & seen).any()]
        return sorted(missed, key=np.count_nonzero, reverse=True)

    def false(self, found: dict[int, Mask]) -> list[int]:
        """Return the numbers of what was found where no lesion is, the largest first."""
        numbers = [n for n, mask in found.items() if mask.any() and not (mask & self.tumor).any()]
        return sorted(numbers, key=lambda n: np.count_nonzero(found[n]), reverse=True)

    def under(self, mask: Mask) -> Mask:
        """Return all of the lesions that a mask touches."""
        return union({i: each for i, each in enumerate(self.lesions) if (each & mask).any()}, self.tumor)

    def deepest(self, mask: Mask) -> Ras:
        """Return the world point (RAS, mm) of the voxel that lies deepest in a mask: where a person would click."""
        depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=self.spacing_mm)[1:-1, 1:-1, 1:-1]
        z, y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        point = self._to_ras @ (float(x), float(y), float(z), 1.0)
        return float(point[0]), float(point[1]), float(point[2])

    def voxel_of(self, ras: Ras) -> tuple[int, int, int]:
        """Return the voxel (z, y, x) at a world point."""
        x, y, z, _ = np.linalg.solve(self._to_ras, [*ras, 1.0])
        return round(z), round(y), round(x)


def union(masks: dict[int, Mask], like: Mask) -> Mask:
    """Return what lies in any of the masks; nothing, in the shape of `like`, where there is none."""
    return np.any([*masks.values(), np.zeros_like(like)], axis=0)


def _ijk_to_ras(portal: Any) -> Any:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    portal.GetIJKToRASMatrix(matrix)
    return matrix
