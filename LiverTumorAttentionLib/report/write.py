"""A report from files to files: read, measured, planned, drawn, and written all at once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from LiverTumorAttentionLib.analysis import review_case, review_csv
from LiverTumorAttentionLib.io import check_writable, replacing_all
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.dicom_files import DicomFiles
from LiverTumorAttentionLib.report.figures import draw
from LiverTumorAttentionLib.report.job import ReviewJob
from LiverTumorAttentionLib.report.json_file import write_json
from LiverTumorAttentionLib.report.page import render_page
from LiverTumorAttentionLib.report.plan import compute_plan, read_plan
from LiverTumorAttentionLib.report.report_inputs import read_case
from LiverTumorAttentionLib.report.run_report import read_run_report

SUFFIXES = {
    "page": (".html", ".htm"),
    "table": (".csv",),
    "numbers": (".json",),
    "structured report": (".dcm",),
    "segmentation": (".dcm",),
}


def report_case(job: ReviewJob, progress: Progress | None = None) -> ReportContent:
    """Review a case and write what the job asks for. This is the whole of the way.

    Raises `InputError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    for name, path in job.outputs().items():
        if path:
            check_writable(path, suffixes=SUFFIXES[name], name=name)
    dicom = DicomFiles.of(job)
    run = None if job.report is None else read_run_report(job.report)
    wanted = None if job.plan is None else read_plan(job.plan)

    case = read_case(job, run, progress.part(0.0, 0.2, "reading"))
    review = review_case(
        case.instances,
        case.portal,
        case.arterial,
        case.probability,
        case.vessels,
        progress=progress.part(0.2, 0.5, "measuring"),
    )
    plan = None
    if wanted is not None:
        planning = progress.part(0.5, 0.6, "planning")
        plan = compute_plan(wanted, case.instances, case.vessels, job.weight_kg, planning)
    content = ReportContent(case=case, review=review, plan=plan, run=run)
    _write(content, job, dicom, progress)
    return content


def _write(content: ReportContent, job: ReviewJob, dicom: DicomFiles | None, progress: Progress) -> None:
    """Write every file that the job asks for; all of them appear together, or none."""
    values = content.as_dict()
    writers: dict[str, Callable[[Path], object]] = {
        "table": lambda path: path.write_text(review_csv(content.review), encoding="utf-8", newline=""),
        "numbers": lambda path: write_json(path, values),
    }
    if job.output:
        drawing = progress.part(0.6, 0.9, "drawing")
        figures = draw(content.case, content.review, content.plan, drawing)
        page = render_page(values, figures, job.patient_name)
        writers["page"] = lambda path: path.write_text(page, encoding="utf-8", newline="\n")
    writing = progress.part(0.9, 1.0, "writing")
    wanted = {name: Path(path) for name, path in job.outputs().items() if path}
    with replacing_all(wanted.values(), name="report") as temporary:
        for done, (name, path) in enumerate(wanted.items()):
            writing.update(done / len(wanted), path.name)
            if name in writers:
                writers[name](temporary[path])
        if dicom is not None:
            dicom.write(content, {name: temporary[path] for name, path in wanted.items()})
        writing.check()
    writing.update(1.0)
