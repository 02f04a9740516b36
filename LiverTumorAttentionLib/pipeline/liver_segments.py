"""Couinaud segments of a case: imported, by landmarks, or proposed by the network; as a command and within a review."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis import Vessels, read_vessels
from LiverTumorAttentionLib.analysis.segments import LiverSegments, SegmentShare, share_text
from LiverTumorAttentionLib.analysis.segments.fitted_landmarks import landmarks_of
from LiverTumorAttentionLib.analysis.segments.landmarks import SOURCE, Landmarks, segments_by_landmarks
from LiverTumorAttentionLib.correction.lesions import instances_from_labels
from LiverTumorAttentionLib.io import Meanings, collected_warnings, read_instances
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.couinaud_segments import read_couinaud, write_couinaud
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header
from LiverTumorAttentionLib.io.terminology import plain_text
from LiverTumorAttentionLib.pipeline.jobs import PROPOSE_SEGMENTS, SegmentsJob
from LiverTumorAttentionLib.pipeline.outputs import check_outputs, output_files, write_all, write_json
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.couinaud import roman
from LiverTumorAttentionLib.voxels.geometry import regridded

IMPORTED = "from the segmentation that was given"
SOURCE_KEY = "LiverTumorAttention_CouinaudSource"
"""Field of the header of a `.seg.nrrd` that says who told the segments."""
_NO_TREE = frozenset({"cava", "ivc", "artery", "arterial", "aorta", "duct", "ducts", "biliary"})
"""Words in the names of vessels that are none of the hepatic and portal trees by which segments are told."""


@dataclass(frozen=True, kw_only=True)
class SegmentsResult:
    """Segments of a case. tumors: in which segments each lies, by its number. warnings: one sentence each."""

    segments: LiverSegments
    tumors: dict[int, tuple[SegmentShare, ...]]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values."""
        return {
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "segments": self.segments.as_dict(),
            "tumors": [
                {
                    "number": number,
                    "segments": share_text(shares),
                    "segment_shares": [{"segment": s.name, "share": s.share} for s in shares],
                }
                for number, shares in self.tumors.items()
            ],
            "warnings": list(self.warnings),
        }

    def lines(self) -> list[str]:
        """Return the result in a few lines for the terminal."""
        volumes = ", ".join(f"{roman(n)} {v:.0f} mL" for n, v in self.segments.volumes_ml.items())
        return [
            f"Couinaud segments {self.segments.source}: {volumes}",
            *(f"  Tumor {number}: segment {share_text(shares)}" for number, shares in self.tumors.items()),
        ]


def segments_case(job: SegmentsJob, progress: Progress | None = None) -> SegmentsResult:
    """Tell the segments of a liver and write them: all that the job asks for, or nothing.

    Raises `InputError`, `ModelError`, `DeviceError`, `OutputError` or `Cancelled`.
    """
    progress = progress or Progress()
    check_outputs(job)
    meanings = Meanings(job.labels)
    with collected_warnings() as warnings:
        progress.update(0.0, "reading")
        instances = instances_from_labels(
            read_instances(job.segmentation, keep_numbers=True, meanings=meanings)
        )
        meanings.check_used()
        if job.landmarks is not None:
            landmarks = Landmarks.from_dict(read_json(job.landmarks, "landmarks"))
            segments = LiverSegments(labels=segments_by_landmarks(instances, landmarks), source=SOURCE)
        elif job.segments is not None:
            segments = imported_segments(job.segments, instances)
        else:
            vessels = None if job.vessels is None else _read_trees(job.vessels, instances)
            segments = proposed_segments(
                instances, vessels, job.device, progress.part(0.2, 0.9, "proposing segments")
            )
        suggested = None if job.save_landmarks is None else landmarks_of(segments.labels).as_dict()
    result = SegmentsResult(
        segments=segments, tumors=segments.shares(instances), warnings=(*warnings, *segments.notes)
    )
    writers = {
        "Couinaud segments": lambda path: write_couinaud(
            path, segments.labels, {SOURCE_KEY: segments.source}
        ),
        "numbers": lambda path: write_json(path, result.as_dict()),
        "landmarks": lambda path: write_json(path, suggested or {}),
    }
    write_all(output_files(job, writers), progress.part(0.9, 1.0, "writing"), name="segments")
    return result


def segments_for_case(
    wanted: str,
    instances: sitk.Image,
    vessels: Vessels | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> LiverSegments:
    """Return the segments of a case: from a file, by landmarks (.json), or those that the network proposes."""
    if wanted == PROPOSE_SEGMENTS:
        return proposed_segments(instances, vessels, device, progress)
    if Path(wanted).suffix.casefold() == ".json":
        landmarks = Landmarks.from_dict(read_json(wanted, "landmarks"))
        return LiverSegments(labels=segments_by_landmarks(instances, landmarks), source=SOURCE)
    return imported_segments(wanted, instances)


def imported_segments(path: str, instances: sitk.Image) -> LiverSegments:
    """Read segments onto the liver of a segmentation. instances: 0 background, 1 liver, 2, 3, … tumors.

    Those that this software wrote keep who told them.
    """
    labels = regridded(read_couinaud(path), instances, "the Couinaud segments", "the segmentation", part=True)
    return LiverSegments.on_liver(labels, instances, _told_source(path) or IMPORTED)


def _told_source(path: str) -> str | None:
    """Return who told the segments of a `.seg.nrrd`, as its header says; None where it does not."""
    return read_nrrd_header(path).pairs.get(SOURCE_KEY) if full_suffix(path) == ".seg.nrrd" else None


def proposed_segments(
    instances: sitk.Image,
    vessels: Vessels | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> LiverSegments:
    """Have the network propose segments. vessels: those that are no cava, artery or duct are looked at."""
    from LiverTumorAttentionLib.inference import choose_device
    from LiverTumorAttentionLib.inference.couinaud_stage import CouinaudStage
    from LiverTumorAttentionLib.models.couinaud_model import CouinaudModel

    stage = CouinaudStage(CouinaudModel(), choose_device(device))
    trees = None if vessels is None else _trees(vessels)
    labels = stage.labels(instances, trees, progress)
    return LiverSegments(labels=labels, source=stage.source(with_vessels=trees is not None))


def _read_trees(path: str, instances: sitk.Image) -> Vessels:
    found = read_vessels(path)
    labels = regridded(found.labels, instances, "the vessels", "the segmentation", part=True)
    return Vessels(labels=labels, names=found.names)


def _trees(vessels: Vessels) -> sitk.Image | None:
    """Return the mask of hepatic and portal veins; None where there is none of them."""
    values = [value for value, name in vessels.names.items() if not _NO_TREE & set(plain_text(name).split())]
    if not values:
        return None
    image = sitk.GetImageFromArray(np.isin(vessels.array, values).astype(np.uint8))
    image.CopyInformation(vessels.labels)
    return image
