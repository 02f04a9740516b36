"""Report file of the run that a segmentation comes from, as `segment --report` or `register --report` wrote it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from LiverTumorAttentionLib.analysis import RunFinding, run_findings
from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import read_json


@dataclass(frozen=True, kw_only=True)
class RunModel:
    """The model that was used; see `models.ModelDescription`."""

    id: str
    title: str
    version: str
    statement: str
    sha256: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunRegistration:
    """The verdict on the registration; see `registration.RegistrationVerdict`."""

    grade: str
    reason: str
    kept: str
    similarity_before: float
    similarity_after: float
    liver_share_inside: float
    displacement_mean_mm: float
    displacement_max_mm: float
    folded_share: float
    liver_dice_after: float | None = None
    liver_surface_after_mm: float | None = None
    inverse_error_mean_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunLiver:
    """The liver as it was segmented."""

    volume_ml: float
    tumor_volume_ml: float


@dataclass(frozen=True, kw_only=True)
class RunCandidates:
    """The second look at candidates; see `pipeline.second_look.SecondLook`."""

    operating_point: str
    threshold: float
    found: int
    left_out: int


_PARTS = {
    "model": RunModel,
    "registration": RunRegistration,
    "liver": RunLiver,
    "candidates": RunCandidates,
}
"""Objects in the file of which only some keys are used."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """The part of the file that is used; its paths, which may hold names, are not."""

    version: str
    """Version of this software that wrote the report."""
    model: RunModel | None = None
    """None where the volumes were registered and nothing was segmented."""
    registration: RunRegistration | None = None
    """None where there was no arterial volume."""
    further_registrations: dict[str, RunRegistration] = field(default_factory=dict)
    """Of the delayed and the native volume, by phase, where they were given."""
    liver: RunLiver | None = None
    """None as for the model."""
    phases: tuple[str, ...] = ()
    """In which phases the tumors were found."""
    warnings: tuple[str, ...] = ()
    """Warnings of the run, one sentence each."""
    candidates: RunCandidates | None = None
    """What the second look at candidates did; None for a model that gives no lesion probability."""
    findings: tuple[RunFinding, ...] = ()
    """The tumors to which it gave a lesion probability."""

    def verdict(self, phase: str) -> RunRegistration | None:
        """Return the verdict on the registration of a phase; None where there was none."""
        return self.registration if phase == "arterial" else self.further_registrations.get(phase)

    def as_dict(self) -> dict[str, Any]:
        """Return what describes the run, as JSON values."""
        values = asdict(self)
        names = ("version", "model", "registration", "further_registrations", "phases", "candidates")
        return {name: values[name] for name in names}


def read_run_report(path: str | os.PathLike[str]) -> RunReport:
    """Read the file. Raises `InputError` for what is missing, no JSON, or no report of a run."""
    values = read_json(path, "report")
    if not isinstance(values, dict) or not {"version", "registration"} <= set(values):
        raise InputError(
            f"'{path}' is no report of a run: choose the file that segment --report or register --report wrote"
        )
    known = _chosen(RunReport, values)
    known.pop("findings", None)
    for name, kind in _PARTS.items():
        if isinstance(known.get(name), Mapping):
            known[name] = _chosen(kind, known[name])
    where = f"the report '{path}'"
    further = known.pop("further_registrations", None)
    verdicts = {
        phase: from_mapping(RunRegistration, _chosen(RunRegistration, told), where=f"{where}: {phase} phase")
        for phase, told in (further.items() if isinstance(further, Mapping) else ())
        if isinstance(told, Mapping)
    }
    report = from_mapping(RunReport, known, where=where)
    return replace(report, further_registrations=verdicts, findings=run_findings(values))


def _chosen(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are used: a newer version may have written others."""
    names = {known.name for known in fields(kind)}
    return {name: value for name, value in values.items() if name in names}
