"""Detection metrics: matching of true lesions with predicted ones.

Lesions are 26-connected components of the label: two tumors that touch are one. A lesion and a finding
(a component of the prediction) overlap by their intersection over union, IoU. Two matching rules are reported:

- **at 50 % overlap** (LiTS): a lesion is detected by a finding with IoU >= 0.5. That is one lesion by one
  finding at most: to reach one half with two lesions, a finding would have to lie in both and nowhere else,
  and the two would then be one connected component.
- **at any overlap**: one common voxel is enough. Small lesions are judged by this one too, since a shift
  by one voxel can take a lesion of 5 mm below IoU 0.5.

Recall is the share of lesions that are detected, precision the share of findings that detect. Both are 1
when there is neither lesion nor finding, and nan when there is nothing to take a share of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import label_boxes
from LiverTumorAttentionLib.voxels.morphology import CORNERS, Mask

MINIMUM_IOU = 0.5


@dataclass(frozen=True, kw_only=True)
class LesionRow:
    """One lesion of the truth, or one finding of the prediction, against the other side.

    number: 1 is the largest of its side; equal sizes in the order of their first voxel (z, y, x).
    volume_ml: its own volume.
    extent_mm: the longest edge of the box around it along the axes of the grid; the size by which SFAN sorts
    ("the max length of its pixel spacing along XYZ axes", section 3).
    overlap: share of it that the other side covers, by whatever components.
    best_iou, best_dice: with the component of the other side that fits best; 0 when none touches it.
    partner: number of the component that it is matched with at 50 % overlap, or None.
    """

    number: int
    volume_ml: float
    extent_mm: float
    overlap: float
    best_iou: float
    best_dice: float
    partner: int | None

    @property
    def detected(self) -> bool:
        """Whether it has a partner at 50 % overlap."""
        return self.partner is not None

    @property
    def touched(self) -> bool:
        """Whether it shares a voxel with the other side."""
        return self.overlap > 0


@dataclass(frozen=True, kw_only=True)
class LesionScores:
    """Lesions of the truth and findings of the prediction, largest first."""

    lesions: tuple[LesionRow, ...]
    findings: tuple[LesionRow, ...]

    @property
    def recall(self) -> float:
        """Share of lesions detected at 50 % overlap."""
        return self._share([row.detected for row in self.lesions])

    @property
    def precision(self) -> float:
        """Share of findings that detect a lesion at 50 % overlap."""
        return self._share([row.detected for row in self.findings])

    @property
    def recall_any_overlap(self) -> float:
        """Share of lesions of which at least one voxel was found."""
        return self._share([row.touched for row in self.lesions])

    @property
    def precision_any_overlap(self) -> float:
        """Share of findings that touch a lesion."""
        return self._share([row.touched for row in self.findings])

    @property
    def false_findings(self) -> int:
        """Findings that touch no lesion."""
        return sum(not row.touched for row in self.findings)

    def _share(self, hits: list[bool]) -> float:
        if hits:
            return sum(hits) / len(hits)
        return math.nan if self.lesions or self.findings else 1.0


def match_lesions(
    prediction: NDArray[Any], truth: NDArray[Any], spacing_zyx_mm: Sequence[float]
) -> LesionScores:
    """Compare the lesions of a prediction with those of the truth, one by one.

    prediction, truth: (z, y, x) of the same shape, not zero where there is a lesion.
    spacing_zyx_mm: distance of neighboring voxels along z, y and x. Raises `ValueError` for shapes that differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has the shape {prediction.shape}, the truth {truth.shape}")
    found, true = Components.of(prediction), Components.of(truth)
    lesions, findings, common = overlaps(true, found)
    touching = np.stack([lesions, findings])
    iou = common / (true.voxels[touching[0]] + found.voxels[touching[1]] - common)
    pairs = {int(lesion): int(finding) for lesion, finding in touching[:, iou >= MINIMUM_IOU].T}
    back = {finding: lesion for lesion, finding in pairs.items()}
    return LesionScores(
        lesions=_rows(touching[0], common, iou, true, pairs, spacing_zyx_mm),
        findings=_rows(touching[1], common, iou, found, back, spacing_zyx_mm),
    )


@dataclass(frozen=True)
class Components:
    """The connected components of a mask, numbered 1, 2, … from the largest on."""

    numbers: NDArray[np.int64]
    """(z, y, x); the number of the component that a voxel belongs to, 0 for none."""
    voxels: NDArray[np.int64]
    """The size of each."""
    edges: NDArray[np.int64]
    """(components, 3): voxels along each edge of the box around each."""

    @classmethod
    def of(cls, mask: NDArray[Any], structure: Mask = CORNERS) -> Components:
        """Find them; equal sizes stand in the order of their first voxel (z, y, x). structure: which voxels touch."""
        labels, count = ndimage.label(np.asarray(mask, bool), structure=structure)
        places = np.flatnonzero(labels)
        owners = labels.ravel()[places]
        voxels = np.bincount(owners, minlength=count + 1)[1:]
        first_place = np.zeros(count + 1, dtype=np.int64)
        first_place[owners[::-1]] = places[::-1]
        order = np.lexsort((first_place[1:], -voxels))
        boxes = list(label_boxes(labels).values())
        edges = np.array([[axis.stop - axis.start for axis in boxes[k]] for k in order], np.int64)
        number = np.zeros(count + 1, dtype=np.int64)
        number[order + 1] = np.arange(1, count + 1)
        return cls(numbers=number[labels], voxels=voxels[order], edges=edges.reshape(count, 3))


def overlaps(
    first: Components, second: Components
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of components that share a voxel, from 0: of the first, of the second, and how many voxels."""
    both = (first.numbers > 0) & (second.numbers > 0)
    codes, common = np.unique(
        (first.numbers[both] - 1) * len(second.voxels) + second.numbers[both] - 1, return_counts=True
    )
    ones, others = np.divmod(codes, max(len(second.voxels), 1))
    return ones, others, common


def _rows(
    owners: NDArray[np.int64],
    common: NDArray[np.int64],
    iou: NDArray[np.float64],
    components: Components,
    partners: dict[int, int],
    spacing_zyx_mm: Sequence[float],
) -> tuple[LesionRow, ...]:
    """Return one row a component; `owners`, `common` and `iou` hold one entry for each overlapping pair."""
    voxels = components.voxels
    best_iou = np.zeros(len(voxels))
    np.maximum.at(best_iou, owners, iou)
    covered = np.bincount(owners, weights=common, minlength=len(voxels))
    volumes_ml = voxels * float(np.prod(spacing_zyx_mm)) / 1000.0
    extents_mm = (components.edges * np.asarray(spacing_zyx_mm, float)).max(axis=1, initial=0.0)
    return tuple(
        LesionRow(
            number=i + 1,
            volume_ml=float(volumes_ml[i]),
            extent_mm=float(extents_mm[i]),
            overlap=float(covered[i] / voxels[i]),
            best_iou=float(best_iou[i]),
            best_dice=float(2.0 * best_iou[i] / (1.0 + best_iou[i])),
            partner=partners[i] + 1 if i in partners else None,
        )
        for i in range(len(voxels))
    )
