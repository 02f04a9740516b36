"""Rows of the tumor table: the lesions of a session, each measured once until it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from LiverTumorAttentionGui.scene.study import Point, Study
from LiverTumorAttentionLib.analysis.neck import may_be_two, neck_ratio
from LiverTumorAttentionLib.correction import CorrectionSession, Lesion
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.labels import LIVER

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.segmentation_writer import SegmentationWriter


@dataclass(frozen=True, kw_only=True)
class LesionRow:
    """One lesion.

    number: its number. segment_id, name: of its segment. status: "draft", "accepted" or "rejected".
    edited: whether the user changed its voxels. volume_ml: 0 for a rejected one.
    neck_ratio: see `analysis.neck`; None for one body.
    center_ras: the voxel of the lesion that is nearest to its centroid, RAS mm in the world; None without voxels.
    """

    number: int
    segment_id: str
    name: str
    status: str
    edited: bool
    volume_ml: float
    neck_ratio: float | None
    center_ras: Point | None

    @property
    def may_be_two(self) -> bool:
        """Whether it looks like two tumors that touch, and nobody has accepted it as one."""
        return self.status == "draft" and may_be_two(self.neck_ratio)


class LesionRows:
    """The rows of a session's lesions."""

    def __init__(self, study: Study, session: CorrectionSession, writer: SegmentationWriter) -> None:
        self._study = study
        self._session = session
        self._writer = writer
        self._cache: dict[int, tuple[Lesion, float, float | None, Point | None]] = {}

    def all(self) -> list[LesionRow]:
        """Return the lesions by number, rejected ones included."""
        return [self._row(self._session.lesions[number]) for number in sorted(self._session.lesions)]

    def _row(self, lesion: Lesion) -> LesionRow:
        known = self._cache.get(lesion.number)
        if known is None or known[0] is not lesion:
            known = self._cache[lesion.number] = (lesion, *self._measure(lesion))
        segment_id = self._writer.segment_ids[lesion.number]
        segment = self._study.segmentation.GetSegmentation().GetSegment(segment_id)
        return LesionRow(
            number=lesion.number,
            segment_id=segment_id,
            name=segment.GetName() if segment is not None else f"Tumor {lesion.number}",
            status=lesion.status,
            edited=lesion.edited,
            volume_ml=known[1],
            neck_ratio=known[2],
            center_ras=known[3],
        )

    def _measure(self, lesion: Lesion) -> tuple[float, float | None, Point | None]:
        """Return volume (mL), neck ratio and center (RAS mm) of a lesion."""
        mask = self._session.labels[lesion.box] == lesion.number + LIVER
        voxels = np.argwhere(mask)
        if lesion.status == "rejected" or not len(voxels):
            return 0.0, None, None
        case = self._session.case
        away = ((voxels - voxels.mean(axis=0)) * case.spacing_mm) ** 2
        z, y, x = (int(n) for n in voxels[away.sum(axis=1).argmin()] + box_start(lesion.box))
        volume_ml = len(voxels) * case.voxel_mm3 / 1000.0
        return volume_ml, neck_ratio(mask, case.spacing_mm), self._study.to_ras(case.point_at((z, y, x)))
