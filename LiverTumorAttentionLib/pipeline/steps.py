"""The steps of the way through that need more than one package: reading, registration, lesions."""

from __future__ import annotations

import SimpleITK as sitk

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.io import check_ct, read_volume
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.postprocessing import (
    PostprocessingSettings,
    instances_from_probability,
)
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationResult, register_phases
from LiverTumorAttentionLib.voxels.boxes import box_start, crop_image, full_box, mask_box

SMALLEST_SHARED_LIVER = 0.05
"""An arterial volume that holds less of the portal volume's liver than this shows another region."""
BOX_MARGIN_MM = 15.0
"""How far around the liver its tumours' probability is kept."""


def read_phase(path: str, series: str | None, phase: str, progress: Progress) -> sitk.Image:
    """Return the CT of a phase ("portal" or "arterial") on its own grid, checked to be CT in HU."""
    progress.update(0.0, f"{phase} volume")
    image = read_volume(path, series=series, phase=phase, name=f"{phase} volume")
    check_ct(image, f"{phase} volume")
    return image


def postprocessing_settings(package: ModelPackage, job: SegmentationJob) -> PostprocessingSettings:
    """Return the model's settings with what the job sets itself."""
    values = dict(package.description.postprocessing)
    if job.minimum_diameter_mm is not None:
        values["minimum_diameter_mm"] = job.minimum_diameter_mm
    if job.tumor_threshold is not None:
        values["tumor_threshold"] = job.tumor_threshold
        values["minimum_peak_probability"] = max(
            job.tumor_threshold,
            values.get("minimum_peak_probability", PostprocessingSettings.minimum_peak_probability),
        )
    return from_mapping(PostprocessingSettings, values, where="model.json: postprocessing", error=ModelError)


def register_arterial(
    portal: sitk.Image,
    arterial: sitk.Image,
    portal_liver: sitk.Image,
    arterial_liver: sitk.Image,
    seed: int,
    progress: Progress,
) -> RegistrationResult:
    """Register the arterial onto the portal phase with both livers known.

    Raises `InputError` when the arterial volume shows another region.
    """
    result = register_phases(
        portal,
        arterial,
        portal_liver=portal_liver,
        arterial_liver=arterial_liver,
        progress=progress,
        seed=seed,
    )
    share = result.verdict.liver_share_inside
    if share < SMALLEST_SHARED_LIVER:
        raise InputError(
            f"the arterial volume holds {100 * share:.0f} % of the liver seen in the portal volume, so it shows "
            "another region: choose another series, or segment without it"
        )
    return result


def on_portal_grid(coarse: sitk.Image, portal: sitk.Image, liver: sitk.Image) -> sitk.Image:
    """Return the tumour probability on the whole portal grid, float32; only the liver's box is computed."""
    whole = sitk.Image(portal.GetSize(), sitk.sitkFloat32)
    whole.CopyInformation(portal)
    box = mask_box(liver, margin_mm=BOX_MARGIN_MM) or full_box(portal.GetSize()[::-1])
    computed = resample_to_grid(coarse, crop_image(portal, box), outside=0.0)
    return sitk.Paste(whole, computed, computed.GetSize(), [0, 0, 0], box_start(box)[::-1].tolist())


def tumor_instances(
    probability: sitk.Image, liver: sitk.Image, settings: PostprocessingSettings
) -> sitk.Image:
    """Return the liver and its tumours one by one as a uint16 image on the portal grid."""
    instances = instances_from_probability(
        sitk.GetArrayViewFromImage(probability),
        sitk.GetArrayFromImage(liver).astype(bool),
        spacing_zyx_mm=probability.GetSpacing()[::-1],
        settings=settings,
    )
    image = sitk.GetImageFromArray(instances)
    image.CopyInformation(probability)
    return image
