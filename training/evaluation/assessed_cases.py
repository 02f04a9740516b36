"""Cases that a model is assessed on, and their rows: real slices and volumes, phantoms, implants in real CT.

Everything goes through the library's own pipeline. A row of a case comes with the rows of its lesions or findings.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.io.volumes import read_image
from LiverTumorAttentionLib.metrics import LesionScores, evaluate_labels
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.phantoms import generate_phantom, write_phantom
from LiverTumorAttentionLib.phantoms.phantom import Phantom
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import CaseResult, segment_case
from LiverTumorAttentionLib.pipeline.stages import load_stages
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import TUMOR
from training.data.case import SourceCase
from training.data.layouts.reading import read_case
from training.data.real_volumes import RealVolume
from training.data.synthesis.implanted_cohort import implanted, read_background
from training.evaluation.assessment_tables import DIGITS
from training.evaluation.contrast import lesion_contrasts_hu
from training.evaluation.cost import Cost, measured_cost
from training.evaluation.lesions import ball_diameter_mm

DRAWN_SEEDS = range(300, 320)
"""Phantoms with as many lesions as the draw gives them."""
FREE_SEEDS = range(320, 330)
"""Phantoms without any."""
IMPLANTS_A_BACKGROUND = 5
"""Cases with implants of each background."""
MOST_LESIONS = 8
"""Implanted in a case."""
WHOLE_MM = 2000.0
"""A margin around the liver that shows all of a background."""

Made = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """How the pipeline is run."""

    model: str
    """Id or path."""
    device: str = "auto"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `SegmentationJob`, such as averaging."""

    def segment(self, portal: Path, arterial: Path | None) -> tuple[CaseResult, Cost]:
        """Segment a case; return the result and what it cost, reading included."""
        job = SegmentationJob(
            portal=str(portal),
            arterial=None if arterial is None else str(arterial),
            model=self.model,
            device=self.device,
            phases_as_given=True,  # what a model does with any volume is to be seen
            **self.settings,
        )
        with measured_cost() as cost:
            result = segment_case(job)
        return result, cost


def slice_row(case: SourceCase, package: ModelPackage, device: str) -> Made:
    """Score the liver stage on one slice, cut at the model's threshold, without what the pipeline asks of a volume."""
    threshold = package.description.postprocessing.get(
        "liver_threshold", PostprocessingSettings.liver_threshold
    )
    loaded = read_case(case)
    stages = load_stages(package, choose_device(device))
    probability = stages.liver.probabilities(loaded.portal, Progress())["liver"]
    found = sitk.GetArrayFromImage(resample_to_grid(probability, loaded.portal)) >= threshold
    truth = sitk.GetArrayFromImage(loaded.labels) > 0
    common, both = int((found & truth).sum()), int(found.sum() + truth.sum())
    area = float(np.prod(loaded.portal.GetSpacing()[:2])) / 100
    hu = sitk.GetArrayFromImage(loaded.portal)[truth]
    return {
        "patient": case.patient,
        "liver_cm2": round(float(truth.sum()) * area, 1),
        "liver_hu": round(float(np.median(hu))) if hu.size else "",
        "liver_dice": round(2 * common / both, 4) if both else 1.0,
        "over_cm2": round(float((found & ~truth).sum()) * area, 2),
        "under_cm2": round(float((truth & ~found).sum()) * area, 2),
    }, []


def volume_row(volume: RealVolume, data: Path, runner: Runner) -> Made:
    """Segment a real volume; every finding gets a row, so that it can be looked at and named."""
    result, cost = runner.segment(
        data / volume.portal, None if volume.arterial is None else data / volume.arterial
    )
    dice: float | str = ""
    if volume.liver is not None:
        truth = read_image(data / volume.liver, "label map") == volume.liver_value
        labels = sitk.Cast(truth, sitk.sitkUInt8)
        labels.CopyInformation(result.portal)
        scores = evaluate_labels(sitk.Cast(result.instances > 0, sitk.sitkUInt8), labels, {"liver": (1,)})
        dice = round(scores.labels["liver"].confusion.dice, 4)
    instances = sitk.GetArrayViewFromImage(result.instances)
    hu = sitk.GetArrayViewFromImage(result.portal)
    liver = hu[instances == 1]
    lesions = []
    for number, tumor in enumerate(result.tumors, start=TUMOR):
        inside = np.argwhere(instances == number)
        z, y, x = (int(at) for at in inside.mean(axis=0).round())
        lesions.append(
            {
                "finding": number - TUMOR + 1,
                "volume_ml": round(tumor.volume_ml, 2),
                "slice": z,
                "row": y,
                "column": x,
                "hu": round(float(np.median(hu[instances == number]))),
                "liver_hu": round(float(np.median(liver))),
            }
        )
    return {
        "use": volume.use,
        "phase": volume.phase if volume.arterial is None else "portal and arterial",
        "tumors": volume.tumors,
        "liver_ml": round(result.case.liver_volume_ml),
        "liver_hu": round(float(np.median(liver))),
        "liver_dice": dice,
        "findings": len(result.tumors),
        "findings_ml": round(sum(tumor.volume_ml for tumor in result.tumors), 2),
        **cost.cells(),
    }, lesions


def phantom_row(seed: int, size: str, runner: Runner, *, arterial: bool) -> Made:
    """Generate, segment and score a phantom; without the arterial phase unless it is asked for."""
    written = _phantom(seed, size)
    result, cost = runner.segment(
        written.folder / "portal.nii.gz", written.folder / "arterial.nii.gz" if arterial else None
    )
    phantom = written.phantom
    found, scores = _scored(result, phantom.labels)
    truth = sitk.GetArrayViewFromImage(phantom.instances)
    lesions = [
        {
            "kind": lesion.kind,
            "diameter_mm": round(lesion.diameter_mm, 1),
            "covered": round(float((found[truth == lesion.instance] == TUMOR).mean()), 3),
        }
        for lesion in phantom.lesions
    ]
    images = (phantom.portal, phantom.arterial, phantom.labels)
    return {
        "size": size,
        "voxels": voxels_digest([sitk.GetArrayViewFromImage(image) for image in images]),
        "lesions": len(phantom.lesions),
        **scores.cells(),
        **cost.cells(),
    }, lesions


def implant_row(name: str, number: int, data: Path, liver_model: str, runner: Runner) -> Made:
    """Implant lesions into a real volume that validates, the same ones for every model, and score what is found.

    name: of the background, as `background_names` gives it. liver_model: whose liver stage says where lesions may lie,
    by id or path.
    """
    background = read_background(data, name, liver_model, WHOLE_MM)
    rng = np.random.default_rng((number, 4, *name.encode()))  # apart from the streams of cohorts
    phases, labels = implanted(background, rng, int(rng.integers(1, MOST_LESIONS + 1)))
    grid = background.phases["portal"]
    with tempfile.TemporaryDirectory() as folder:
        paths = {phase: Path(folder) / f"{phase}.nii.gz" for phase in phases}
        for phase, path in paths.items():
            image = sitk.GetImageFromArray(phases[phase])
            image.CopyInformation(grid)
            sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=1)
        result, cost = runner.segment(paths["portal"], paths.get("arterial"))
    truth = sitk.GetImageFromArray(labels)
    truth.CopyInformation(result.instances)
    _, scores = _scored(result, truth)
    z, y, x = grid.GetSpacing()[::-1]
    contrasts = lesion_contrasts_hu(labels, phases, (z, y, x))
    lesions = [
        {
            "diameter_mm": round(ball_diameter_mm(lesion.volume_ml), 1),
            "contrast_hu": round(contrast, 1),
            "covered": round(lesion.overlap, 3),
        }
        for lesion, contrast in zip(scores.lesions.lesions, contrasts, strict=True)
    ]
    return {
        "background": name,
        "voxels": voxels_digest([*phases.values(), labels]),
        "lesions": len(lesions),
        **scores.cells(),
        **cost.cells(),
    }, lesions


def voxels_digest(arrays: Sequence[NDArray[Any]]) -> str:
    """Return the first digits of the SHA-256 of a generated case: whether two rows are of the same voxels."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:DIGITS]


@dataclass(frozen=True)
class _Written:
    """A phantom and the folder that it lies in, which is removed with this."""

    phantom: Phantom
    temporary: tempfile.TemporaryDirectory[str]

    @property
    def folder(self) -> Path:
        return Path(self.temporary.name)


@functools.lru_cache(maxsize=1)
def _phantom(seed: int, size: str) -> _Written:
    """Return a phantom, generated once for what is done with it one after the other."""
    phantom = generate_phantom(seed, size=size, lesions=0 if seed in FREE_SEEDS else None)
    temporary = tempfile.TemporaryDirectory()
    write_phantom(phantom, Path(temporary.name))
    return _Written(phantom, temporary)


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """What is scored of a case whose tumors are known."""

    lesions: LesionScores
    findings: int
    liver_dice: float
    tumor_dice: float

    def cells(self) -> dict[str, Any]:
        return {
            "findings": self.findings,
            "false_findings": self.lesions.false_findings,
            "liver_dice": round(self.liver_dice, 4),
            "tumor_dice": round(self.tumor_dice, 4),
        }


def _scored(result: CaseResult, truth: sitk.Image) -> tuple[NDArray[np.uint8], _Scores]:
    """Return the labels that were found, (z, y, x), and their scores; truth: 0, 1 liver, 2 tumor on the same grid."""
    found = np.minimum(sitk.GetArrayViewFromImage(result.instances), TUMOR).astype(np.uint8)
    image = sitk.GetImageFromArray(found)
    image.CopyInformation(result.instances)
    scores = evaluate_labels(image, truth, {"liver": (1, 2), "tumor": (2,)})
    if scores.lesions is None:
        raise RuntimeError("tumors are scored lesion by lesion")
    return found, _Scores(
        lesions=scores.lesions,
        findings=len(result.tumors),
        liver_dice=scores.labels["liver"].confusion.dice,
        tumor_dice=scores.labels["tumor"].confusion.dice,
    )
