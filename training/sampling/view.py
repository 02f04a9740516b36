"""A training sample, and what of a case the network is given and asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference.stage_input import LIVER_MEDIAN, intensity_of, measured_names
from LiverTumorAttentionLib.models.stage_description import StageDescription
from training.augmentation import TISSUE_HU, varied, varied_hu
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample and its truth."""

    inputs: tuple[NDArray[np.float32], ...]
    """One a phase, (channels, *size); channels are neighboring slices, or one for volumes."""
    truth: NDArray[np.uint8]
    """Class numbers, (*size); (2 * neighbors + 1, Y, X) for the 3D BE-loss, which looks at the neighbors."""
    case: str
    """Name of the case that it is cut from."""


CLASS_NUMBERS: Mapping[str, NDArray[np.uint8]] = {
    "liver": np.array([0, 1, 1], np.uint8),
    "tumor": np.array([0, 0, 1], np.uint8),
    "liver_and_tumor": np.array([0, 1, 2], np.uint8),
}
"""Of each stage: its class for background, liver and tumor, which the labels call 0, 1 and 2."""


def network_input(
    hu: NDArray, case: PreparedCase, phase: str, stage: StageDescription
) -> NDArray[np.float32]:
    """Return Hounsfield units of a phase as the network sees them, as inference makes them."""
    return intensity_of(stage.intensity, case.intensity.get(phase, {}))(hu)


def tissue_hu(case: PreparedCase, phase: str) -> float:
    """Return the level about which a phase's contrast is varied: the liver's, where the case says it.

    A scan with another contrast has its liver where it was; so the median that the input is relative to still holds.
    """
    return case.intensity.get(phase, {}).get(LIVER_MEDIAN, TISSUE_HU)


def sample_inputs(
    case: PreparedCase,
    recipe: Recipe,
    rng: np.random.Generator,
    hu_of: Callable[[str], NDArray[np.generic]],
    visible: NDArray[np.uint8] | None,
) -> tuple[NDArray[np.float32], ...]:
    """Return the network's inputs of a sample, one a phase, with random intensities.

    hu_of: the sample's Hounsfield units of a phase. visible: 0 where the input is masked; None masks nothing.
    """
    inputs: list[NDArray[np.float32]] = []
    for place, phase in enumerate(phases_of(case, recipe, rng)):
        if place and phase == "portal":
            inputs.append(inputs[0])  # in place of the arterial phase: the same values, as at inference
            continue
        hu = varied_hu(rng, recipe.augmentation, hu_of(phase), tissue_hu=tissue_hu(case, phase))
        values = varied(rng, recipe.augmentation, network_input(hu, case, phase, recipe.stage))
        inputs.append(values if visible is None else values * visible)
    return tuple(inputs)


def phases_of(case: PreparedCase, recipe: Recipe, rng: np.random.Generator) -> Sequence[str]:
    """Return the phases whose volumes a sample shows, in the order of the network's arguments.

    A stage that does without an arterial phase is given the portal one in its place; so is the share of samples that
    `portal_for_arterial_share` names.
    """
    replaced = recipe.augmentation.portal_for_arterial_share
    if replaced and rng.random() < replaced:
        return ("portal",) * len(recipe.stage.phases)
    if recipe.sampling.either_phase and case.has("arterial") and rng.random() < 0.5:
        return ("arterial",)
    return tuple(phase if case.has(phase) else "portal" for phase in recipe.stage.phases)


def check_case(case: PreparedCase, stage: StageDescription) -> None:
    """Raise `InputError` when a case lacks what the stage needs, or its arrays do not lie on one grid."""
    if "arterial" in stage.phases and stage.missing_phase == "refuse" and not case.has("arterial"):
        raise InputError(
            f"the prepared case {case.name!r} has no arterial phase, which the {stage.name} stage needs: "
            "train without it, or on the portal phase alone"
        )
    phases = [phase for phase in ("portal", "arterial") if phase == "portal" or case.has(phase)]
    arrays = {**{phase: case.volume(phase) for phase in phases}, "inside": case.inside}
    shape = case.labels.shape
    for name, array in arrays.items():
        if array is not None and array.shape != shape:
            raise InputError(
                f"the prepared case {case.name!r} has {name} of {array.shape} voxels (z, y, x) and labels of {shape}: "
                "prepare it again"
            )
    wanted = set(measured_names(stage.intensity))
    for phase in phases:
        missing = wanted - set(case.intensity.get(phase, {}))
        if missing:
            raise InputError(
                f"the prepared case {case.name!r} does not say how to scale its {phase} phase "
                f"({', '.join(sorted(missing))} is missing): prepare it again with this recipe"
            )
