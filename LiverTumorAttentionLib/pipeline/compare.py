"""Comparison of two time points: read, register, match the lesions, measure their changes."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from functools import partial

import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import measure_case, measure_tumors
from LiverTumorAttentionLib.analysis.segments import LiverSegments
from LiverTumorAttentionLib.analysis.tumors import with_segments
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.followup.changes import Comparison, TimePoint
from LiverTumorAttentionLib.followup.criteria import check_targets
from LiverTumorAttentionLib.followup.declared import declared_matches
from LiverTumorAttentionLib.followup.matching import match_over_time
from LiverTumorAttentionLib.followup.measures import FollowUpMeasures, candidates_of
from LiverTumorAttentionLib.followup.response import Assessment, Chosen
from LiverTumorAttentionLib.followup.viable import ViableTumor, viable_tumors
from LiverTumorAttentionLib.io import Meanings, collected_warnings, read_phase, read_side_by_side
from LiverTumorAttentionLib.phases.headers import SeriesFacts
from LiverTumorAttentionLib.pipeline.arterial_policy import is_usable, registration_warnings, usage_warnings
from LiverTumorAttentionLib.pipeline.headers_file import known_facts
from LiverTumorAttentionLib.pipeline.jobs import VISITS, ComparisonJob
from LiverTumorAttentionLib.pipeline.liver_segments import segments_for_case
from LiverTumorAttentionLib.pipeline.phase_check import check_one_patient, check_shows_trunk, checked_phases
from LiverTumorAttentionLib.pipeline.segmented_case import read_segmented_liver
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import (
    RegistrationResult,
    RegistrationSettings,
    RegistrationVerdict,
    VolumeNames,
    register_phases,
)
from LiverTumorAttentionLib.voxels.geometry import ImageAxes

NAMES = VolumeNames(fixed="baseline", moving="follow-up", both="time points", one="volume")
REGISTRATION = RegistrationSettings(refuse_liver_dice=0.4)
"""A part of the liver may be resected: livers that lie on each other, one of them a quarter of the other, have a Dice
of 0.4."""
SHRUNK = 0.85
"""Below this share of the baseline's volume the follow-up's liver is said to lack a part."""
SECONDS_A_DAY = 86400.0


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One time point.

    portal: HU. instances: on its grid, 0 background, 1 liver, 2, 3, … one value a tumor. arterial: registered onto its
    grid, None where there is none that may be used. arterial_verdict: on that registration. facts: of the portal
    series, None where nothing is known of it. point: what is measured. segments: the Couinaud segments; None without.
    """

    portal: sitk.Image
    instances: sitk.Image
    point: TimePoint
    facts: SeriesFacts | None = None
    arterial: sitk.Image | None = None
    arterial_verdict: RegistrationVerdict | None = None
    segments: LiverSegments | None = None

    @property
    def slice_mm(self) -> float:
        """Thickness of the slices: that of the headers, or the distance between slices where that is larger."""
        axes = ImageAxes.of(self.portal)
        told = self.facts.thickness_mm if self.facts is not None else None
        return max(axes.spacing_zyx_mm[axes.slice_axis], told or 0.0)

    def viable(self) -> dict[int, ViableTumor]:
        """Return the viable part of every lesion by number; none without an arterial phase."""
        return {} if self.arterial is None else viable_tumors(self.instances, self.arterial)


@dataclass(frozen=True, kw_only=True)
class ComparedCases:
    """Two time points and what became of the lesions between them.

    registration: of the follow-up onto the baseline; its transform takes baseline points to follow-up points.
    measures: from which comparison and assessment, the response, follow. warnings: for the user, a sentence each.
    """

    baseline: Visit
    followup: Visit
    registration: RegistrationResult
    measures: FollowUpMeasures
    comparison: Comparison
    assessment: Assessment
    warnings: tuple[str, ...]

    @property
    def place_sd_mm(self) -> float:
        """Standard deviation, each axis, of a place after registration, as it was taken for the pairs."""
        return self.measures.lesions.observed.sd_mm


def compare_cases(job: ComparisonJob, progress: Progress | None = None) -> ComparedCases:
    """Compare two time points. Writes nothing: `report.report_comparison` does.

    Raises `InputError` or `Cancelled`.
    """
    progress = progress or Progress()
    with collected_warnings() as warnings:
        visits, notes = read_visits(job, progress.part(0.0, 0.15, "reading"))
        arterial = [name for name in VISITS if getattr(job, f"{name}_arterial")]
        end = 0.9 - 0.25 * len(arterial)
        registration = register_phases(
            visits["baseline"].portal,
            visits["followup"].portal,
            portal_liver=visits["baseline"].instances,
            arterial_liver=visits["followup"].instances,
            progress=progress.part(0.15, end, "registration"),
            seed=job.seed,
            settings=REGISTRATION,
            names=NAMES,
        )
        verdict = registration.verdict
        for number, name in enumerate(arterial):
            part = progress.part(
                end + 0.25 * number, end + 0.25 * (number + 1), f"arterial phase, {VISITS[name]}"
            )
            visits[name], more = _with_arterial(job, name, visits[name], part)
            notes += more
        for name in VISITS:
            if getattr(job, f"{name}_segments"):
                progress.update(0.9, f"Couinaud segments, {VISITS[name]}")
                visits[name] = _with_segments(getattr(job, f"{name}_segments"), visits[name])
                told = visits[name].segments
                notes += [] if told is None else [f"{VISITS[name]}: {note}" for note in told.notes]
        matching_progress = progress.part(0.9, 1.0, "matching")
        matching_progress.update(0.0)
        points = visits["baseline"].point, visits["followup"].point
        matching = match_over_time(
            visits["baseline"].instances,
            visits["followup"].instances,
            registration.transform,
            verdict,
            (_volumes(points[0]), _volumes(points[1])),
        )
        measures = FollowUpMeasures(
            points=points,
            lesions=matching.lesions,
            viable=(visits["baseline"].viable(), visits["followup"].viable()),
            slice_mm=visits["baseline"].slice_mm,
        )
        comparison = measures.compared(job.declared(), _interval_days(job, visits))
        assessment = measures.assessed(comparison, _chosen(job))
        matching_progress.update(1.0)
    return ComparedCases(
        baseline=visits["baseline"],
        followup=visits["followup"],
        registration=registration,
        measures=measures,
        comparison=comparison,
        assessment=assessment,
        warnings=(*warnings, *notes, *registration_warnings(verdict), *_told(comparison)),
    )


def read_visits(job: ComparisonJob, progress: Progress) -> tuple[dict[str, Visit], list[str]]:
    """Read and measure both time points, and check that they can be compared."""
    progress.update(0.0)
    read = read_side_by_side(
        [
            partial(
                read_phase, getattr(job, f"{name}_portal"), series=getattr(job, f"{name}_series"), visit=visit
            )
            for name, visit in VISITS.items()
        ]
    )
    volumes = {
        name: (portal, known_facts({"portal": own}, getattr(job, f"{name}_headers"))["portal"])
        for name, (portal, own) in zip(VISITS, read, strict=True)
    }
    check_one_patient({f"{VISITS[name]} portal": facts for name, (_, facts) in volumes.items()})
    check_shows_trunk({f"{VISITS[name]} portal": portal for name, (portal, _) in volumes.items()})
    meanings = Meanings(job.labels)
    visits: dict[str, Visit] = {}
    notes: list[str] = []
    for done, (name, (portal, facts)) in enumerate(volumes.items()):
        progress.update(0.4 + 0.3 * done, f"segmentation, {VISITS[name]}")
        liver = read_segmented_liver(getattr(job, name), portal, meanings, VISITS[name])
        notes += liver.notes
        tumors = {tumor.number: tumor for tumor in measure_tumors(liver.instances, portal)}
        point = TimePoint(case=measure_case(liver.instances), tumors=tumors)
        visits[name] = Visit(portal=portal, instances=liver.instances, facts=facts, point=point)
        if not getattr(job, f"{name}_arterial"):  # with one both are looked at
            notes += of_other_phases(visits[name], VISITS[name])
    meanings.check_used()
    known = [set(visits[name].point.tumors) for name in VISITS]
    declared_matches(job.declared(), known[0], known[1])  # before the registration, which takes its time
    check_targets(job.targets, candidates_of(visits["baseline"].point, visits["baseline"].slice_mm))
    progress.update(1.0)
    return visits, notes


def _chosen(job: ComparisonJob) -> Chosen:
    return Chosen(
        targets=job.targets,
        nadir_mm=job.nadir_sum_mm,
        nadir_viable_mm=job.nadir_viable_sum_mm,
        non_target_progression=job.non_target_progression,
        viable_mm=(job.viable_mm("baseline"), job.viable_mm("followup")),
    )


def _with_arterial(
    job: ComparisonJob, name: str, visit: Visit, progress: Progress
) -> tuple[Visit, list[str]]:
    """Return a time point with its arterial phase, where the registration onto its portal one may be used.

    Raises `InputError` for one that is said to be registered and does not lie on the portal grid.
    """
    arterial, own = read_phase(
        getattr(job, f"{name}_arterial"),
        series=getattr(job, f"{name}_arterial_series"),
        phase="arterial",
        visit=VISITS[name],
    )
    facts = known_facts({"arterial": own}, getattr(job, f"{name}_headers"))["arterial"]
    check_one_patient({f"{VISITS[name]} portal": visit.facts, f"{VISITS[name]} arterial": facts})
    check_shows_trunk({f"{VISITS[name]} arterial": arterial})
    notes = of_other_phases(visit, VISITS[name], arterial, facts)
    registered: sitk.Image | None = arterial
    verdict = None
    if not job.arterial_registered:
        result = register_phases(
            visit.portal, arterial, portal_liver=visit.instances, progress=progress, seed=job.seed
        )
        verdict = result.verdict
        notes += [f"{VISITS[name]}: {warning}" for warning in usage_warnings(verdict)]
        registered = result.registered if is_usable(verdict) else None
    tumors = visit.point.tumors
    if registered is not None:
        measured = measure_tumors(visit.instances, visit.portal, registered)
        tumors = {tumor.number: tumor for tumor in measured}
    return (
        Visit(
            portal=visit.portal,
            instances=visit.instances,
            facts=visit.facts,
            point=TimePoint(case=visit.point.case, tumors=tumors),
            arterial=registered,
            arterial_verdict=verdict,
        ),
        notes,
    )


def of_other_phases(
    visit: Visit, title: str, arterial: sitk.Image | None = None, facts: SeriesFacts | None = None
) -> list[str]:
    """Return a warning for each volume of a time point that seems to be of another phase.

    facts: of the arterial one's headers.
    """
    images, headers = {"portal": visit.portal}, {"portal": visit.facts}
    if arterial is not None:
        images["arterial"], headers["arterial"] = arterial, facts
    organ = sitk.Cast(visit.instances > 0, sitk.sitkUInt8)
    with collected_warnings() as told:
        checked_phases(images, headers, {"portal": organ}, as_given=True)
    return [f"{title}: {warning}" for warning in told]


def _with_segments(wanted: str, visit: Visit) -> Visit:
    """Return a time point with the Couinaud segments that were asked for, and those of each tumor."""
    segments = segments_for_case(wanted, visit.instances)
    told = with_segments(list(visit.point.tumors.values()), segments, visit.instances)
    point = replace(visit.point, tumors={tumor.number: tumor for tumor in told})
    return replace(visit, segments=segments, point=point)


def _volumes(point: TimePoint) -> dict[int, float]:
    return {number: tumor.volume_ml for number, tumor in point.tumors.items()}


def _interval_days(job: ComparisonJob, visits: dict[str, Visit]) -> float | None:
    """Return the days between both: of the dates that were given, else of the DICOM headers.

    Raises `InputError` where the follow-up is before the baseline.
    """
    days = []
    for name, visit in visits.items():
        given = job.day(name)
        if given is None and visit.facts is not None and visit.facts.acquired_s is not None:
            given = datetime.date.fromordinal(int(visit.facts.acquired_s // SECONDS_A_DAY))
        days.append(given)
    if days[0] is None or days[1] is None:
        return None
    interval = (days[1] - days[0]).days
    if interval < 0:
        raise InputError(
            f"the follow-up was made {-interval} days before the baseline, by the dates that are known: give the "
            "earlier one as the baseline, or give both dates (--baseline-date, --followup-date)"
        )
    return float(interval)


def _told(comparison: Comparison) -> list[str]:
    """Return what the user should know of the pairs."""
    told = []
    if comparison.interval_days is None:
        told.append("the dates of the two time points are not known, so there are no doubling times")
    before, after = comparison.baseline.case.liver_volume_ml, comparison.followup.case.liver_volume_ml
    if after < SHRUNK * before:
        told.append(
            f"the follow-up's liver has {100 * after / before:.0f} % of the baseline's volume: a part may be resected, "
            "ablated or not shown, and lesions in it are not there to be compared"
        )
    uncertain = [match for match in comparison.matches if match.uncertain]
    if uncertain:
        told.append(
            f"{len(uncertain)} of {len(comparison.matches)} pairings are uncertain and marked: look at them, and name "
            "the right pairs (--pair)"
        )
    return told
