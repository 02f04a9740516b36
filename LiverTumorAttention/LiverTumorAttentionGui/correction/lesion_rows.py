"""The lesions of a correction as a list shows them: each measured once, until it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from LiverTumorAttentionGui.scene.study import Point, Study
from LiverTumorAttentionLib.correction import CorrectionSession, Lesion
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.labels import LIVER

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.segmentation_writer import SegmentationWriter


@dataclass(frozen=True, kw_only=True)
class LesionRow:
    """One lesion as a list shows it.

    status: "draft", "accepted" or "rejected". edited: whether a person changed its voxels.
    center_ras: the voxel of the lesion that is nearest to its centroid, world mm; None without voxels.
    """

    number: int
    segment_id: str
    name: str
    status: str
    edited: bool
    volume_ml: float
    center_ras: Point | None


class LesionRows:
    """The rows of a session's lesions."""

    def __init__(self, study: Study, session: CorrectionSession, writer: SegmentationWriter) -> None:
        self._study = study
        self._session = session
        self._writer = writer
        self._measured: dict[int, tuple[Lesion, float, Point | None]] = {}

    def all(self) -> list[LesionRow]:
        """Return the lesions by number, rejected ones included."""
        return [self._row(self._session.lesions[number]) for number in sorted(self._session.lesions)]

    def _row(self, lesion: Lesion) -> LesionRow:
        known = self._measured.get(lesion.number)
        if known is None or known[0] is not lesion:
            known = self._measured[lesion.number] = (lesion, *self._measure(lesion))
        segment_id = self._writer.ids[lesion.number]
        segment = self._study.segmentation.GetSegmentation().GetSegment(segment_id)
        return LesionRow(
            number=lesion.number,
            segment_id=segment_id,
            name=segment.GetName() if segment is not None else f"Tumor {lesion.number}",
            status=lesion.status,
            edited=lesion.edited,
            volume_ml=known[1],
            center_ras=known[2],
        )

    def _measure(self, lesion: Lesion) -> tuple[float, Point | None]:
        """Return volume (mL) and centre of a lesion."""
        places = np.argwhere(self._session.labels[lesion.box] == lesion.number + LIVER)
        if lesion.status == "rejected" or not len(places):
            return 0.0, None
        case = self._session.case
        away = ((places - places.mean(axis=0)) * case.spacing_mm) ** 2
        z, y, x = (int(n) for n in places[away.sum(axis=1).argmin()] + box_start(lesion.box))
        return len(places) * case.voxel_mm3 / 1000.0, self._study.to_ras(case.point_at((z, y, x)))
