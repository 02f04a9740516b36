"""Warnings of values in a plain label map that are likely something else than they are taken for.

In such a map 1 is liver, and 2 and more is tumor; one of another convention, such as a map of all organs, reads as
well, and would give tumors that are none.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER
from LiverTumorAttentionLib.wording import counted

LEAST_BORDER_ON_LIVER = 0.1
"""Share of the voxels around a value that are liver, below which it is not inside the liver or on its surface."""
MOST_VALUES = 5
"""How many values a warning names."""
SAY = "say what a value is with --label VALUE=liver, tumor, vessel or ignore"


def warn_apart(labels: sitk.Image, where: str) -> None:
    """Warn of values from 2 on that hardly touch the liver, value 1. where: the file, in words."""
    voxels = sitk.GetArrayViewFromImage(labels)
    if not (voxels == LIVER).any():
        return
    apart = list(_apart(voxels))
    if apart:
        warnings.warn(
            f"{_values(apart)} of {where} {'lies' if len(apart) == 1 else 'lie'} apart from the liver (value {LIVER}), "
            f"though taken for tumor; {SAY}",
            InputWarning,
            stacklevel=3,
        )


def _apart(voxels: np.ndarray) -> Iterator[int]:
    for value, box in enumerate(ndimage.find_objects(voxels), start=1):
        if value < FIRST_TUMOR or box is None:
            continue
        wider = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box)
        mask = voxels[wider] == value
        around = voxels[wider][ndimage.binary_dilation(mask) & ~mask]
        if around.size and np.count_nonzero(around == LIVER) < LEAST_BORDER_ON_LIVER * around.size:
            yield value


def warn_not_scored(labels: sitk.Image, scored: Collection[int], where: str) -> None:
    """Warn of values that are none of those that are scored. where: the label map, in words."""
    present = np.flatnonzero(np.bincount(sitk.GetArrayViewFromImage(labels).reshape(-1)))
    others = [int(value) for value in present if value and value not in scored]
    if others:
        warnings.warn(
            f"{_values(others)} of {where} {'is' if len(others) == 1 else 'are'} not scored; {SAY}, "
            "or what to score with --label NAME=VALUE",
            InputWarning,
            stacklevel=2,
        )


def _values(values: list[int]) -> str:
    listed = ", ".join(str(value) for value in values[:MOST_VALUES])
    if len(values) > MOST_VALUES:
        return f"{counted(len(values), 'value')} ({listed} …)"
    return f"the value{'s' if len(values) > 1 else ''} {listed}"
