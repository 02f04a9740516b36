"""The liver's surroundings as cubes in LPS order, HU relative to the liver: on which vessels are looked for.

What it takes follows from the size of the liver alone: 12 million cubes for one of 250 x 250 x 220 mm, 50 MB a volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box
from LiverTumorAttentionLib.voxels.cubes import cubes_around
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, OUTSIDE_HU

CUBE_MM = 1.25
REACH_MM = 30.0
"""So far around the liver the volume is looked at: the cava and the portal trunk lie there."""
LEAST_LIVER_ML = 50.0
BODY_HU = -300.0
MOST_CUT = 0.02
"""Share of the outermost columns that may be body: arms and the table reach there."""


@dataclass(frozen=True)
class WorkingGrid:
    """Cubes; arrays are (z, y, x), z rising to the head, y to the back, x to the left.

    image: an image with the cubes' geometry. relative_hu: HU less the median of the liver outside of tumors; what the
    volume does not show is as dark as air. organ: liver and tumors. tumor: tumors alone. liver_hu: that median.
    midline_mm: of the body, towards the patient's left; None where the volume does not show both sides.
    """

    image: sitk.Image
    relative_hu: NDArray[np.float32]
    organ: NDArray[np.bool_]
    tumor: NDArray[np.bool_]
    liver_hu: float
    midline_mm: float | None = None

    @classmethod
    def of(cls, portal: sitk.Image, instances: sitk.Image) -> WorkingGrid:
        """Lay out a case. Raises `InputError` where there is too little liver to tell its density."""
        values: NDArray[Any] = sitk.GetArrayViewFromImage(instances)
        box = bounding_box(values)
        liver = np.zeros(0, bool) if box is None else values[box] == LIVER
        axes = ImageAxes.of(instances)
        liver_ml = float(np.count_nonzero(liver)) * axes.voxel_ml
        if box is None or liver_ml < LEAST_LIVER_ML:
            raise InputError(
                f"the segmentation shows {liver_ml:.0f} mL of liver outside of tumors, too little to tell vessels by "
                "their brightness: segment the liver first"
            )
        hu: NDArray[Any] = sitk.GetArrayViewFromImage(portal)
        liver_hu = float(np.median(hu[box][liver]))
        grid = cubes_around(axes, box, CUBE_MM, REACH_MM + 0.5 * CUBE_MM)
        dense = _resampled(portal, grid, sitk.sitkLinear, OUTSIDE_HU)
        labels = _resampled(sitk.Cast(instances, sitk.sitkUInt16), grid, sitk.sitkNearestNeighbor, 0)
        relative = sitk.GetArrayFromImage(sitk.Cast(dense, sitk.sitkFloat32)) - np.float32(liver_hu)
        told = sitk.GetArrayViewFromImage(labels)
        return cls(grid, relative, told > 0, told >= FIRST_TUMOR, liver_hu, _midline_mm(portal))

    @property
    def axes(self) -> ImageAxes:
        """Geometry of the cubes."""
        return ImageAxes.of(self.image)

    def index_of(self, position_mm: NDArray[np.float64]) -> tuple[int, ...] | None:
        """Return the cube (z, y, x) at an LPS position; None outside."""
        index = np.rint(self.axes.index_zyx(position_mm)).astype(int)
        inside = bool(np.all(index >= 0) and np.all(index < self.organ.shape))
        return tuple(int(i) for i in index) if inside else None

    def onto(self, labels: NDArray[np.uint8], target: sitk.Image) -> sitk.Image:
        """Return a label map of the cubes on the grid of another image, each value smoothly: uint8."""
        shown = np.zeros(target.GetSize()[::-1], np.uint8)
        box = self._box_in(target)
        part = sitk.RegionOfInterest(
            target, [side.stop - side.start for side in box[::-1]], [side.start for side in box[::-1]]
        )
        inside = shown[box]
        best = np.full(inside.shape, 0.5, np.float32)
        for value in range(1, int(labels.max(initial=0)) + 1):
            share = sitk.GetImageFromArray((labels == value).astype(np.float32))
            share.CopyInformation(self.image)
            found = sitk.GetArrayFromImage(_resampled(share, part, sitk.sitkLinear, 0.0))
            won = found >= best
            inside[won], best[won] = value, found[won]
        image = sitk.GetImageFromArray(shown)
        image.CopyInformation(target)
        return image

    def _box_in(self, target: sitk.Image) -> Box:
        """Return the box of another image, at least a voxel, that holds all cubes as far as it reaches."""
        far = np.array(self.organ.shape) - 0.5
        corners = self.axes.position_mm(
            np.array([[(-0.5, far[k])[i] for k, i in enumerate(which)] for which in np.ndindex(2, 2, 2)])
        )
        places = ImageAxes.of(target).index_zyx(corners)
        shape = np.array(target.GetSize()[::-1])
        low = np.clip(np.floor(places.min(axis=0)).astype(int), 0, shape - 1)
        high = np.clip(np.ceil(places.max(axis=0)).astype(int) + 1, low + 1, shape)
        return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _midline_mm(portal: sitk.Image) -> float | None:
    """Return where the middle of the body lies along L; None where a side of it is cut off."""
    few = sitk.DICOMOrient(sitk.Shrink(portal, [max(1, min(4, n // 16)) for n in portal.GetSize()]), "LPS")
    body = sitk.GetArrayViewFromImage(few) > BODY_HU
    if not body.any() or max(body[:, :, 0].mean(), body[:, :, -1].mean()) > MOST_CUT:
        return None
    column = float(np.average(np.arange(body.shape[2]), weights=body.sum(axis=(0, 1))))
    middle = [column, (body.shape[1] - 1) / 2, (body.shape[0] - 1) / 2]
    return float(few.TransformContinuousIndexToPhysicalPoint(middle)[0])


def _resampled(image: sitk.Image, grid: sitk.Image, method: int, outside: float) -> sitk.Image:
    return sitk.Resample(image, grid, sitk.Transform(), method, outside)
