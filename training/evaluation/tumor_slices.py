"""The tumor stage on real slices of patients that validate: lesions outlined there, and slices that look free of any.

A slice is no volume: what the pipeline asks of one, such as a liver of 20 mL, is left out, and so is the second look,
whose features are those of bodies. A slice has itself as its neighbors, as in training.
"""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.pipeline.liver_mask import reaching
from LiverTumorAttentionLib.pipeline.stages import FoundLiver, find_tumors, load_stages
from LiverTumorAttentionLib.postprocessing import (
    PostprocessingSettings,
    instances_from_probability,
    liver_from_candidates,
)
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from LiverTumorAttentionLib.voxels.morphology import CORNERS
from LiverTumorAttentionLib.voxels.parts import image_in_box, whole_of
from training.data.case import SourceCase
from training.data.layouts.reading import read_case
from training.evaluation.assessed_cases import Made


def tumor_slice_row(case: SourceCase, package: ModelPackage, device: str) -> Made:
    """Score what is found on one slice; one row of its outlined lesions each. case: of one of the two layouts."""
    loaded = read_case(case)
    found = _found(loaded.portal, package, device)
    truth = sitk.GetArrayViewFromImage(loaded.labels) >= TUMOR
    lesions, count = ndimage.label(truth, CORNERS)
    findings, most = ndimage.label(found, CORNERS)
    area_mm2 = float(np.prod(loaded.portal.GetSpacing()[:2]))
    rows = []
    for number in range(1, count + 1):
        lesion = lesions == number
        diameter_mm = 2 * math.sqrt(np.count_nonzero(lesion) * area_mm2 / math.pi)
        rows.append({"diameter_mm": round(diameter_mm, 1), "covered": round(float(found[lesion].mean()), 3)})
    touching = {int(value) for value in np.unique(findings[truth])} - {0}
    both, sizes = np.count_nonzero(found & truth), np.count_nonzero(found) + np.count_nonzero(truth)
    return {
        "patient": case.patient,
        "tumors": case.facts.get("tumors", ""),
        "lesions": count,
        "findings": most,
        "false_findings": most - len(touching),
        "tumor_dice": round(2 * both / sizes, 4) if sizes else "",
    }, rows


def _found(portal: sitk.Image, package: ModelPackage, device: str) -> np.ndarray:
    """Return where tumor is found, a mask (z, y, x)."""
    values = dict(package.description.postprocessing)
    settings = from_mapping(
        PostprocessingSettings, values, where="model.json: postprocessing", error=ModelError
    )
    stages = load_stages(package, choose_device(device))
    probabilities = stages.liver.probabilities(portal, Progress())
    box, candidates = reaching(probabilities["liver"], settings.liver_threshold, portal)
    spacing = portal.GetSpacing()[::-1]
    organ = liver_from_candidates(candidates, spacing, opening_mm=settings.liver_opening_mm)
    if not organ.any():
        return np.zeros(portal.GetSize()[::-1], bool)
    liver = whole_of(image_in_box(organ.view(np.uint8), portal, box), portal)
    tumors = find_tumors(
        portal, None, FoundLiver(mask=liver, tumor=probabilities.get("tumor")), stages, Progress()
    )
    probability = sitk.GetArrayFromImage(resample_to_grid(tumors.probability, portal, outside=0.0))
    inside = sitk.GetArrayViewFromImage(liver).astype(bool)
    found = instances_from_probability(probability, inside, spacing_zyx_mm=spacing, settings=settings)
    return np.asarray(found > LIVER)
