"""Output files of a job: all are checked before the run, and all of them are written, or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.file_identity import check_apart
from LiverTumorAttentionLib.io import (
    IMAGE_SUFFIXES,
    SEGMENTATION_SUFFIXES,
    check_contents,
    check_dicom_seg_source,
    check_distinct_names,
    check_folder,
    check_writable,
    full_suffix,
    replacing_all,
)
from LiverTumorAttentionLib.io.named_labels import SUFFIXES as NAMED_SUFFIXES
from LiverTumorAttentionLib.pipeline.jobs import (
    TRAINING_CASE_FILES,
    Job,
    RefinementJob,
    SegmentationJob,
    TrainingExportJob,
)
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.transform_io import SUFFIXES as TRANSFORM_SUFFIXES

Writer = Callable[[Path], object]
"""Writes one file to the path that it is given."""

SUFFIXES: dict[str, tuple[str, ...]] = {
    "segmentation": SEGMENTATION_SUFFIXES,
    "DICOM SEG": (".dcm",),
    "structured report": (".dcm",),
    "RT Structure Set": (".dcm",),
    "Couinaud segments": NAMED_SUFFIXES,
    "vessels": NAMED_SUFFIXES,
    "baseline DICOM SEG": (".dcm",),
    "baseline structured report": (".dcm",),
    "follow-up DICOM SEG": (".dcm",),
    "follow-up structured report": (".dcm",),
    "registered": IMAGE_SUFFIXES,
    "delayed": IMAGE_SUFFIXES,
    "native": IMAGE_SUFFIXES,
    "probability": IMAGE_SUFFIXES,
    "transform": TRANSFORM_SUFFIXES,
    "inverse": TRANSFORM_SUFFIXES,
    "table": (".csv",),
    "plan table": (".csv",),
    "report": (".json",),
    "numbers": (".json",),
    "landmarks": (".json",),
    "log": (".json",),
    "preview": (".png",),
    "page": (".html", ".htm"),
}
"""File formats of each kind of output."""


def check_outputs(job: Job, *, model: Path | None = None) -> None:
    """Make sure, before the run, that everything the job asks for can be written.

    model: folder or zip of the model that the run reads, when the job names it by its id.
    Raises `OutputError` for a folder that is missing or cannot be written and for an unknown suffix, and
    `InputError` when DICOM SEG is asked for without a DICOM series that it can refer to.
    """
    for name, path in job.folders().items():
        if path:
            check_folder(path, name=name)
    if isinstance(job, TrainingExportJob):
        check_contents(job.folder(), TRAINING_CASE_FILES, name="case")
        return  # its files lie in a folder that is made when they are written
    if model is not None:
        check_apart(job.outputs(), {"model": str(model)})
    for name, path in job.outputs().items():
        if path:
            check_writable(path, suffixes=SUFFIXES[name], name=name)
    check_distinct_names(path for path in job.outputs().values() if path)
    if not isinstance(job, SegmentationJob | RefinementJob) or not job.output:
        return
    # A missing portal volume is refused when it is read.
    if full_suffix(job.output) == ".dcm" and job.portal and Path(job.portal).exists():
        check_dicom_seg_source(job.portal, job.portal_series)


def output_files(job: Job, writers: Mapping[str, Writer]) -> list[tuple[Path, Writer]]:
    """Return the files that a job asks for, each with its writer. writers: by the names of `Job.outputs`."""
    return [(Path(path), writers[name]) for name, path in job.outputs().items() if path]


def write_all(files: Iterable[tuple[Path, Writer]], progress: Progress, *, name: str = "output") -> None:
    """Write files; all of them appear together, or none.

    name: what to call the files in an error. Raises `OutputError` and `Cancelled`; then no file has changed.
    """
    files = list(files)
    with replacing_all([path for path, _ in files], name=name) as temporary:
        for number, (path, write) in enumerate(files):
            progress.update(number / len(files), path.name)
            write(temporary[path])
        progress.check()
    progress.finish()


def write_json(path: Path, values: Mapping[str, Any], *, indent: int = 2) -> None:
    """Write values as indented JSON. Raises `ValueError` for NaN and infinity, which JSON does not have."""
    text = json.dumps(values, indent=indent, ensure_ascii=False, allow_nan=False)
    # Names that are no text, as a file system may have them, become escapes of JSON.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
