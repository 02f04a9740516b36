"""The way through: from the CT of a case to its liver, its tumours and a table.

The command line, the Slicer module, the demonstration and cohort runs all come through `segment_case`.
"""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import measure_case, measure_tumors
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference import Device, choose_device
from LiverTumorAttentionLib.io import InputWarning
from LiverTumorAttentionLib.models import ModelDescription, ModelPackage, find_model
from LiverTumorAttentionLib.pipeline.jobs import RegistrationJob, SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import (
    CaseResult,
    RegistrationCase,
    check_outputs,
    check_registration_outputs,
    write_registration,
    write_results,
)
from LiverTumorAttentionLib.pipeline.stages import Stages, find_liver, find_tumors, load_stages
from LiverTumorAttentionLib.pipeline.steps import (
    on_portal_grid,
    postprocessing_settings,
    read_phase,
    register_arterial,
    tumor_instances,
)
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationResult
from LiverTumorAttentionLib.voxels.orientation import back_to, to_lps


def segment_case(job: SegmentationJob, progress: Progress | None = None) -> CaseResult:
    """Segment one case and write what the job asks for. This is the whole of the way through.

    Returns the liver, the tumours and their table, on the portal volume's own grid.
    Raises `InputError`, `ModelError`, `DeviceError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    check_outputs(job)
    package = find_model(job.model)
    device = choose_device(job.device)
    if job.arterial is None and package.description.needs_arterial:
        raise ModelError(
            f"the model {package.description.id!r} needs the arterial phase beside the portal venous one: "
            "give it too, or choose another model"
        )
    with _heard_warnings() as heard:
        portal = read_phase(job.portal, job.portal_series, "portal", progress.part(0.0, 0.04, "reading"))
        arterial = None
        if job.arterial is not None:
            reading = progress.part(0.04, 0.08, "reading")
            arterial = read_phase(job.arterial, job.arterial_series, "arterial", reading)
    result = segment_volumes(portal, arterial, package, device, job, progress.part(0.08, 0.95))
    result = replace(result, warnings=(*heard, *result.warnings))
    write_results(result, job, progress.part(0.95, 1.0, "writing"))
    return result


def segment_volumes(
    portal: sitk.Image,
    arterial: sitk.Image | None,
    package: ModelPackage,
    device: Device,
    job: SegmentationJob,
    progress: Progress,
) -> CaseResult:
    """Segment volumes in memory: the steps of the way through, without files.

    portal, arterial: HU, of any orientation and any grids that overlap in the liver.
    """
    settings = postprocessing_settings(package, job)
    own_grid, portal = portal, to_lps(portal)
    stages = load_stages(package, device, watched=job.save_attention is not None)

    part = progress.part(0.0, stages.liver_share, "liver")
    liver = find_liver(portal, "portal volume", stages, settings, part)
    registration = None
    if arterial is not None:
        part = progress.part(stages.liver_share, 0.6)
        registration = _register(portal, to_lps(arterial), liver.mask, stages, settings, job.seed, part)
    usable = registration is not None and registration.verdict.grade != "refused"
    registered = registration.registered if registration else None

    tumors_found = find_tumors(
        portal,
        registered if usable else None,
        liver,
        stages,
        progress.part(0.6, 0.92, "tumors"),
        attention_point=job.attention_point,
    )
    progress.part(0.92, 1.0, "measuring").update(0.0)
    probability = on_portal_grid(tumors_found.probability, portal, liver.mask)
    instances = tumor_instances(probability, liver.mask, settings)

    instances, probability = back_to(instances, own_grid), back_to(probability, own_grid)
    registered = None if registered is None else back_to(registered, own_grid)
    tumors = measure_tumors(instances, own_grid, registered if usable else None, probability)
    return CaseResult(
        portal=own_grid,
        instances=instances,
        tumors=tuple(tumors),
        case=measure_case(instances),
        probability=probability,
        registered=registered,
        transform=registration.transform if registration else None,
        registration=registration.verdict if registration else None,
        arterial_used=usable and package.description.takes_arterial,
        attention=tumors_found.attention,
        warnings=_registration_notes(registration, package.description),
        model=package.description,
        device=device.describe(),
    )


def register_case(job: RegistrationJob, progress: Progress | None = None) -> RegistrationResult:
    """Register the moving (arterial) onto the fixed (portal) volume and write what the job asks for.

    The coarse livers are found first, because registration within them is both better and faster.
    Raises as `segment_case` does; then nothing is written.
    """
    progress = progress or Progress()
    check_registration_outputs(job)
    package, device = find_model(job.model), choose_device(job.device)
    fixed = read_phase(job.fixed, job.fixed_series, "portal", progress.part(0.0, 0.05, "reading"))
    moving = read_phase(job.moving, job.moving_series, "arterial", progress.part(0.05, 0.1, "reading"))
    settings = PostprocessingSettings()
    in_order = to_lps(fixed)
    stages = load_stages(package, device)
    liver = find_liver(in_order, "portal volume", stages, settings, progress.part(0.1, 0.3, "liver")).mask
    result = _register(in_order, to_lps(moving), liver, stages, settings, job.seed, progress.part(0.3, 0.95))
    result = replace(result, registered=back_to(result.registered, fixed))
    case = RegistrationCase(fixed=fixed, moving=moving, liver=back_to(liver, fixed), result=result)
    write_registration(case, job, progress.part(0.95, 1.0, "writing"))
    return result


def _register(
    portal: sitk.Image,
    arterial: sitk.Image,
    portal_liver: sitk.Image,
    stages: Stages,
    settings: PostprocessingSettings,
    seed: int,
    progress: Progress,
) -> RegistrationResult:
    """Find the arterial liver and register the arterial onto the portal phase."""
    arterial_liver = find_liver(
        arterial, "arterial volume", stages, settings, progress.part(0.0, 0.3, "liver, arterial phase")
    ).mask
    return register_arterial(
        portal, arterial, portal_liver, arterial_liver, seed, progress.part(0.3, 1.0, "registration")
    )


def _registration_notes(registration: RegistrationResult | None, model: ModelDescription) -> tuple[str, ...]:
    """Return what a user should read of how the arterial phase was used."""
    if registration is None:
        return ()
    verdict = registration.verdict
    notes = []
    if verdict.grade == "refused":
        notes.append(f"the arterial phase was not used: {verdict.reason}")
    elif verdict.grade == "doubtful":
        notes.append(f"the arterial phase was used, but look at how it fits: {verdict.reason}")
    if verdict.grade != "refused" and not model.takes_arterial:
        notes.append(
            f"the model {model.id!r} finds tumours in the portal phase alone; "
            "the arterial phase was used for the measurements"
        )
    return tuple(notes)


@contextmanager
def _heard_warnings() -> Iterator[list[str]]:
    """Collect what reading warns of; the list is filled when the block ends."""
    heard: list[str] = []
    with python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always", InputWarning)
        yield heard
    heard.extend(str(w.message) for w in caught if issubclass(w.category, InputWarning))
