"""DICOM structured reports of two time points, in which lesions that are one have the same tracking identifiers."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.analysis import review_case
from LiverTumorAttentionLib.followup.matching import Match
from LiverTumorAttentionLib.pipeline.jobs import VISITS, ComparisonJob, ReviewJob
from LiverTumorAttentionLib.pipeline.outputs import Writer
from LiverTumorAttentionLib.report.comparison_content import ComparisonContent
from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.dicom_files import DicomFiles
from LiverTumorAttentionLib.report.dicom_sr import Tracked
from LiverTumorAttentionLib.report.report_inputs import ReportCase


@dataclass(frozen=True, kw_only=True)
class ComparisonDicom:
    """What is asked for, by time point ("baseline", "followup"); a time point without objects is not in it."""

    files: dict[str, DicomFiles]

    @classmethod
    def of(cls, job: ComparisonJob) -> ComparisonDicom:
        """Check, before the run, that the objects can be made. Raises `InputError` that says what is missing."""
        files = {}
        for visit in VISITS:
            report, seg = getattr(job, f"{visit}_sr"), getattr(job, f"{visit}_seg")
            if report is None and seg is None:
                continue
            found = DicomFiles.of(
                ReviewJob(
                    portal=getattr(job, f"{visit}_portal"),
                    portal_series=getattr(job, f"{visit}_series"),
                    segmentation=getattr(job, visit),
                    labels=job.labels,
                    sr=report,
                    seg=seg,
                )
            )
            if found is not None:
                files[visit] = found
        return cls(files=files)

    def writers(self, content: ComparisonContent) -> dict[str, Writer]:
        """Return the writers of the objects by the names of `ComparisonJob.outputs`."""
        tracking = tracked_over_time(content.cases.comparison.matches) if self.files else ({}, {})
        writers: dict[str, Writer] = {}
        for place, (visit, title) in enumerate(VISITS.items()):
            if visit not in self.files:
                continue
            time_point = getattr(content.cases, visit)
            report = ReportContent(
                case=ReportCase(portal=time_point.portal, instances=time_point.instances),
                review=review_case(time_point.instances, time_point.portal),
                sign_off=content.sign_offs[visit],
            )
            for name, writer in self.files[visit].writers(report, tracking[place]).items():
                writers[f"{title} {name}"] = writer
        return writers


def tracked_over_time(matches: tuple[Match, ...]) -> tuple[dict[int, Tracked], dict[int, Tracked]]:
    """Return what identifies the lesions of baseline and follow-up, by their numbers there.

    Lesions that are surely one have the same identifiers at both times. Pieces of a lesion, what several merged into,
    and lesions whose pair is uncertain have identifiers of their own, whose text says what they are.
    """
    import highdicom

    def new(text: str) -> Tracked:
        return Tracked(uid=str(highdicom.UID()), identifier=text)

    before: dict[int, Tracked] = {}
    after: dict[int, Tracked] = {}
    for match in matches:
        names = " and ".join(str(number) for number in match.baseline)
        before |= {number: new(f"Lesion {number}") for number in match.baseline}
        if match.status == "matched" and not match.uncertain:
            after[match.followup[0]] = before[match.baseline[0]]
            continue
        for piece, number in enumerate(match.followup, start=1):
            if match.uncertain:
                text = f"Lesion {number} of the follow-up, pair uncertain"
            elif match.status == "split":
                text = f"Lesion {names}, piece {piece}"
            elif match.status == "merged":
                text = f"Lesions {names}, merged"
            else:
                text = f"New lesion {number}"
            after[number] = new(text)
    return before, after
