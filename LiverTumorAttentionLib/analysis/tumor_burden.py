"""Liver and tumours as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels.axial_plane import ImageAxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR


@dataclass(frozen=True, kw_only=True)
class CaseMeasurement:
    """What is measured of a case.

    liver_volume_ml: the whole organ, tumours included. tumor_volume_ml: all tumours together.
    tumor_burden_percent: tumour volume in percent of the liver volume; 0 when there is no liver.
    tumor_count: number of tumours.
    """

    liver_volume_ml: float
    tumor_volume_ml: float
    tumor_burden_percent: float
    tumor_count: int


def measure_case(instances: sitk.Image) -> CaseMeasurement:
    """Measure liver and tumours: instances holds 0 background, 1 liver, 2, 3, … one value a tumour."""
    values = sitk.GetArrayViewFromImage(instances)
    voxel_ml = ImageAxes.of(instances).voxel_ml
    organ = int(np.count_nonzero(values))
    tumors = values[values >= FIRST_TUMOR]
    return CaseMeasurement(
        liver_volume_ml=organ * voxel_ml,
        tumor_volume_ml=tumors.size * voxel_ml,
        tumor_burden_percent=100.0 * tumors.size / organ if organ else 0.0,
        tumor_count=np.unique(tumors).size,
    )
