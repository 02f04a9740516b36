"""Job of the Couinaud segments of a liver."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs.base import LabelledJob


@dataclass(frozen=True, kw_only=True)
class SegmentsJob(LabelledJob):
    """Couinaud segments of a segmented liver. Raises `InputError` for what collides."""

    segmentation: str
    """Liver and tumors: `.seg.nrrd`, DICOM SEG or a label map."""
    output: str
    """Where the segments go: .seg.nrrd or a label map."""
    vessels: str | None = None
    """Hepatic and portal veins, which the network looks at too: `.seg.nrrd`, DICOM SEG or a label map."""
    landmarks: str | None = None
    """Landmarks as JSON: the segments are those of the planes through them, and nothing is proposed."""
    segments: str | None = None
    """Segments that were made elsewhere, which are brought onto the liver instead."""
    save_landmarks: str | None = None
    """Where the landmarks go that the segments suggest, as JSON, to be moved and given as `landmarks`."""
    json: str | None = None
    """Where source, volumes and the segments of each tumor go, as JSON."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:N"."""

    def __post_init__(self) -> None:
        given = [name for name in ("landmarks", "segments", "vessels") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(
                f"{' and '.join(given)} were given together: segments are imported, or told by landmarks, or proposed, "
                "with the vessels where there are any: give one of them"
            )
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        return {name: getattr(self, name) for name in ("segmentation", "vessels", "landmarks", "segments")}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes."""
        return {"Couinaud segments": self.output, "numbers": self.json, "landmarks": self.save_landmarks}
