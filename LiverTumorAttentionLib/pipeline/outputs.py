"""What a run found, and how it is written: all files of a case, or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis import (
    CaseMeasurement,
    TumorMeasurement,
    tumor_csv,
)
from LiverTumorAttentionLib.io import (
    IMAGE_SUFFIXES,
    SEGMENTATION_SUFFIXES,
    check_dicom_seg_source,
    check_folder,
    check_writable,
    full_suffix,
    making_folder,
    replacing_all,
    write_image,
    write_segmentation,
)
from LiverTumorAttentionLib.models import ModelDescription
from LiverTumorAttentionLib.pictures import write_alignment, write_preview
from LiverTumorAttentionLib.pipeline.attention_maps import Attention
from LiverTumorAttentionLib.pipeline.jobs import RegistrationJob, SegmentationJob
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import (
    RegistrationResult,
    RegistrationVerdict,
    inverted,
    resample_onto,
    write_transform,
)
from LiverTumorAttentionLib.registration.transform_io import SUFFIXES as TRANSFORM_SUFFIXES


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """Everything that one run found. Images lie on the portal volume's own grid."""

    portal: sitk.Image
    """The portal volume as it was read, HU."""
    instances: sitk.Image
    """uint16: 0 background, 1 liver, 2, 3, … one value a tumour, the largest first."""
    tumors: tuple[TumorMeasurement, ...]
    """The tumours in the order of their values; may be empty."""
    case: CaseMeasurement
    """The liver as a whole."""
    probability: sitk.Image
    """float32: probability of tumour."""
    registered: sitk.Image | None
    """The arterial volume on the portal grid, HU; None when none was given."""
    transform: sitk.Transform | None
    """Portal points to arterial points, LPS mm; None when no arterial volume was given."""
    registration: RegistrationVerdict | None
    """How far registration can be trusted; None when no arterial volume was given."""
    arterial_used: bool
    """Whether the tumours were found in both phases."""
    warnings: tuple[str, ...]
    """What the user should know, one sentence each."""
    model: ModelDescription
    """The model that was used."""
    device: str
    """The device that it ran on, in words."""
    attention: Attention | None = None
    """What the network attended to; None when it was not asked for."""

    def summary(self) -> str:
        """Return what a person wants to read first, a few lines."""
        lines = [
            f"{self.model.title}: {self.model.statement}",
            f"liver {self.case.liver_volume_ml:.0f} mL, {len(self.tumors)} tumours, "
            f"{self.case.tumor_volume_ml:.1f} mL together",
        ]
        lines += [
            f"  Tumor {t.number}: {t.volume_ml:.1f} mL, {t.longest_axial_diameter_mm:.0f} x "
            f"{t.perpendicular_diameter_mm:.0f} mm, portal {t.mean_hu_portal:.0f} HU"
            + (f", arterial {t.mean_hu_arterial:.0f} HU" if t.mean_hu_arterial is not None else "")
            for t in self.tumors
        ]
        return "\n".join(lines)

    def to_dict(self, job: SegmentationJob) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "model": {
                "id": self.model.id,
                "title": self.model.title,
                "version": self.model.version,
                "statement": self.model.statement,
                "sha256": {stage.name: stage.sha256 for stage in self.model.stages},
            },
            "device": self.device,
            "settings": job.to_dict(),
            "phases": ["portal", "arterial"] if self.arterial_used else ["portal"],
            "registration": self.registration.as_dict() if self.registration else None,
            "liver": {
                "volume_ml": self.case.liver_volume_ml,
                "tumor_volume_ml": self.case.tumor_volume_ml,
                "tumor_burden_percent": self.case.tumor_burden_percent,
            },
            "tumors": [asdict(tumor) for tumor in self.tumors],
            "warnings": list(self.warnings),
        }


def check_outputs(job: SegmentationJob) -> None:
    """Make sure, before the run, that every file it is asked for can be written.

    Raises `OutputError` for a folder that is missing or cannot be written and for an unknown suffix, and
    `InputError` when DICOM SEG is asked for without a DICOM series that it can refer to.
    """
    allowed = {
        "segmentation": SEGMENTATION_SUFFIXES,
        "table": (".csv",),
        "report": (".json",),
        "preview": (".png",),
        "registered": IMAGE_SUFFIXES,
        "transform": TRANSFORM_SUFFIXES,
        "probability": IMAGE_SUFFIXES,
    }
    for name, path in job.outputs().items():
        if path:
            check_writable(path, suffixes=allowed[name], name=name)
    if job.save_attention:
        check_folder(job.save_attention, name="attention")
    if job.output and full_suffix(job.output) == ".dcm" and Path(job.portal).exists():
        check_dicom_seg_source(job.portal, job.portal_series)


def write_results(result: CaseResult, job: SegmentationJob, progress: Progress) -> None:
    """Write every file that the job asks for; all of them appear together, or none."""
    writers = _writers(result, job)
    wanted = [(Path(path), writers[name]) for name, path in job.outputs().items() if path]
    if job.save_attention and result.attention is not None:
        with making_folder(job.save_attention, name="attention") as folder:
            files = result.attention.writers(result.portal)
            wanted += [(folder / name, write) for name, write in files.items()]
            _write_all(wanted, progress)
    else:
        _write_all(wanted, progress)


def _writers(result: CaseResult, job: SegmentationJob) -> dict[str, Callable[[Path], object]]:
    """Return the function that writes each kind of file to a path."""

    def segmentation(path: Path) -> None:
        write_segmentation(path, result.instances, source=job.portal, series=job.portal_series)

    def registered(path: Path) -> None:
        if result.registered is not None:
            write_image(path, result.registered)

    def transform(path: Path) -> None:
        if result.transform is not None:
            write_transform(path, result.transform)

    return {
        "segmentation": segmentation,
        "table": lambda path: path.write_text(tumor_csv(result.tumors), encoding="utf-8", newline=""),
        "report": lambda path: _write_json(path, result.to_dict(job)),
        "preview": lambda path: write_preview(
            path, result.portal, result.instances, arterial=result.registered
        ),
        "registered": registered,
        "transform": transform,
        "probability": lambda path: write_image(path, result.probability),
    }


def check_registration_outputs(job: RegistrationJob) -> None:
    """Make sure, before the run, that every file that is asked for can be written; as `check_outputs`."""
    allowed = {
        "registered": IMAGE_SUFFIXES,
        "transform": TRANSFORM_SUFFIXES,
        "inverse": TRANSFORM_SUFFIXES,
        "preview": (".png",),
        "report": (".json",),
    }
    for name, path in job.outputs().items():
        if path:
            check_writable(path, suffixes=allowed[name], name=name)


@dataclass(frozen=True, kw_only=True)
class RegistrationCase:
    """Everything that one registration of two volumes found."""

    fixed: sitk.Image
    """The portal volume as it was read, HU."""
    moving: sitk.Image
    """The arterial volume as it was read, HU."""
    liver: sitk.Image
    """The portal liver on the fixed volume's grid, uint8."""
    result: RegistrationResult
    """Transform, registered volume on the fixed volume's own grid, and verdict."""


def write_registration(case: RegistrationCase, job: RegistrationJob, progress: Progress) -> None:
    """Write every file that a registration job asks for; all of them appear together, or none."""
    verdict = case.result.verdict
    report = {
        "notice": NOT_FOR_CLINICAL_USE,
        "version": __version__,
        "settings": job.to_dict(),
        "registration": verdict.as_dict(),
    }

    def preview(path: Path) -> None:
        as_given = resample_onto(case.moving, case.fixed, sitk.Transform(3, sitk.sitkIdentity))
        write_alignment(
            path,
            case.fixed,
            as_given,
            case.result.registered,
            liver=case.liver,
            verdict=f"{verdict.grade}: {verdict.reason}",
        )

    writers: dict[str, Callable[[Path], object]] = {
        "registered": lambda path: write_image(path, case.result.registered),
        "transform": lambda path: write_transform(path, case.result.transform),
        "inverse": lambda path: write_transform(path, inverted(case.result.transform, case.fixed)),
        "preview": preview,
        "report": lambda path: _write_json(path, report),
    }
    _write_all([(Path(path), writers[name]) for name, path in job.outputs().items() if path], progress)


def _write_all(wanted: Sequence[tuple[Path, Callable[[Path], object]]], progress: Progress) -> None:
    """Write all files to temporary ones, then move them into place together."""
    with replacing_all([path for path, _ in wanted]) as temporary:
        for number, (path, write) in enumerate(wanted):
            progress.update(number / len(wanted), path.name)
            write(temporary[path])
        progress.check()
    progress.update(1.0)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(
        json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
