"""Values of the label maps and volumes that all parts of the library exchange.

An instances map holds 0 background, 1 liver outside of tumors, and one value a tumor from 2 on; a semantic label
map gives all tumors the value 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BACKGROUND = 0
LIVER = 1
FIRST_TUMOR = 2
"""Value of tumor number 1 in an instances map; tumor n has the value `tumor_value(n)`."""
TUMOR = FIRST_TUMOR
"""Value of every tumor in a semantic label map."""
MOST_TUMORS = int(np.iinfo(np.uint16).max) - FIRST_TUMOR + 1
"""How many tumors an instances map of 16 bits can number."""
MOST_IN_A_BYTE = int(np.iinfo(np.uint8).max)

WHOLE_TOLERANCE = 1e-2
"""Values this near to a whole number are it: floating files and rescaled ones are a little off."""

OUTSIDE_HU = -1024.0
"""Value (HU) of a resampled volume where the original has no voxels; air, at the lower end of CT.

Floating, since numpy 2.0, which Slicer 5.10 ships, ends the process when the box of an unsigned volume is compared with
a negative integer (numpy issue 28117).
"""


def tumor_value(number: int) -> int:
    """Return the value in an instances map of tumor `number`, counted from 1."""
    return number + FIRST_TUMOR - 1


def tumor_number(value: int) -> int:
    """Return the number, counted from 1, of the tumor that has `value` in an instances map."""
    return value - FIRST_TUMOR + 1


def are_whole(voxels: NDArray[np.number]) -> bool:
    """Return whether all values are whole numbers, within `WHOLE_TOLERANCE`."""
    return voxels.dtype.kind in "iub" or not (np.abs(voxels - np.rint(voxels)) > WHOLE_TOLERANCE).any()
