"""Which three planes a picture shows, and which part of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, full_box, margin_voxels

MARGIN_MM = 35.0
LARGEST_TUMOR = 2


@dataclass(frozen=True)
class Plane:
    """A plane of an array (z, y, x) in LPS order, and how it is laid on the screen.

    axis: the array axis across it; row_axis and column_axis run down and to the right.
    head_up: whether rows are turned round, since z grows towards the head. left_side: R or A.
    """

    name: str
    axis: int
    row_axis: int
    column_axis: int
    head_up: bool
    left_side: str

    def cut(self, array: NDArray, index: int, box: Box) -> NDArray:
        """Return the slice `index` of an array within a box, as it lies on the screen."""
        place: list[slice | int] = list(box)
        place[self.axis] = index
        flat: NDArray = array[tuple(place)]
        return flat[::-1] if self.head_up else flat


PLANES = (
    Plane("axial", 0, 1, 2, False, "R"),
    Plane("coronal", 1, 0, 2, True, "R"),
    Plane("sagittal", 2, 0, 1, True, "A"),
)


def chosen_slices(labels: NDArray, truth: NDArray | None) -> tuple[int, ...]:
    """Return the index along z, y and x at which the largest tumor (or the liver) has most voxels.

    labels: 0, 1 liver, 2 the largest tumor, 3, …; truth: 0, 1 liver, 2 tumor.
    """
    choices = [labels == LARGEST_TUMOR]
    if truth is not None:
        choices.append(truth == LARGEST_TUMOR)
    choices.append(labels > 0)
    for mask in choices:
        if mask.any():
            return tuple(
                int(mask.sum(axis=tuple(other for other in range(3) if other != axis)).argmax())
                for axis in range(3)
            )
    return tuple(size // 2 for size in labels.shape)


def shown_box(labels: NDArray, truth: NDArray | None, spacing_zyx_mm: Sequence[float]) -> Box:
    """Return the box around the liver with a margin, or the whole volume when there is none."""
    mask = labels > 0
    if truth is not None:
        mask |= truth > 0
    box = bounding_box(mask, margin_voxels(MARGIN_MM, spacing_zyx_mm))
    return box or full_box(mask.shape)
