"""DICOM objects of a report, checked before the run and written after it: SEG, structured report, RT Structure Set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import write_segmentation
from LiverTumorAttentionLib.io.dicom_seg import dicom_extra, read_dataset, reading_dicom, source_slices
from LiverTumorAttentionLib.io.dicom_slices import is_dicom
from LiverTumorAttentionLib.io.input_checks import existing
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.pipeline.outputs import Writer
from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.dicom_rtstruct import RTSTRUCT, write_dicom_rtstruct
from LiverTumorAttentionLib.report.dicom_sr import segments_by_value, write_dicom_sr
from LiverTumorAttentionLib.report.dicom_visits import ReportedVisit
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, tumor_number, tumor_value

SR, INSTEAD = "DICOM structured report", "leave the report out"


@dataclass(frozen=True, kw_only=True)
class DicomFiles:
    """What is asked for.

    slices: of the portal series as pydicom reads them, without pixels, in the order of z. sources: likewise, those of
    the series of other phases that the structured report names, by phase.
    """

    job: ReviewJob
    slices: tuple[Any, ...]
    sources: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, job: ReviewJob) -> DicomFiles | None:
        """Check, before the run, that the objects can be made; None when none is asked for.

        Raises `InputError` that says what is missing.
        """
        wanted = [
            what for what, path in ((SR, job.sr), ("DICOM SEG", job.seg), (RTSTRUCT, job.rtstruct)) if path
        ]
        if not wanted:
            return None
        what, instead = wanted[0], INSTEAD if job.sr else "leave it out"
        _, slices = source_slices(
            job.portal, job.portal_series, what=what, instead=instead, headers_alone=True
        )
        if job.sr and not job.seg:
            _check_segmentation(job.segmentation, slices)
        sources: dict[str, tuple[Any, ...]] = {}
        for phase, folder in job.sources().items():
            if folder is None:
                continue
            _, found = source_slices(
                folder,
                getattr(job, f"{phase}_series"),
                phase=phase,
                what=SR,
                instead="leave its source out",
                headers_alone=True,
            )
            if found[0].StudyInstanceUID != slices[0].StudyInstanceUID:
                raise InputError(
                    f"the {phase} series in '{folder}' belongs to another study than the portal volume: choose the "
                    f"series that the {phase} volume comes from"
                )
            sources[phase] = tuple(found)
        return cls(job=job, slices=tuple(slices), sources=sources)

    def writers(self, content: ReportContent, visit: ReportedVisit | None = None) -> dict[str, Writer]:
        """Return the writers of the objects; the structured report refers to the SEG, which is written before it.

        visit: the time point among several; its tracking is that of a SEG that is written, too.
        """
        written = [Path(self.job.segmentation)]

        def dicom_seg(path: Path) -> None:
            tracking = {} if visit is None else visit.tracking
            write_segmentation(
                path,
                content.case.instances,
                source=self.job.portal,
                series=self.job.portal_series,
                tracking_uids={tumor_value(number): tracked.uid for number, tracked in tracking.items()},
            )
            written.append(path)

        def structured_report(path: Path) -> None:
            labels = (
                self.job.labels if len(written) == 1 else ()
            )  # a SEG that was written names its segments itself
            write_dicom_sr(path, content, written[-1], self.slices, self.sources, labels, visit)

        def structure_set(path: Path) -> None:
            write_dicom_rtstruct(path, content.case.instances, self.slices, content.sign_off)

        return {
            "DICOM SEG": dicom_seg,
            "structured report": structured_report,
            "RT Structure Set": structure_set,
        }


def known_tracking(path: str, labels: tuple[str, ...]) -> dict[int, str]:
    """Return the tracking UIDs of the tumors of a DICOM SEG by their numbers; nothing for another file."""
    place = existing(path, "segmentation")
    if place.is_dir() or not is_dicom(place):
        return {}
    segments = segments_by_value(place, read_dataset(place, f"the DICOM SEG '{path}'"), labels)
    return {
        tumor_number(value): str(item.TrackingUID)
        for value, item in segments.items()
        if value >= FIRST_TUMOR and item.get("TrackingUID")
    }


def _check_segmentation(path: str, slices: list[Any]) -> None:
    """Raise `InputError` unless the segmentation is a DICOM SEG of the portal series."""
    place = existing(path, "segmentation")
    if place.is_dir() or not is_dicom(place):
        raise InputError(
            f"a {SR} refers to a DICOM SEG, and the segmentation '{path}' is none: "
            "name a file for one to be written (--seg)"
        )
    dicom_extra(SR, INSTEAD)
    seg = read_dataset(place, f"the DICOM SEG '{path}'", headers_alone=True)
    with reading_dicom(f"the DICOM SEG '{path}'"):
        series = {item.SeriesInstanceUID for item in seg.get("ReferencedSeriesSequence", [])}
    if slices[0].SeriesInstanceUID not in series:
        raise InputError(
            f"the DICOM SEG '{path}' does not refer to the portal series: choose the series that it was made on, "
            "or name a file for a SEG to be written (--seg)"
        )
