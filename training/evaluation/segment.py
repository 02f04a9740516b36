"""Segmentation of a case by a run's network: a label map on the portal grid, by the library's inference."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import LiverStage, TumorStage, choose_device
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.pipeline.stages import (
    FoundLiver,
    Stages,
    find_liver,
    on_portal_grid,
    tumor_instances,
)
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from training.runs.run_folder import Run, run_name

DIGITS = 16
"""Of a SHA-256 that are kept."""
POSTPROCESSING = PostprocessingSettings()


@dataclass(frozen=True, kw_only=True)
class CoarseLiver:
    """Where a tumor stage gets its coarse liver from."""

    run: Path | None = None
    """A run whose network finds the liver."""
    model: str | None = None
    """Or a model, by its id or path. With neither, the liver is that of the truth."""

    @property
    def name(self) -> str:
        """What the scores call it: "truth", or the run or model with the first digits of its weights' SHA-256."""
        if self.run is not None:
            return f"{run_name(self.run)} {weights_sha256(self.run)}"
        if self.model is not None:
            description = find_model(self.model).description
            return f"{description.id} {description.liver_stage.sha256[:DIGITS]}"
        return "truth"

    def mask(self, portal: sitk.Image, truth: sitk.Image, device: str) -> sitk.Image:
        """Return the coarse liver as a uint8 mask on the portal grid; it is empty where none was found."""
        if self.run is None and self.model is None:
            liver: sitk.Image = sitk.Cast(truth >= LIVER, sitk.sitkUInt8)
            if not _any(liver):
                raise InputError("its labels show no liver: check what their values mean")
            return liver
        stage: LiverStage | TumorStage
        if self.run is not None:
            stage = run_stage(self.run, device)
        else:
            stage = _model_liver(str(self.model), device)
        if not isinstance(stage, LiverStage):
            raise InputError(f"the run '{self.run}' finds no liver: name one of a recipe that does")
        return _found_liver(stage, portal).mask


@dataclass(frozen=True, kw_only=True)
class Segmented:
    """What a stage finds in a case."""

    labels: sitk.Image
    """0 background, 1 liver, 2 tumor as uint8 on the portal grid."""
    tumor: sitk.Image | None = None
    """The probability of tumor on that grid; None where the stage gives none, or where more than the probability
    decides ("postprocessed", no liver)."""


def segment(
    stage: LiverStage | TumorStage,
    portal: sitk.Image,
    arterial: sitk.Image | None,
    coarse: sitk.Image | None,
    keep: str,
    tumor_threshold: float = 0.5,
) -> Segmented:
    """Return the label map on the portal grid, and the probability it comes from.

    portal: HU, in LPS order. arterial: on the portal grid, None without one. coarse: for a tumor stage, its liver.
    keep: "raw" is the most probable class of every voxel, probabilities brought linearly from the stage's grid;
    "postprocessed" what the pipeline would keep of them. tumor_threshold: of a tumor stage. A stage that finds the
    liver alone gives no 2.
    """
    if isinstance(stage, TumorStage):
        if coarse is None or not _any(coarse):
            return Segmented(labels=_empty(portal))
        probability = stage.probability(portal, arterial, coarse, Progress())
        if keep == "postprocessed":
            return Segmented(labels=_kept(probability, coarse, portal, settings_at(tumor_threshold)))
        tumor = resample_to_grid(probability, portal, outside=0.0)
        return Segmented(labels=with_tumor(coarse, tumor, tumor_threshold), tumor=tumor)
    if keep == "postprocessed":
        found = _found_liver(stage, portal)
        labels = found.mask if found.tumor is None else _kept(found.tumor, found.mask, portal)
        return Segmented(labels=labels)
    probabilities = {
        name: resample_to_grid(image, portal)
        for name, image in stage.probabilities(portal, Progress()).items()
    }
    return Segmented(labels=_most_probable(probabilities), tumor=probabilities.get("tumor"))


def weights_sha256(folder: Path) -> str:
    """Return the first digits of the SHA-256 of a run's weights. Raises `InputError` when there are none."""
    return hashlib.sha256(Run.read(folder).weights.read_bytes()).hexdigest()[:DIGITS]


def run_stage(folder: Path, device: str) -> LiverStage | TumorStage:
    """Return a run's stage with its best weights, built once in every process. Raises `InputError`."""
    written = Run.read(folder).weights.stat()
    return _built(folder, device, (written.st_mtime_ns, written.st_size))


@functools.lru_cache(maxsize=2)
def _built(folder: Path, device: str, written: tuple[int, int]) -> LiverStage | TumorStage:
    """Build a run's stage; `written` distinguishes its weights from those of a longer training."""
    import safetensors.torch

    run = Run.read(folder)
    described = run.recipe.stage
    network = build_network(described.network, **described.arguments)
    try:
        network.load_state_dict(safetensors.torch.load_file(run.weights))
    except (RuntimeError, OSError, safetensors.SafetensorError) as error:
        raise InputError(
            f"the weights '{run.weights}' do not fit the network {described.network!r} ({error}): they are damaged, "
            "or were trained by another version"
            ": train again, or use the version that trained them"
        ) from error
    kind = TumorStage if described.name == "tumor" else LiverStage
    return kind(described, network, choose_device(device))


@functools.lru_cache(maxsize=1)
def _model_liver(model: str, device: str) -> LiverStage:
    return LiverStage.of(find_model(model), choose_device(device))


def _found_liver(stage: LiverStage, portal: sitk.Image) -> FoundLiver:
    """Return the liver as the pipeline finds it; where it would find none, an empty one."""
    try:
        return find_liver(
            portal,
            "portal",
            Stages(liver=stage, tumor=None, recorder=None),
            POSTPROCESSING,
            Progress(),
        )
    except InputError:
        return FoundLiver(mask=_empty(portal), tumor=None)


def settings_at(tumor_threshold: float) -> PostprocessingSettings:
    """Return the pipeline's settings with another threshold; what none of a tumor's voxels reaches rises with it."""
    least_peak = max(POSTPROCESSING.minimum_peak_probability, tumor_threshold)
    return replace(POSTPROCESSING, tumor_threshold=tumor_threshold, minimum_peak_probability=least_peak)


def _kept(
    probability: sitk.Image,
    liver: sitk.Image,
    portal: sitk.Image,
    settings: PostprocessingSettings = POSTPROCESSING,
) -> sitk.Image:
    """Return what the pipeline keeps of a probability of tumor."""
    instances = tumor_instances(on_portal_grid(probability, portal, liver), liver, settings)
    return _image(np.minimum(sitk.GetArrayViewFromImage(instances), TUMOR), portal)


def with_tumor(coarse: sitk.Image, probability: sitk.Image, threshold: float) -> sitk.Image:
    """Return the coarse liver with tumor where the probability is above the threshold."""
    labels = sitk.GetArrayFromImage(coarse)
    labels[sitk.GetArrayViewFromImage(probability) > threshold] = TUMOR
    return _image(labels, coarse)


def _most_probable(probabilities: dict[str, sitk.Image]) -> sitk.Image:
    """Return the most probable class; the probability of liver includes that of tumor."""
    liver = sitk.GetArrayViewFromImage(probabilities["liver"])
    if "tumor" not in probabilities:
        return _image(liver > 0.5, probabilities["liver"])
    tumor = sitk.GetArrayViewFromImage(probabilities["tumor"])
    classes = np.stack([1.0 - liver, liver - tumor, tumor])
    return _image(classes.argmax(axis=0), probabilities["liver"])


def _empty(grid: sitk.Image) -> sitk.Image:
    return _image(np.zeros(grid.GetSize()[::-1], np.uint8), grid)


def _image(array: NDArray[np.generic], grid: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(array.astype(np.uint8))
    image.CopyInformation(grid)
    return image


def _any(mask: sitk.Image) -> bool:
    return bool(sitk.GetArrayViewFromImage(mask).any())
