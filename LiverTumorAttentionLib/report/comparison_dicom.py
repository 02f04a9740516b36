"""DICOM structured reports of two time points, in which lesions that are one have the same tracking identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from LiverTumorAttentionLib.analysis import review_case
from LiverTumorAttentionLib.followup.changes import Comparison
from LiverTumorAttentionLib.followup.matching import Match
from LiverTumorAttentionLib.followup.response import Assessment
from LiverTumorAttentionLib.pipeline.jobs import VISITS, ComparisonJob, ReviewJob
from LiverTumorAttentionLib.pipeline.outputs import Writer
from LiverTumorAttentionLib.report.comparison_content import ComparisonContent
from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.dicom_files import DicomFiles, known_tracking
from LiverTumorAttentionLib.report.dicom_visits import ReportedVisit, Tracked
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
        if not self.files:
            return {}
        visits = reported_visits(content.cases.comparison, content.cases.assessment, self._known(content.job))
        writers: dict[str, Writer] = {}
        for (name, title), visit in zip(VISITS.items(), visits, strict=True):
            if name not in self.files:
                continue
            time_point = getattr(content.cases, name)
            review = review_case(time_point.instances, time_point.portal)
            if time_point.segments is not None:
                review = review.with_segments(time_point.segments, time_point.instances)
            report = ReportContent(
                case=ReportCase(
                    portal=time_point.portal,
                    instances=time_point.instances,
                    segments=time_point.segments,
                ),
                review=review,
                sign_off=content.sign_offs[name],
            )
            for kind, writer in self.files[name].writers(report, visit).items():
                writers[f"{title} {kind}"] = writer
        return writers

    def _known(self, job: ComparisonJob) -> dict[int, str]:
        """Return by what the lesions of the baseline are tracked already, where it is a DICOM SEG."""
        return {} if job.baseline_seg else known_tracking(job.baseline, job.labels)


def reported_visits(
    comparison: Comparison, assessment: Assessment, known: Mapping[int, str] | None = None
) -> tuple[ReportedVisit, ReportedVisit]:
    """Return what reports of baseline and follow-up say of the time points.

    known: by what lesions of the baseline are tracked already, by their numbers. Targets are told where a person chose
    some, the response where nothing is open.
    """
    before, after = tracked_over_time(comparison.matches, known or {})
    targets = {row.number for row in assessment.targets}
    chosen: tuple[dict[int, bool], dict[int, bool]] = {}, {}
    for match in comparison.matches if targets else ():
        chosen[0].update({number: number in targets for number in match.baseline})
        if match.baseline and not match.uncertain:
            is_target = bool(targets & set(match.baseline))
            chosen[1].update(dict.fromkeys(match.followup, is_target))
    told = assessment.recist is not None and assessment.settled
    return (
        ReportedVisit(name="baseline", tracking=before, target=chosen[0]),
        ReportedVisit(
            name="follow-up",
            tracking=after,
            target=chosen[1],
            target_response=assessment.recist.response if told and assessment.recist is not None else None,
            non_target_response=assessment.non_target_response if told else None,
        ),
    )


def tracked_over_time(
    matches: tuple[Match, ...], known: Mapping[int, str]
) -> tuple[dict[int, Tracked], dict[int, Tracked]]:
    """Return what identifies the lesions of baseline and follow-up, by their numbers there.

    known: by what lesions of the baseline are tracked already, by their numbers: they stay so.

    Lesions that are surely one have the same identifiers at both times. Pieces of a lesion, what several merged into,
    and lesions whose pair is uncertain have identifiers of their own, whose text says what they are.
    """
    import highdicom

    def new(text: str, uid: str | None = None) -> Tracked:
        return Tracked(uid=uid or str(highdicom.UID()), identifier=text)

    before: dict[int, Tracked] = {}
    after: dict[int, Tracked] = {}
    for match in matches:
        names = " and ".join(str(number) for number in match.baseline)
        before |= {number: new(f"Lesion {number}", known.get(number)) for number in match.baseline}
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
