"""Report of two time points from files to files: compared, drawn and written."""

from __future__ import annotations

from LiverTumorAttentionLib.pipeline.compare import compare_cases
from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob
from LiverTumorAttentionLib.pipeline.outputs import Writer, check_outputs, output_files, write_all, write_json
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import write_transform
from LiverTumorAttentionLib.report.comparison_content import ComparisonContent
from LiverTumorAttentionLib.report.comparison_dicom import ComparisonDicom
from LiverTumorAttentionLib.report.comparison_figures import draw_pairs
from LiverTumorAttentionLib.report.comparison_page import render_comparison
from LiverTumorAttentionLib.report.signed import sign_off_of


def report_comparison(job: ComparisonJob, progress: Progress | None = None) -> ComparisonContent:
    """Compare two time points and write what the job asks for.

    Raises `InputError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    check_outputs(job)
    dicom = ComparisonDicom.of(job)
    cases = compare_cases(job, progress.part(0.0, 0.8))
    sign_offs = {
        "baseline": sign_off_of(job.baseline, cases.baseline.instances),
        "followup": sign_off_of(job.followup, cases.followup.instances),
    }
    content = ComparisonContent(job=job, cases=cases, sign_offs=sign_offs)
    values = content.as_dict()
    writers: dict[str, Writer] = {
        "table": lambda path: path.write_text(content.csv(), encoding="utf-8", newline=""),
        "numbers": lambda path: write_json(path, values),
        "transform": lambda path: write_transform(path, cases.registration.transform),
    }
    writers |= dicom.writers(content)
    if job.output:
        figures = draw_pairs(cases, progress.part(0.8, 0.95, "drawing"))
        page = render_comparison(values, figures, job.patient_name)
        writers["page"] = lambda path: path.write_text(page, encoding="utf-8", newline="\n")
    write_all(output_files(job, writers), progress.part(0.95, 1.0, "writing"), name="report")
    return content
