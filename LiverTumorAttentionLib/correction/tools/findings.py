"""Merge the findings of a new network run into the lesions of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.edits import Edit, Patch, new_number, replacing_mask
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.correction.log_codec import PackedMask
from LiverTumorAttentionLib.correction.session import CorrectionSession, Outcome
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, label_boxes, relative_box
from LiverTumorAttentionLib.voxels.geometry import check_same_grid
from LiverTumorAttentionLib.voxels.labels import LIVER

MATCHING_OVERLAP = 0.5
"""A finding matches a lesion when their overlap is at least this share of the smaller one."""


@dataclass(frozen=True, kw_only=True)
class MergeFindings:
    """Add new findings as drafts. Accepted lesions are unchanged, and findings that match rejected ones are dropped.

    findings: one mask a finding. model: that found them. replace_drafts: drafts without manual edits are replaced: one
    that a finding matches gets its mask under the same number, the others are removed.
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
        """Return the action for an instances image (0, 1 liver, 2, 3, … lesions) on the case's grid."""
        check_same_grid(case.portal, instances, "the portal volume", "the new segmentation")
        values = sitk.GetArrayViewFromImage(instances)
        if values.dtype.kind not in "iu" or values.min() < 0:
            raise InputError(
                "the new segmentation must hold whole numbers: 0, 1 liver, 2, 3, … one a lesion"
                ": give such a segmentation"
            )
        findings = tuple(
            PackedMask.of(box, values[box] == value)
            for value, box in label_boxes(values).items()
            if value > LIVER
        )
        return cls(findings=findings, model=model, replace_drafts=replace_drafts)

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        unedited = (n for n, known in lesions.lesions.items() if known.status == "draft" and not known.edited)
        leaving = set(unedited) if self.replace_drafts else set()
        patches = [_erasing(lesions, lesions.lesions[number]) for number in sorted(leaving)]
        records: dict[int, Lesion] = {}
        added = 0
        for index, packed in enumerate(self.findings):
            progress.update(index / len(self.findings))
            box, mask = packed.box, packed.mask()
            if any(part.stop > n for part, n in zip(box, lesions.labels.shape, strict=True)):
                raise InputError("a finding lies outside of the volume: take findings on the portal grid")
            same = next(
                (known for known in lesions.lesions.values() if _matches(lesions, known, box, mask)), None
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
    """Merge new findings (0, 1 liver, 2, 3, … lesions, on the portal grid) as one action of the session."""
    action = MergeFindings.of(session.case, instances, model=model, replace_drafts=replace_drafts)
    return session.do(action, progress)


def _erasing(lesions: LesionMap, lesion: Lesion) -> Patch:
    """Return the patch that erases a lesion."""
    return replacing_mask(
        lesions, lesion.number, lesion.box, np.zeros(lesions.labels[lesion.box].shape, bool)
    )


def _matches(lesions: LesionMap, known: Lesion, box: Box, mask: NDArray[np.bool_]) -> bool:
    """Return whether a finding matches a lesion, or the former region of a rejected one."""
    shared = tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(known.box, box, strict=True)
    )
    if any(part.stop <= part.start for part in shared):
        return False
    covered = lesions.mask(known.number, known.box) if known.region is None else known.region.mask()
    both = np.count_nonzero(covered[relative_box(shared, known.box)] & mask[relative_box(shared, box)])
    return bool(both >= MATCHING_OVERLAP * min(np.count_nonzero(covered), np.count_nonzero(mask)))
