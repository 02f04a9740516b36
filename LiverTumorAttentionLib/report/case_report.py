"""Report of a case from files to files: read, measured, planned, drawn and written."""

from __future__ import annotations

from LiverTumorAttentionLib.analysis import review_case, review_csv
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.pipeline.outputs import Writer, check_outputs, output_files, write_all, write_json
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.dicom_files import DicomFiles
from LiverTumorAttentionLib.report.figures import draw
from LiverTumorAttentionLib.report.page import render_page
from LiverTumorAttentionLib.report.plan import compute_plan
from LiverTumorAttentionLib.report.plan_table import plan_csv
from LiverTumorAttentionLib.report.report_inputs import read_case
from LiverTumorAttentionLib.report.run_report import read_run_report
from LiverTumorAttentionLib.report.signed import read_sign_off
from LiverTumorAttentionLib.report.wanted_plan import read_plan


def report_case(job: ReviewJob, progress: Progress | None = None) -> ReportContent:
    """Review a case and write what the job asks for.

    Raises `InputError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    check_outputs(job)
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
        native=case.native,
        delayed=case.delayed,
        findings=() if run is None else run.findings,
        progress=progress.part(0.2, 0.5, "measuring"),
    )
    if case.segments is not None:
        review = review.with_segments(case.segments, case.instances)
    plan = None
    if wanted is not None:
        planning = progress.part(0.5, 0.6, "planning")
        plan = compute_plan(
            wanted, case.instances, case.vessels, job.weight_kg, planning, case.segments, job.height_cm
        )
    content = ReportContent(case=case, review=review, plan=plan, run=run, sign_off=read_sign_off(job, case))
    _write(content, job, dicom, progress)
    return content


def _write(content: ReportContent, job: ReviewJob, dicom: DicomFiles | None, progress: Progress) -> None:
    """Write what the job asks for: all of it, or nothing."""
    values = content.as_dict()
    writers: dict[str, Writer] = {
        "table": lambda path: path.write_text(
            review_csv(content.review.tumors), encoding="utf-8", newline=""
        ),
        "plan table": lambda path: path.write_text(plan_csv(values["plan"]), encoding="utf-8", newline=""),
        "numbers": lambda path: write_json(path, values),
    }
    if dicom is not None:
        writers |= dicom.writers(content)
    if job.output:
        drawing = progress.part(0.6, 0.9, "drawing")
        figures = draw(content.case, content.review, content.plan, drawing)
        page = render_page(values, figures, job.patient_name)
        writers["page"] = lambda path: path.write_text(page, encoding="utf-8", newline="\n")
    write_all(output_files(job, writers), progress.part(0.9, 1.0, "writing"), name="report")
