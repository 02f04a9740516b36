"""Take in what a new run of a network found, beside what was decided already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.edits import Edit, Patch, new_number, repainted
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.correction.packed_mask import PackedMask
from LiverTumorAttentionLib.correction.session import CorrectionSession, Outcome
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, label_boxes, relative_box
from LiverTumorAttentionLib.voxels.geometry import check_same_grid
from LiverTumorAttentionLib.voxels.labels import LIVER

SAME_SHARE = 0.5
"""A finding and a lesion are the same when one of them lies in the other to at least this share."""


@dataclass(frozen=True, kw_only=True)
class MergeFindings:
    """Add new findings as drafts. What is accepted keeps its voxels, and what was rejected does not come back.

    findings: one mask a finding. model: what found them. replace_drafts: drafts that no person has changed give way:
    the one that a finding is the same as takes its shape and keeps its number, the others go.
    """

    tool: ClassVar[str] = "merge_findings"
    findings: tuple[PackedMask, ...]
    model: str | None = None
    replace_drafts: bool = False

    @classmethod
    def of(
        cls,
        case: CorrectionCase,
        instances: sitk.Image,
        *,
        model: str | None = None,
        replace_drafts: bool = False,
    ) -> MergeFindings:
        """Return the action that takes in an instances image (0, 1 liver, 2, 3, … lesions) on the case's grid."""
        check_same_grid(case.portal, instances, "the portal volume", "the new segmentation")
        values = sitk.GetArrayViewFromImage(instances)
        if values.dtype.kind not in "iu" or values.min() < 0:
            raise InputError("the new segmentation must hold whole numbers: 0, 1 liver, 2, 3, … one a lesion")
        findings = tuple(
            PackedMask.of(box, values[box] == value)
            for value, box in label_boxes(values).items()
            if value > LIVER
        )
        return cls(findings=findings, model=model, replace_drafts=replace_drafts)

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        unchanged = (
            n for n, known in lesions.lesions.items() if known.status == "draft" and not known.edited
        )
        leaving = set(unchanged) if self.replace_drafts else set()
        patches = [_erased(lesions, lesions.lesions[number]) for number in sorted(leaving)]
        records: dict[int, Lesion] = {}
        added = 0
        for index, packed in enumerate(self.findings):
            progress.update(index / len(self.findings))
            box, mask = packed.box, packed.mask()
            if any(part.stop > n for part, n in zip(box, lesions.labels.shape, strict=True)):
                raise InputError("a finding lies outside of the volume: take findings on the portal grid")
            same = next(
                (known for known in lesions.lesions.values() if _same(lesions, known, box, mask)), None
            )
            if same is not None and same.number not in leaving:
                continue
            labels = lesions.labels[box]
            free = mask & ((labels <= LIVER) | np.isin(labels, [number + LIVER for number in leaving]))
            if not free.any():
                continue
            fresh = same is None or same.number in records
            number = new_number(lesions, after=added) if same is None or fresh else same.number
            added += fresh
            records[number] = Lesion(number=number, box=box)
            patches.append(Patch(box, free, np.full(free.shape, number + LIVER, np.uint16)))
        progress.update(1.0)
        note = f"{len(records)} of {len(self.findings)} findings were taken in, the others are known already"
        if len(records) == len(self.findings):
            note = "all findings were taken in" if self.findings else "nothing was there to take in"
        return Edit(patches=tuple(patches), records=records, by_hand=False, note=note)


def merge_new_findings(
    session: CorrectionSession,
    instances: sitk.Image,
    *,
    model: str | None = None,
    replace_drafts: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Take in what a new run found (0, 1 liver, 2, 3, … lesions, on the portal grid), as one action of the session."""
    action = MergeFindings.of(session.case, instances, model=model, replace_drafts=replace_drafts)
    return session.do(action, progress)


def _erased(lesions: LesionMap, lesion: Lesion) -> Patch:
    """Return the patch that takes a lesion's voxels away."""
    return repainted(lesions, lesion.number, lesion.box, np.zeros(lesions.labels[lesion.box].shape, bool))


def _same(lesions: LesionMap, known: Lesion, box: Box, mask: NDArray[np.bool_]) -> bool:
    """Tell whether a finding is a lesion that is known, or one that was rejected."""
    shared = tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(known.box, box, strict=True)
    )
    if any(part.stop <= part.start for part in shared):
        return False
    covered = lesions.mask(known.number, known.box) if known.region is None else known.region.mask()
    both = np.count_nonzero(covered[relative_box(shared, known.box)] & mask[relative_box(shared, box)])
    return bool(both >= SAME_SHARE * min(np.count_nonzero(covered), np.count_nonzero(mask)))
