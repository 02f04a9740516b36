"""Rows of the tumor table: the lesions of a session, each measured once until it changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from LiverTumorAttentionGui.scene.study import Point, Study
from LiverTumorAttentionLib.analysis.neck import may_be_two, neck_ratio
from LiverTumorAttentionLib.analysis.run_findings import RunFinding, lesion_probability_of, run_findings
from LiverTumorAttentionLib.correction import CorrectionCase, CorrectionSession, Lesion
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.labels import LIVER, OUTSIDE_HU

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.segmentation_writer import SegmentationWriter


@dataclass(frozen=True, kw_only=True)
class LesionSize:
    """What is measured of a lesion that has voxels.

    volume_ml, mean_hu_portal, sd_hu_portal, centroid_lps_mm: as in `TumorMeasurement`. difference_hu: mean in the
    arterial phase less that in the portal venous phase, over what both saw. neck_ratio: see `analysis.neck`.
    lesion_probability: of the finding that it is, unchanged. center_ras: the voxel nearest to its centroid, RAS mm in
    the world.
    """

    volume_ml: float
    mean_hu_portal: float
    sd_hu_portal: float
    centroid_lps_mm: Point
    difference_hu: float | None
    neck_ratio: float | None
    center_ras: Point
    lesion_probability: float | None = None


@dataclass(frozen=True, kw_only=True)
class LesionRow:
    """One lesion.

    number: its number. segment_id, name: of its segment. status: "draft", "accepted" or "rejected".
    edited: whether the user changed its voxels. size: what is measured of it; None without voxels.
    """

    number: int
    segment_id: str
    name: str
    status: str
    edited: bool
    size: LesionSize | None

    @property
    def volume_ml(self) -> float:
        """Its volume; 0 for a rejected one."""
        return 0.0 if self.size is None else self.size.volume_ml

    @property
    def center_ras(self) -> Point | None:
        """Where the views show it; None without voxels."""
        return None if self.size is None else self.size.center_ras

    @property
    def may_be_two(self) -> bool:
        """Whether it looks like two tumors that touch, and nobody has accepted it as one."""
        return self.status == "draft" and self.size is not None and may_be_two(self.size.neck_ratio)


class LesionRows:
    """The rows of a session's lesions."""

    def __init__(self, study: Study, session: CorrectionSession, writer: SegmentationWriter) -> None:
        self._study = study
        self._session = session
        self._writer = writer
        self._cache: dict[int, tuple[Lesion, LesionSize | None]] = {}
        self._of: tuple[CorrectionCase, tuple[RunFinding, ...]] | None = None

    def all(self) -> list[LesionRow]:
        """Return the lesions by number, rejected ones included."""
        case, findings = self._session.case, run_findings(self._study.report)
        if self._of is None or self._of[0] is not case or self._of[1] != findings:
            self._of, self._cache = (case, findings), {}  # other volumes, or another run
        return [
            self._row(self._session.lesions[number], findings) for number in sorted(self._session.lesions)
        ]

    def _row(self, lesion: Lesion, findings: tuple[RunFinding, ...]) -> LesionRow:
        known = self._cache.get(lesion.number)
        if known is None or known[0] is not lesion:
            known = self._cache[lesion.number] = (lesion, self._measure(lesion, findings))
        segment_id = self._writer.segment_ids[lesion.number]
        segment = self._study.segmentation.GetSegmentation().GetSegment(segment_id)
        return LesionRow(
            number=lesion.number,
            segment_id=segment_id,
            name=segment.GetName() if segment is not None else f"Tumor {lesion.number}",
            status=lesion.status,
            edited=lesion.edited,
            size=known[1],
        )

    def _measure(self, lesion: Lesion, findings: tuple[RunFinding, ...]) -> LesionSize | None:
        """Return what is measured of a lesion; None where it has no voxel."""
        mask = self._session.labels[lesion.box] == lesion.number + LIVER
        voxels = np.argwhere(mask)
        if lesion.status == "rejected" or not len(voxels):
            return None
        case, centroid = self._session.case, voxels.mean(axis=0)
        away = ((voxels - centroid) * case.spacing_mm) ** 2
        z, y, x = (int(n) for n in voxels[away.sum(axis=1).argmin()] + box_start(lesion.box))
        portal = case.portal_hu[lesion.box]
        hu = portal[mask]
        middle = [float(place) for place in (centroid + box_start(lesion.box))[::-1]]
        difference = None
        if case.arterial_hu is not None:
            arterial = case.arterial_hu[lesion.box]
            both = mask & (arterial > OUTSIDE_HU)
            if both.any():
                difference = float(arterial[both].mean(dtype=float) - portal[both].mean(dtype=float))
        size = LesionSize(
            volume_ml=len(voxels) * case.voxel_mm3 / 1000.0,
            mean_hu_portal=float(hu.mean(dtype=float)),
            sd_hu_portal=float(hu.std(dtype=float)),
            centroid_lps_mm=case.portal.TransformContinuousIndexToPhysicalPoint(middle),
            difference_hu=difference,
            neck_ratio=neck_ratio(mask, case.spacing_mm),
            center_ras=self._study.to_ras(case.point_at((z, y, x))),
        )
        return replace(size, lesion_probability=lesion_probability_of(size, findings))
