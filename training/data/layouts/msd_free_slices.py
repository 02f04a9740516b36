"""Those of the `msd_liver_slices` in whose liver no dark lesion is seen: real backgrounds for tumor stages.

Their masks have the tumors inside and do not tell them apart. A slice is taken where the liver, 6 mm within its border
and smoothed, has no part darker than its median by `DARK_HU` that is as large as `LARGEST_MM2`: no cyst, no
metastasis of the usual kind. A lesion as bright as the liver, or one that hides at the border, stays unseen; that the
rest is free of tumors is a guess, which the fact `tumors` says: "none seen".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from training.data.case import SourceCase
from training.data.layouts import msd_liver_slices
from training.data.layouts.reading import read_case

DEPTH_MM = 6.0
"""From here on inward the liver is looked at: its border, the gallbladder and fissures are dark by themselves."""
LEAST_MM2 = 400.0
"""Of liver so deep, below which a slice tells nothing."""
SMOOTHING_MM = 2.0
DARK_HU = 15.0
LARGEST_MM2 = 40.0
"""About a ball of 7 mm."""


def find(data: Path) -> list[SourceCase]:
    """Return one case a slice, in natural order. Reads every picture that `msd_liver_slices` finds.

    Raises `InputError` as `msd_liver_slices.find` does, and where no picture is left.
    """
    cases = [
        dataclasses.replace(case, facts={**case.facts, "tumors": "none seen"})
        for case in msd_liver_slices.find(data)
        if _is_free(case)
    ]
    if not cases:
        raise InputError(
            f"every slice in '{data}' shows something dark in the liver and none can serve as background: "
            "give a folder with other slices"
        )
    return cases


def looks_free(hu: NDArray[np.generic], liver: NDArray[np.bool_], spacing_mm: Sequence[float]) -> bool:
    """Return whether a slice shows enough liver and nothing dark in it. hu, liver: (y, x); spacing_mm: of y and x."""
    area_mm2 = float(np.prod(spacing_mm))
    deep = ndimage.distance_transform_edt(np.pad(liver, 1), sampling=spacing_mm)[1:-1, 1:-1] > DEPTH_MM
    if deep.sum() * area_mm2 < LEAST_MM2:
        return False
    sigma = [SMOOTHING_MM / spacing for spacing in spacing_mm]
    values = hu.astype(np.float32)
    weight = ndimage.gaussian_filter(deep.astype(np.float32), sigma)
    smooth = ndimage.gaussian_filter(np.where(deep, values, 0), sigma) / np.maximum(weight, 1e-3)
    dark, count = ndimage.label(deep & (smooth < np.median(values[deep]) - DARK_HU))
    largest = np.bincount(dark.ravel())[1:].max() if count else 0
    return bool(largest * area_mm2 < LARGEST_MM2)


def _is_free(case: SourceCase) -> bool:
    loaded = read_case(case)
    hu, labels = (sitk.GetArrayViewFromImage(image)[0] for image in (loaded.portal, loaded.labels))
    return looks_free(hu, labels > 0, loaded.portal.GetSpacing()[1::-1])
