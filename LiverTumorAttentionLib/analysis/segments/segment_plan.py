"""A resection by segments in numbers: what is taken out, what becomes of each tumor, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis.segments.liver_segments import LiverSegments
from LiverTumorAttentionLib.analysis.segments.named_resections import NamedResection
from LiverTumorAttentionLib.analysis.segments.remnant import DEFAULT_LIMITS, Person, Remnant, RemnantLimit
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, full_box, label_boxes
from LiverTumorAttentionLib.voxels.couinaud import roman
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, check_same_grid
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, tumor_number


@dataclass(frozen=True, kw_only=True)
class SegmentTumor:
    """What becomes of a tumor: "resected" whole, "remnant" whole, or "cut": it lies on both sides."""

    number: int
    status: str
    resected_ml: float
    remnant_ml: float


@dataclass(frozen=True, kw_only=True)
class SegmentPlan:
    """A resection by segments in numbers.

    resection: what is taken out. source: who says where the segments are. liver_ml: the whole organ, tumors included.
    resected_ml, remnant_ml: of the whole organ. remnant: what stays without tumors. missing: numerals of what would be
    taken out and is not there.
    """

    resection: NamedResection
    source: str
    liver_ml: float
    resected_ml: float
    remnant_ml: float
    remnant: Remnant
    tumors: tuple[SegmentTumor, ...]
    missing: tuple[str, ...]

    @property
    def resected_percent(self) -> float:
        """What is taken out in % of the whole organ."""
        return 100.0 * self.resected_ml / self.liver_ml

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "resection": self.resection.key,
            "title": self.resection.title,
            "segments": [roman(number) for number in self.resection.segments],
            "missing_segments": list(self.missing),
            "segments_source": self.source,
            "liver_ml": self.liver_ml,
            "parenchyma_ml": self.remnant.functional_ml,
            "resected_ml": self.resected_ml,
            "resected_percent": self.resected_percent,
            "remnant_ml": self.remnant_ml,
            **self.remnant.as_dict(),
            "tumors": [asdict(tumor) for tumor in self.tumors],
        }


def plan_named_resection(
    instances: sitk.Image,
    segments: LiverSegments,
    resection: NamedResection,
    person: Person | None = None,
    limits: Sequence[RemnantLimit] = DEFAULT_LIMITS,
) -> SegmentPlan:
    """Return what a resection by segments takes out and leaves.

    instances: 0 background, 1 liver, 2, 3, … one value a tumor; segments: on its grid.
    Raises `InputError` when the grids differ, and when nothing or everything would be taken out.
    """
    check_same_grid(instances, segments.labels, "the segmentation", "the Couinaud segments")
    whole, voxel_ml = sitk.GetArrayViewFromImage(instances), ImageAxes.of(instances).voxel_ml
    organ = bounding_box(whole) or full_box(whole.shape)
    values = whole[organ]
    taken = np.isin(segments.array[organ], resection.segments) & (values > 0)
    liver, out = int(np.count_nonzero(values)), int(np.count_nonzero(taken))
    if out == 0:
        raise InputError(
            f"the {resection.title.lower()} takes out segments {resection.numerals}, none of which this liver shows: "
            "choose another resection, or correct the segments"
        )
    if out == liver:
        raise InputError(
            f"the {resection.title.lower()} takes out the whole liver, since only segments {resection.numerals} are "
            "known: give all eight segments"
        )
    functional = values == LIVER
    tumors = []
    for value, box in label_boxes(values).items():
        if value >= FIRST_TUMOR:
            mask = values[box] == value
            size, gone = int(np.count_nonzero(mask)), int(np.count_nonzero(mask & taken[box]))
            status = "resected" if gone == size else "cut" if gone else "remnant"
            tumors.append(
                SegmentTumor(
                    number=tumor_number(value),
                    status=status,
                    resected_ml=gone * voxel_ml,
                    remnant_ml=(size - gone) * voxel_ml,
                )
            )
    return SegmentPlan(
        resection=resection,
        source=segments.source,
        liver_ml=liver * voxel_ml,
        resected_ml=out * voxel_ml,
        remnant_ml=(liver - out) * voxel_ml,
        remnant=Remnant(
            functional_ml=int(np.count_nonzero(functional)) * voxel_ml,
            flr_ml=int(np.count_nonzero(functional & ~taken)) * voxel_ml,
            person=person or Person(),
            limits=tuple(limits),
        ),
        tumors=tuple(sorted(tumors, key=lambda tumor: tumor.number)),
        missing=tuple(roman(n) for n in resection.segments if segments.volumes_ml[n] == 0),
    )
