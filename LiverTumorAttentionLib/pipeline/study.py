"""Choice of the phases among the DICOM series of a study.

Series that begin within seconds of each other are reconstructions of one acquisition. An acquisition's phase is told by
its headers, by the HU of one of its series, and by its time among the others; see `phases`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from LiverTumorAttentionLib.contrast_phase import PHASE_TITLES, ROLES
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import SeriesInfo, check_ct, choose_series, list_series
from LiverTumorAttentionLib.io.dicom_series import read_series
from LiverTumorAttentionLib.io.input_checks import MIN_SLICES
from LiverTumorAttentionLib.phases.choice import choose_by_phase
from LiverTumorAttentionLib.phases.estimate import PhaseEstimate, voxel_evidence
from LiverTumorAttentionLib.phases.headers import (
    SAME_ACQUISITION_S,
    header_evidence,
    in_order_of_time,
)
from LiverTumorAttentionLib.phases.levels import Levels, measure_levels
from LiverTumorAttentionLib.pipeline.jobs import REGISTERED_OUTPUTS, SegmentationJob
from LiverTumorAttentionLib.progress import Progress

SHORTEST_MM = 50.0
"""A shorter stack, such as that of bolus tracking, holds no liver."""
BEST_SPACING_MM = 2.5
"""Of several reconstructions the one nearest to it is taken: thin enough for small lesions, thick enough for noise."""


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """Series of one acquisition, and what phase it seems to be."""

    series: tuple[SeriesInfo, ...]
    estimate: PhaseEstimate

    @property
    def best(self) -> SeriesInfo:
        """The reconstruction to work on."""
        return min(self.series, key=lambda info: (abs(info.spacing_mm[2] - BEST_SPACING_MM), info.number))


def choose_phases(job: SegmentationJob, progress: Progress) -> tuple[SegmentationJob, list[str]]:
    """Return the job with the series of its study in place of the study, and which were chosen and why.

    A job without a study is returned as it is. Series that the job names are taken for what it names them.
    Raises `InputError` when the study holds several patients or studies, or no portal venous phase.
    """
    if job.study is None:
        return job, []
    folder = job.study
    named = {role: getattr(job, f"{role}_series") for role in ROLES if getattr(job, f"{role}_series")}
    chosen = {role: choose_series(folder, series=series, name="study") for role, series in named.items()}
    words = [f"{role}: {_series(info)}, as asked for" for role, info in chosen.items()]
    if "portal" not in chosen or len(chosen) < 2:
        acquisitions = find_acquisitions(_of_study(list_series(folder, "study"), job), folder, progress)
        taken = {info.uid for info in chosen.values()}
        free = [each for each in acquisitions if not taken & {info.uid for info in each.series}]
        open_roles = [role for role in ROLES if role not in chosen]
        for role, index in choose_by_phase([each.estimate for each in free], open_roles).items():
            chosen[role] = free[index].best
            words.append(f"{role}: {_series(free[index].best)}, {free[index].estimate.sentence()}")
        if "portal" not in chosen:
            raise InputError(
                f"the study '{folder}' has no portal venous phase that could be told: {_listed(acquisitions)}. "
                "Name its series, or give volumes instead of a study"
            )
    values: dict[str, Any] = {role: folder if role in chosen else None for role in ROLES}
    values |= {f"{role}_series": chosen[role].uid if role in chosen else None for role in ROLES}
    for name, role in REGISTERED_OUTPUTS.items():
        if role not in chosen and getattr(job, name):
            values[name] = None
            words.append(
                f"no {role} series was found, so there is nothing to write to '{getattr(job, name)}'"
            )
    return replace(job, study=None, study_uid=None, **values), words


def find_acquisitions(infos: Sequence[SeriesInfo], folder: str, progress: Progress) -> list[Acquisition]:
    """Return the acquisitions of a study in the order of time, with their phases.

    Raises `InputError` when the series are of several patients or studies, or none is an axial CT that could hold a
    liver.
    """
    usable = [
        info
        for info in infos
        if info.modality.upper() in ("CT", "")
        and info.axial
        and info.slices >= MIN_SLICES
        and info.slices * info.spacing_mm[2] >= SHORTEST_MM
        and not info.facts.shows_no_liver
    ]
    if not usable:
        listed = "; ".join(str(info) for info in infos)
        raise InputError(
            f"the study '{folder}' has no axial CT that could hold a liver ({listed}): choose another folder"
        )
    for what, values in (
        ("patients", {info.facts.patient_id for info in usable if info.facts.patient_id}),
        ("studies", {info.facts.study_uid for info in usable if info.facts.study_uid}),
    ):
        if len(values) > 1:
            raise InputError(
                f"the study '{folder}' holds series of {len(values)} {what}: choose a folder of one study, or give "
                "volumes instead"
            )
    groups = _groups(usable)
    agents = any(info.facts.contrast_agent for info in usable)
    evidences, levels = [], []
    for number, group in enumerate(groups):
        progress.update(number / len(groups), f"series {group[0].number}")
        headers = [header_evidence(info.facts, others_have_contrast=agents) for info in group]
        telling = max(headers, key=lambda each: max(each.logs.values()) - min(each.logs.values()))
        measured = _measured(group)
        evidences.append(telling.plus(voxel_evidence(measured)))
        levels.append(measured)
    times = [group[0].facts.acquired_s for group in groups]
    probabilities = in_order_of_time(evidences, times)
    return [
        Acquisition(
            series=tuple(group),
            estimate=PhaseEstimate(probabilities=found, levels=measured, reasons=evidence.reasons),
        )
        for group, found, measured, evidence in zip(groups, probabilities, levels, evidences, strict=True)
    ]


def _of_study(infos: list[SeriesInfo], job: SegmentationJob) -> list[SeriesInfo]:
    """Return the series of the study that the job names; all of them where it names none."""
    found = [info for info in infos if job.study_uid in (None, info.facts.study_uid)]
    if not found:
        listed = ", ".join(sorted({info.facts.study_uid or "none" for info in infos}))
        raise InputError(
            f"the folder '{job.study}' holds no series of the study {job.study_uid}, but of {listed}: give one of these"
        )
    return found


def _groups(infos: Sequence[SeriesInfo]) -> list[list[SeriesInfo]]:
    """Return the series by acquisition, in the order of time; those without a time stand alone, at the end."""
    timed = sorted(
        (info for info in infos if info.facts.acquired_s is not None),
        key=lambda info: info.facts.acquired_s or 0.0,
    )
    groups: list[list[SeriesInfo]] = []
    for info in timed:
        last = groups[-1][-1].facts.acquired_s if groups else None
        if last is not None and (info.facts.acquired_s or 0.0) - last <= SAME_ACQUISITION_S:
            groups[-1].append(info)
        else:
            groups.append([info])
    return groups + [[info] for info in infos if info.facts.acquired_s is None]


def _measured(group: Sequence[SeriesInfo]) -> Levels:
    """Return the HU of an acquisition, from its series with the fewest slices."""
    info = min(group, key=lambda each: each.slices)
    name = f"series '{info.description}'"
    return measure_levels(check_ct(read_series(info, name=name), name))


def _series(info: SeriesInfo) -> str:
    return f"series {info.number} '{info.description}'"


def _listed(acquisitions: Sequence[Acquisition]) -> str:
    return "; ".join(
        f"{info.number} '{info.description}' ({PHASE_TITLES[each.estimate.phase]}, "
        f"{100 * each.estimate.confidence:.0f} %)"
        for each in acquisitions
        for info in each.series
    )
