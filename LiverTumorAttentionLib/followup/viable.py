"""Viable tumor as a proposal: what is bright in the arterial phase, and its longest axial diameter (mRECIST).

A threshold cannot tell enhancement from density without a native phase, and a reader measures viable tumor by eye: the
numbers here are where a reader may begin, and every one of them can be replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.analysis import measure_tumors
from LiverTumorAttentionLib.analysis.perilesional_liver import ReviewSettings
from LiverTumorAttentionLib.voxels.boxes import expanded_box, label_boxes, margin_voxels
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, OUTSIDE_HU, tumor_number, tumor_value
from LiverTumorAttentionLib.voxels.morphology import CORNERS
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

ABOVE_LIVER_HU = 10.0
"""A voxel is taken for viable from so many HU above the median of the liver around in the arterial phase."""


@dataclass(frozen=True, kw_only=True)
class ViableTumor:
    """The arterially enhancing part of a lesion.

    diameter_mm: its longest axial diameter, 0 where nothing enhances. volume_ml: its volume. threshold_hu: from which
    a voxel, the mean over its 3 x 3 x 1 neighbors, counts.
    """

    number: int
    diameter_mm: float
    volume_ml: float
    threshold_hu: float


def viable_tumors(instances: sitk.Image, arterial: sitk.Image) -> dict[int, ViableTumor]:
    """Return the viable part of every lesion, by number; none for one without liver around, or not imaged.

    instances: 0 background, 1 liver, 2, 3, … one value a lesion. arterial: HU, registered onto the same grid, -1024
    outside of its field of view. The largest connected part counts, so that a bright rim about a dead core counts by
    its whole width only where it is one.
    """
    labels = sitk.GetArrayViewFromImage(instances)
    hu = sitk.GetArrayViewFromImage(arterial)
    axes = ImageAxes.of(instances)
    settings = ReviewSettings()
    margin = margin_voxels(settings.farthest_mm, axes.spacing_zyx_mm)
    found: dict[int, ViableTumor] = {}
    across = axes.slice_axis
    smooth = [1 if axis == across else 3 for axis in range(3)]
    for value, box in label_boxes(labels).items():
        if value < FIRST_TUMOR:
            continue
        wide = expanded_box(box, margin, labels.shape)
        here, level = labels[wide], np.asarray(hu[wide], float)
        tumor = here == value
        distance = distance_map_mm(tumor, axes.spacing_zyx_mm)
        around = (here == LIVER) & (distance >= settings.nearest_mm) & (distance <= settings.farthest_mm)
        around &= level > OUTSIDE_HU
        if not around.any() or (level[tumor] <= OUTSIDE_HU).mean() > 0.5:
            continue
        threshold = float(np.median(level[around])) + ABOVE_LIVER_HU
        mean = ndimage.uniform_filter(level, smooth, mode="nearest")
        parts, count = ndimage.label(tumor & (mean >= threshold), structure=CORNERS)
        number = tumor_number(value)
        if count == 0:
            found[number] = ViableTumor(number=number, diameter_mm=0.0, volume_ml=0.0, threshold_hu=threshold)
            continue
        largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        image = sitk.GetImageFromArray(np.where(parts == largest, tumor_value(1), 0).astype(np.uint16))
        image.SetSpacing(instances.GetSpacing())
        image.SetDirection(instances.GetDirection())
        measured = measure_tumors(image, image)[0]
        found[number] = ViableTumor(
            number=number,
            diameter_mm=measured.longest_axial_diameter_mm,
            volume_ml=measured.volume_ml,
            threshold_hu=threshold,
        )
    return found
