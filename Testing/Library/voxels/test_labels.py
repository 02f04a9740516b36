"""Values of label maps."""

from __future__ import annotations

import numpy as np

from LiverTumorAttentionLib.voxels.labels import (
    BACKGROUND,
    FIRST_TUMOR,
    LIVER,
    MOST_TUMORS,
    tumor_number,
    tumor_value,
)


def test_tumors_are_numbered_from_one_and_follow_the_liver() -> None:
    assert (BACKGROUND, LIVER, FIRST_TUMOR) == (0, 1, 2)
    assert [tumor_value(number) for number in (1, 2, 3)] == [2, 3, 4]
    assert [tumor_number(tumor_value(number)) for number in (1, 7)] == [1, 7]


def test_the_last_tumor_has_the_largest_value_of_16_bits() -> None:
    assert tumor_value(MOST_TUMORS) == np.iinfo(np.uint16).max
