"""Registration of two volumes of a case, from files to files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.inference import Device, choose_device
from LiverTumorAttentionLib.io import collected_warnings, read_phase, read_side_by_side, write_image
from LiverTumorAttentionLib.models import ModelPackage, find_model
from LiverTumorAttentionLib.pictures import write_alignment
from LiverTumorAttentionLib.pipeline.arterial_policy import graded_reason, registration_warnings
from LiverTumorAttentionLib.pipeline.jobs import RegistrationJob
from LiverTumorAttentionLib.pipeline.outputs import (
    Writer,
    check_outputs,
    output_files,
    write_all,
    write_json,
)
from LiverTumorAttentionLib.pipeline.phase_check import check_same_patient, check_shows_trunk
from LiverTumorAttentionLib.pipeline.stages import find_liver, load_stages, register_arterial
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import (
    RegistrationResult,
    inverted,
    resample_onto,
    write_transform,
)
from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps


@dataclass(frozen=True, kw_only=True)
class RegistrationCase:
    """The volumes of a registration and its result."""

    fixed: sitk.Image
    """The portal volume as it was read, HU."""
    moving: sitk.Image
    """The arterial volume as it was read, HU."""
    liver: sitk.Image
    """The portal liver on the fixed volume's grid, uint8."""
    model: str
    """Id of the model whose liver stage found the livers."""
    result: RegistrationResult
    """Transform, registered volume on the fixed volume's own grid, verdict and warnings."""


def register_case(job: RegistrationJob, progress: Progress | None = None) -> RegistrationResult:
    """Register the moving (arterial) onto the fixed (portal) volume and write what the job asks for.

    The coarse livers are found first: registration within them is more accurate and faster.
    Raises as `segment_case` does; then nothing is written.
    """
    progress = progress or Progress()
    package = find_model(job.model)
    check_outputs(job, model=package.path)
    device = choose_device(job.device)
    with collected_warnings() as warnings:
        case = _register(job, package, device, progress)
    all_warnings = (*warnings, *registration_warnings(case.result.verdict))
    case = replace(case, result=replace(case.result, warnings=all_warnings))
    write_registration(case, job, progress.part(0.95, 1.0, "writing"))
    return case.result


def _register(
    job: RegistrationJob, package: ModelPackage, device: Device, progress: Progress
) -> RegistrationCase:
    reading = progress.part(0.0, 0.1, "reading")
    reading.update(0.0)
    (fixed, fixed_facts), (moving, moving_facts) = read_side_by_side(
        [
            partial(read_phase, job.fixed, series=job.fixed_series, phase="portal"),
            partial(read_phase, job.moving, series=job.moving_series, phase="arterial"),
        ]
    )
    # Any two phases of a patient may be registered, also those of two studies.
    check_same_patient({"portal": fixed_facts, "arterial": moving_facts}, as_given=True)
    check_shows_trunk({"portal": fixed, "arterial": moving})
    settings = PostprocessingSettings()
    in_order = to_lps(fixed)
    stages = load_stages(package, device)
    liver = find_liver(in_order, "portal", stages, settings, progress.part(0.1, 0.3, "liver")).mask
    result = register_arterial(
        in_order, to_lps(moving), liver, stages, settings, job.seed, progress.part(0.3, 0.95)
    )
    result = replace(result, own_grid=fixed)
    return RegistrationCase(
        fixed=fixed,
        moving=moving,
        liver=from_lps(liver, fixed),
        model=package.description.id,
        result=result,
    )


def write_registration(case: RegistrationCase, job: RegistrationJob, progress: Progress) -> None:
    """Write what the job asks for: all of it, or nothing."""
    verdict = case.result.verdict
    report = {
        "notice": NOT_FOR_CLINICAL_USE,
        "version": __version__,
        "settings": job.reported_settings(case.model),
        "registration": verdict.as_dict(),
        "warnings": list(case.result.warnings),
    }

    def preview(path: Path) -> None:
        as_given = resample_onto(case.moving, case.fixed, sitk.Transform(3, sitk.sitkIdentity))
        write_alignment(
            path,
            case.fixed,
            as_given,
            case.result.registered,
            liver=case.liver,
            verdict=graded_reason(verdict),
        )

    writers: dict[str, Writer] = {
        "registered": lambda path: write_image(path, case.result.registered),
        "transform": lambda path: write_transform(path, case.result.transform),
        "inverse": lambda path: write_transform(path, inverted(case.result.transform, case.fixed)),
        "preview": preview,
        "report": lambda path: write_json(path, report),
    }
    write_all(output_files(job, writers), progress)
