"""From the values in a label file to the classes 0 background, 1 liver, 2 tumour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError

WHOLE_TOLERANCE = 1e-2
"""Values this near to a whole number are it: floating files and rescaled ones are a little off."""
_UNKNOWN = 255


def classes_of(voxels: NDArray[np.number], values: Mapping[int, int], name: str) -> NDArray[np.uint8]:
    """Return the class of every voxel.

    voxels: int16 or float32 (z, y, x). values: what each value means.
    Raises `InputError` that counts the voxels of every value that is not named, or that is no whole number.
    """
    result = np.empty(voxels.shape, np.uint8)
    unknown: Counter[int] = Counter()
    broken = 0
    # Slice by slice, so that a large volume is never held as wide indices.
    for out, plane in zip(result, voxels, strict=True):
        whole = plane if plane.dtype.kind in "iu" else np.rint(plane)
        if whole is not plane:
            broken += int(np.count_nonzero(np.abs(plane - whole) > WHOLE_TOLERANCE))
        out[:] = _UNKNOWN
        for value, kind in values.items():
            out[whole == value] = kind
        strange, counts = np.unique(whole[out == _UNKNOWN], return_counts=True)
        unknown.update({int(value): int(count) for value, count in zip(strange, counts, strict=True)})
    if broken:
        raise InputError(
            f"{broken} voxels of the {name} lie between whole numbers, so it was interpolated: "
            "resample it with nearest neighbour"
        )
    if unknown:
        raise _unknown_values(unknown, values, name)
    return result


def _unknown_values(unknown: Counter[int], values: Mapping[int, int], name: str) -> InputError:
    listed = ", ".join(f"{value} ({count} voxels)" for value, count in unknown.most_common(5))
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    known = ", ".join(str(value) for value in sorted(values))
    value = unknown.most_common(1)[0][0]
    return InputError(
        f"the {name} holds values that nobody explained: {listed}{more}, beside the known {known}: correct it, or "
        f"say what they mean where the layout takes --label, such as --label {value}=background"
    )
