"""A CT volume with its segmentation, as reports and comparisons read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.correction.lesions import instances_from_labels
from LiverTumorAttentionLib.io import Meanings, read_instances_onto
from LiverTumorAttentionLib.io.segmentation import has_segments
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR


@dataclass(frozen=True, kw_only=True)
class SegmentedLiver:
    """A segmentation on its volume's grid.

    instances: uint16, 0 background, 1 liver, 2, 3, … one value a tumor. notes: what the user should know.
    """

    instances: sitk.Image
    notes: tuple[str, ...] = ()


def read_segmented_liver(
    path: str, portal: sitk.Image, meanings: Meanings, visit: str = ""
) -> SegmentedLiver:
    """Read a segmentation onto the grid of its volume; tumors that share one value are taken apart.

    visit: which of several times it is of, as messages say it. Raises `InputError` as `read_instances_onto` does.
    """
    instances = read_instances_onto(path, portal, meanings)
    which = f"{visit} " if visit else ""
    notes = _cut_off(instances, which)
    if has_segments(Path(path)):
        return SegmentedLiver(instances=instances, notes=notes)
    apart = instances_from_labels(instances)
    count = int(sitk.GetArrayViewFromImage(apart).max()) - FIRST_TUMOR + 1
    if apart is not instances and count != 1:
        notes = (
            *notes,
            f"the {which}label map does not tell tumors apart: its {count} separate pieces are taken for one tumor "
            "each",
        )
    return SegmentedLiver(instances=apart, notes=notes)


def _cut_off(instances: sitk.Image, which: str) -> tuple[str, ...]:
    """Say when the volume ends before the liver does."""
    labels = sitk.GetArrayViewFromImage(instances)
    ends = [labels.take(place, axis=axis) for axis in range(3) for place in (0, -1)]
    if not any(end.any() for end in ends):
        return ()
    return (
        f"the liver reaches the edge of the {which}portal volume: its volume, the share of the tumors in it and what "
        "is planned are told of the part that the volume shows",
    )
