"""The run of `compare`: two studies of the scene as baseline and follow-up."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
import vtk

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.child_process import ChildRun
from LiverTumorAttentionGui.review.couinaud import SceneCouinaud
from LiverTumorAttentionGui.review.report_run import (
    ReportFiles,
    write_couinaud_labels,
    write_signed,
    write_volume,
)
from LiverTumorAttentionGui.review.said import Said
from LiverTumorAttentionGui.scene.result_files import read_transform
from LiverTumorAttentionGui.scene.series_facts import (
    of_other_patient,
    registered_facts,
    series_facts,
    write_headers,
)
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionLib.phases.headers import SeriesFacts

_TRANSFORM = "transform.h5"
_KEYS = (
    "interval_days",
    "registration",
    "pairs",
    "response",
    "warnings",
    "counts",
    "baseline",
    "followup",
    "matching",
    "viable",
)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One time point. instances: the segmentation, uint16 on the portal grid in world coordinates, without rejected
    tumors. log: of corrections, which says who signed."""

    study: Study
    instances: sitk.Image
    log: str


@dataclass(frozen=True, kw_only=True)
class ComparedStudies:
    """What a run found. values: as JSON values, for the scene. files: page, table and numbers, by their suffix.
    transform: from points of the baseline to points of the follow-up, both in the world."""

    values: dict[str, Any]
    files: dict[str, bytes]
    transform: vtk.vtkAbstractTransform


class ComparisonRun(ChildRun[ComparedStudies]):
    """Compares two studies in the child process; the scene is not changed. Used once.

    said: what a person says of the pairs. Arterial phases that are registered onto the portal ones go along, for the
    viable parts, and what the DICOM headers of all volumes say. options: see `ChildRun`.
    """

    def __init__(self, baseline: Visit, followup: Visit, said: Said, **options: Any) -> None:
        super().__init__(**options)
        self._visits = {"baseline": baseline, "followup": followup}
        self._said = said

    def prepare(self, folder: Path) -> list[str]:
        """Write both studies. Raises `PanelError`, also for two studies of one CT, or of two patients."""
        one, other = (visit.study for visit in self._visits.values())
        if one.portal is other.portal:
            raise PanelError(_("Baseline and follow-up lie on the same CT: choose studies of two dates."))
        if of_other_patient(one.portal, other.portal):
            raise PanelError(_("Baseline and follow-up are of two patients: choose studies of one."))
        arguments = ["compare", *self._said.arguments()]
        for name, visit in self._visits.items():
            place = folder / name
            place.mkdir()
            arguments += [
                f"--{name}-portal",
                str(write_volume(visit.study.portal_image(), place / "portal.nrrd")),
            ]
            with as_panel_error():
                arguments += [f"--{name}", str(write_signed(visit.instances, visit.log, place))]
                segments = (
                    None
                    if visit.study.couinaud is None
                    else SceneCouinaud(visit.study).on_liver(visit.instances)
                )
            if segments is not None:
                told = write_couinaud_labels(segments.labels, segments.source, place)
                arguments += [f"--{name}-segments", str(told)]
            told = write_headers(_facts(visit.study, self._said.days()[name]), place / "headers.json")
            arguments += [f"--{name}-headers", str(told)]
            arterial = visit.study.arterial_image()
            if arterial is not None:
                arguments += [f"--{name}-arterial", str(write_volume(arterial, place / "arterial.nrrd"))]
        if any(word.endswith("-arterial") for word in arguments):
            arguments.append("--arterial-registered")
        for option, path in self._made(folder).by_option().items():
            arguments += [option, str(path)]
        return [*arguments, "--transform", str(folder / _TRANSFORM), "--progress", "json"]

    def collect(self, folder: Path) -> ComparedStudies:
        """Read what the child wrote. Raises `PanelError`."""
        try:
            files = {path.suffix: path.read_bytes() for path in self._made(folder).by_option().values()}
            whole = json.loads(files[".json"])
            values = {key: whole[key] for key in _KEYS}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PanelError(
                _("The comparison that was computed cannot be read: please report this.")
            ) from error
        return ComparedStudies(values=values, files=files, transform=read_transform(folder / _TRANSFORM))

    def _made(self, folder: Path) -> ReportFiles:
        return ReportFiles.beside(folder / "made.html")


def _facts(study: Study, day: str) -> dict[str, SeriesFacts]:
    """Return what is known of the series of a study by input. day: the date of the study, empty for none.

    Where a person says no date, the series tell none either.
    """
    found = {"portal": series_facts(study.portal)}
    arterial = None if study.arterial is None else registered_facts(study.arterial)
    if arterial is not None:
        found["arterial"] = arterial
    if day:
        return found
    return {role: replace(facts, acquired_s=None, injected_s=None) for role, facts in found.items()}
