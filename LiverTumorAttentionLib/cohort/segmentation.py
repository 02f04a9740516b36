"""One case of a cohort through `segment_case`, and its thumbnail."""

from __future__ import annotations

from pathlib import Path

from LiverTumorAttentionLib.cohort.task import THUMBNAIL_FILE
from LiverTumorAttentionLib.memory import give_back
from LiverTumorAttentionLib.pictures.thumbnail import write_thumbnail
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import segment_case
from LiverTumorAttentionLib.progress import Progress


def segment_into(job: SegmentationJob, folder: Path, progress: Progress) -> None:
    """Segment a case, whose files the job names, and write its thumbnail. Raises as `segment_case` does."""
    result = segment_case(job, progress)
    write_thumbnail(folder / THUMBNAIL_FILE, result.portal, result.instances)
    del result
    give_back()
