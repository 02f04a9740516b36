"""LiTS's own scoring: lesions joined before they are matched, distances over the matched ones alone.

Source: the challenge's evaluation (github.com/PatrickChrist/lits-challenge-scoring, `detect_lesions` and
    `compute_segmentation_scores`), and its description in Bilic et al., The liver tumor segmentation benchmark, Medical
    Image Analysis 2023. Lesions and findings are **face-connected** components of truth and prediction. Then:

1. A lesion goes to the finding that covers most of it; the lesions of one finding (*bridged*) are joined.
2. A finding goes to the joined lesions that it overlaps most; the findings of one (*pieces*) are joined.
3. A pair of both is matched when its intersection over union is **above** 0.5, one half not being enough.

Recall is the number of matched pairs by that of lesions, precision by that of findings, each as it was before it was
joined: of two lesions under one finding one counts as missed, of two pieces one as false. Distances are means over the
matched pairs. The relative volume difference of a pair is (|truth| - |prediction|) / |prediction|: the evaluation
exchanges its arguments, so that sign and denominator are not those of `Confusion.rvd`. Surface voxels have a face or an
edge towards the outside (erosion with 18 neighbors), where `surface_distances` asks for a face.

Departs: where two pairs are equally good, the larger component is taken, not the one that comes first. The release
    takes the union from labels that it has exchanged by then, and subtracts as many detections as lesions were joined
    where it had added one; here both are as its text says. So its counts of detected lesions are higher than these in
    many cases, and what it has published does not compare in precision and recall; all else does. 9001, which it writes
    for what is undefined, is nan. Not offered: detection above an overlap of 0, Dice, Jaccard and VOE of matched pairs,
    tumor burden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.metrics.lesions import Components, overlaps
from LiverTumorAttentionLib.voxels.boxes import bounding_box, label_boxes
from LiverTumorAttentionLib.voxels.morphology import EDGES, FACES
from LiverTumorAttentionLib.voxels.surfaces import nearest_distances_mm

ABOVE_IOU = 0.5
MEASURES = ("rvd", "assd_mm", "rmsd_mm", "msd_mm")


@dataclass(frozen=True, kw_only=True)
class LitsScores:
    """Volume difference and distances of two objects in LiTS's way; nan where one of them is empty.

    rvd: (|truth| - |prediction|) / |prediction|. assd_mm, rmsd_mm, msd_mm: mean, root mean square and maximum of the
    distances of all surface voxels of both.
    """

    rvd: float
    assd_mm: float
    rmsd_mm: float
    msd_mm: float


@dataclass(frozen=True, kw_only=True)
class LitsPair:
    """Lesions and findings that were joined, and compared as one object each.

    lesions, findings: their numbers; 1 is the largest of its side. iou: of the joined ones. scores: None where the
    pair is not matched.
    """

    lesions: tuple[int, ...]
    findings: tuple[int, ...]
    iou: float
    scores: LitsScores | None

    @property
    def matched(self) -> bool:
        """Whether the overlap is above one half."""
        return self.iou > ABOVE_IOU


@dataclass(frozen=True, kw_only=True)
class LitsLesions:
    """All lesions of a case in LiTS's way.

    lesions, findings: how many there are, before any is joined. pairs: those that overlap at all.
    """

    lesions: int
    findings: int
    pairs: tuple[LitsPair, ...]

    @property
    def matched(self) -> int:
        """Pairs with an overlap above one half: the true positives."""
        return sum(pair.matched for pair in self.pairs)

    @property
    def bridged(self) -> int:
        """Lesions that were joined to another one, the first of each pair not counted."""
        return sum(len(pair.lesions) - 1 for pair in self.pairs)

    @property
    def pieces(self) -> int:
        """Findings that were joined to another one, the first of each pair not counted."""
        return sum(len(pair.findings) - 1 for pair in self.pairs)

    @property
    def recall(self) -> float:
        """Matched pairs by lesions; 1 without lesion and finding, nan without lesion alone."""
        return self._share(self.lesions)

    @property
    def precision(self) -> float:
        """Matched pairs by findings; 1 without lesion and finding, nan without finding alone."""
        return self._share(self.findings)

    def mean(self, measure: str) -> float:
        """Return the mean of one of MEASURES over the matched pairs; nan without one."""
        values = [getattr(pair.scores, measure) for pair in self.pairs if pair.scores is not None]
        return float(np.mean(values)) if values else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers under names with units; nan stays nan."""
        return {
            "lesions": self.lesions,
            "findings": self.findings,
            "matched": self.matched,
            "bridged": self.bridged,
            "pieces": self.pieces,
            "recall": self.recall,
            "precision": self.precision,
            **{measure: self.mean(measure) for measure in MEASURES},
        }

    def _share(self, of: int) -> float:
        if of:
            return self.matched / of
        return math.nan if self.lesions or self.findings else 1.0


def match_as_lits(
    prediction: NDArray[Any], truth: NDArray[Any], spacing_zyx_mm: Sequence[float]
) -> LitsLesions:
    """Match the lesions of a prediction with those of the truth as LiTS's evaluation does.

    prediction, truth: (z, y, x) of the same shape, not zero where there is a lesion. spacing_zyx_mm: distance of
    neighboring voxels along z, y and x. Raises `ValueError` for shapes that differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has the shape {prediction.shape}, the truth {truth.shape}")
    found, true = Components.of(prediction, FACES), Components.of(truth, FACES)
    lesions, findings, common = overlaps(true, found)
    owner = _best(lesions, common, findings)
    group_of = np.array([owner[lesion] for lesion in lesions.tolist()], dtype=np.int64)
    cells: dict[tuple[int, int], int] = {}
    for finding, group, voxels in zip(findings.tolist(), group_of.tolist(), common.tolist(), strict=True):
        cells[finding, group] = cells.get((finding, group), 0) + voxels
    pieces, groups = (np.array([cell[k] for cell in cells], dtype=np.int64) for k in (0, 1))
    home = _best(pieces, np.array(list(cells.values()), dtype=np.int64), groups)
    bodies, pairs = _Bodies(found, true), []
    for group in sorted(set(owner.values())):
        joined = sorted(lesion for lesion, chosen in owner.items() if chosen == group)
        parts = sorted(finding for finding, chosen in home.items() if chosen == group)
        if parts:
            inside = sum(cells[part, group] for part in parts)
            union = int(true.voxels[joined].sum() + found.voxels[parts].sum()) - inside
            pairs.append((tuple(joined), tuple(parts), inside / union))
    return LitsLesions(
        lesions=len(true.voxels),
        findings=len(found.voxels),
        pairs=tuple(
            LitsPair(
                lesions=tuple(lesion + 1 for lesion in joined),
                findings=tuple(part + 1 for part in parts),
                iou=iou,
                scores=score_as_lits(*bodies.of(parts, joined), spacing_zyx_mm) if iou > ABOVE_IOU else None,
            )
            for joined, parts, iou in sorted(pairs)
        ),
    )


def score_as_lits(
    prediction: NDArray[Any], truth: NDArray[Any], spacing_zyx_mm: Sequence[float]
) -> LitsScores:
    """Compare two objects, each as one, in LiTS's way; it scores the liver with its tumors so.

    prediction, truth: (z, y, x) of the same shape, not zero where the object is.
    """
    predicted, true = np.asarray(prediction, bool), np.asarray(truth, bool)
    found_voxels, true_voxels = int(np.count_nonzero(predicted)), int(np.count_nonzero(true))
    if not found_voxels or not true_voxels:
        return LitsScores(rvd=math.nan, assd_mm=math.nan, rmsd_mm=math.nan, msd_mm=math.nan)
    box = bounding_box(predicted | true) or ()
    distances = np.concatenate(
        nearest_distances_mm(_surface(predicted[box]), _surface(true[box]), spacing_zyx_mm)
    )
    return LitsScores(
        rvd=(true_voxels - found_voxels) / found_voxels,
        assd_mm=float(distances.mean()),
        rmsd_mm=float(np.sqrt(np.square(distances).mean())),
        msd_mm=float(distances.max()),
    )


class _Bodies:
    """Components joined to one body, cut out of the box around two of them."""

    def __init__(self, found: Components, true: Components) -> None:
        self.sides = [(side.numbers, label_boxes(side.numbers)) for side in (found, true)]

    def of(self, parts: Sequence[int], joined: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return findings and lesions, numbers from 0, as masks of one box."""
        chosen = [[number + 1 for number in numbers] for numbers in (parts, joined)]
        boxes = [
            boxes[number] for (_, boxes), side in zip(self.sides, chosen, strict=True) for number in side
        ]
        box = tuple(
            slice(min(axis.start for axis in axes), max(axis.stop for axis in axes))
            for axes in zip(*boxes, strict=True)
        )
        found, true = (
            np.isin(numbers[box], side) for (numbers, _), side in zip(self.sides, chosen, strict=True)
        )
        return found, true


def _best(owners: NDArray[np.int64], common: NDArray[np.int64], others: NDArray[np.int64]) -> dict[int, int]:
    """Return, for each owner, the other that shares most voxels with it; of equal ones the lowest number."""
    best: dict[int, tuple[int, int]] = {}
    for owner, voxels, other in zip(owners.tolist(), common.tolist(), others.tolist(), strict=True):
        best[owner] = min(best.get(owner, (0, 0)), (-voxels, other))
    return {owner: other for owner, (_, other) in best.items()}


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the indices of the voxels with a face or an edge towards the outside, (N, 3)."""
    return np.argwhere(mask & ~ndimage.binary_erosion(mask, structure=EDGES))
