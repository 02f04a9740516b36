"""The tumor stage on real slices of patients that validate: lesions outlined there, and slices that look free of any.

A slice is no volume: what the pipeline asks of one, such as a liver of 20 mL, is left out, and so is the second look,
whose features are those of bodies. A slice has itself as its neighbors, as in training.
"""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.pipeline.stages import (
    around_liver,
    find_liver,
    find_tumors,
    load_stages,
    tumor_instances,
)
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from LiverTumorAttentionLib.voxels.morphology import CORNERS
from LiverTumorAttentionLib.voxels.parts import whole_of
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


def _found(portal: sitk.Image, package: ModelPackage, device: str) -> NDArray[np.bool_]:
    """Return where tumor is found, a mask (z, y, x)."""
    values = dict(package.description.postprocessing)
    settings = from_mapping(
        PostprocessingSettings, values, where="model.json: postprocessing", error=ModelError
    )
    stages = load_stages(package, choose_device(device))
    try:
        liver = find_liver(portal, "portal", stages, settings, Progress(), smallest_ml=0.0)
    except InputError:  # no liver is found in it
        return np.zeros(portal.GetSize()[::-1], bool)
    tumors = find_tumors(portal, None, liver, stages, Progress())
    probability = around_liver(tumors.probability, portal, liver.mask)
    found = whole_of(tumor_instances(probability, liver.mask, settings), portal)
    return np.asarray(sitk.GetArrayFromImage(found) > LIVER)
