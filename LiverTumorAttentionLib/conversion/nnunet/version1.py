"""plans.pkl of version 1: the network that it plans, and how the network is run.

Source: nnunet 1.7.1. It resamples before it normalizes, brings probabilities back where version 2 brings logits, has no
bias in its transposed and last convolutions, and gives each level of the decoder the kernel of the level below.
Departs: in a cascade the labels of the first network are cropped as the volume is. Version 1 crops the volume alone,
and lays the labels of all of it over what is left; both are the same unless zeros surround the volume.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.conversion.nnunet.trainers import CASCADE_1
from LiverTumorAttentionLib.conversion.nnunet.version2 import Architecture, ct_normalization
from LiverTumorAttentionLib.errors import ModelError

NORMALIZATIONS = {"CT": "ct", "nonCT": "zscore", "noNorm": "none"}
PREPROCESSORS = ("GenericPreprocessor", "PreprocessorFor2D")
MOST_FEATURES = {3: 320, 2: 480}
CONVOLUTIONS = 2
"""Of a level, where the plans do not say how many: those of 2d networks never do."""
CLASSES_OF = "all_classes"
NOTES = ".pkl"
"""Ends the name of the file beside a checkpoint that says which trainer wrote it, with which arguments."""
_STAGE_GIVEN = 5
"""Which of a trainer's arguments is the number of the stage; those on several processors have one more before it."""

Values = Mapping[str, Any]


def stage_of(plans: Values, configuration: str, where: str) -> Values:
    """Return the plan of one configuration; the first of two is that of low resolution. Raises `ModelError`."""
    stages = plans.get("plans_per_stage")
    if not isinstance(stages, Mapping) or not stages:
        raise _unreadable(where, "plans_per_stage", stages)
    if len(stages) > 1 and not configuration:
        raise ModelError(
            f"{where} plans {len(stages)} networks, and nothing says which of them this one is: say it with "
            "--configuration 3d_lowres or 3d_fullres"
        )
    key = min(stages) if configuration == "3d_lowres" else max(stages)
    stage = stages[key]
    if not isinstance(stage, Mapping):
        raise _unreadable(where, "plans_per_stage", stage)
    return stage


def trained_configuration(trainer: str, given: object, plans: Values) -> str:
    """Return which of several configurations a network is, by the arguments of its trainer; "" where they say none."""
    stages = plans.get("plans_per_stage")
    place = _STAGE_GIVEN + ("_DDP" in trainer)
    if not isinstance(stages, Mapping) or not isinstance(given, list) or len(given) <= place:
        return ""
    stage = str(given[place])
    if len(stages) < 2 or stage not in stages:
        return ""
    if trainer.startswith(CASCADE_1):
        return "3d_cascade_fullres"
    return "3d_lowres" if stage == min(stages) else "3d_fullres"


def architecture_of(plans: Values, stage: Values, where: str) -> Architecture:
    """Return the network that is planned. Raises `ModelError`."""
    pools, kernels = (
        _lists(stage[key] if key in stage else counted(stage, where), f"{where}: {key}")
        for key, counted in (("pool_op_kernel_sizes", _pools), ("conv_kernel_sizes", _kernels))
    )
    dimensions = len(_numbers(stage.get("patch_size"), f"{where}: patch_size"))
    width, count = plans.get("base_num_features"), plans.get("conv_per_stage", CONVOLUTIONS)
    if (
        not isinstance(width, int)
        or not isinstance(count, int)
        or not 1 <= width <= 4096
        or not 1 <= count <= 40
    ):
        raise _unreadable(where, "base_num_features and conv_per_stage", (width, count))
    depth = len(pools) + 1
    if dimensions not in MOST_FEATURES or len(kernels) != depth or depth > 12:
        raise _unreadable(where, "conv_kernel_sizes", kernels)
    strides = [[1] * dimensions, *pools]
    if any(len(step) != dimensions for step in strides):
        raise _unreadable(where, "pool_op_kernel_sizes", pools)
    return Architecture(
        network="plain_conv_unet",
        arguments={
            "features": [min(width * 2**level, MOST_FEATURES[dimensions]) for level in range(depth)],
            "kernels": kernels,
            "strides": strides,
            "convolutions": [count] * depth,
            "decoder_convolutions": [count] * (depth - 1),
            "decoder_kernels": kernels[:0:-1],
            "bias": True,
            "transposed_bias": False,
            "output_bias": False,
        },
        stride=tuple(math.prod(step[axis] for step in strides) for axis in range(dimensions)),
    )


def run_of(
    plans: Values, stage: Values, name: str, phases: Sequence[str], where: str, *, mirrored: bool
) -> dict[str, Any]:
    """Return how the network is run, as model.json has it. Raises `ModelError`, which names what is not known."""
    preprocessor = plans.get("preprocessor_name")
    if preprocessor not in (None, *PREPROCESSORS):
        raise ModelError(
            f"{where}: the preprocessor is {shown(preprocessor)}, which this program does not know and so cannot "
            "repeat: choose a model that was planned by nnU-Net's own planners"
        )
    patch = _numbers(stage.get("patch_size"), f"{where}: patch_size")
    spacing = _numbers(stage.get("current_spacing"), f"{where}: current_spacing")
    return {
        "configuration": name or ("2d" if len(patch) == 2 else "3d_fullres"),
        "channels": [
            {"phase": phase, **_normalization(plans, number, where)} for number, phase in enumerate(phases)
        ],
        "normalize_first": False,
        "spacing_mm": spacing[-len(patch) :],
        "image_resampling": {"order": 3},
        "label_resampling": {"order": 1, "separate_z": False},
        "output_resampling": _output_resampling(plans, where),
        "patch": patch,
        "mirror_axes": list(range(len(patch))) if mirrored else [],
        "averaged": "probabilities",
    }


def transposition_of(plans: Values) -> object:
    """Return how the axes are turned; plans that leave one of both directions open turn nothing."""
    forward, backward = (plans.get(key) for key in ("transpose_forward", "transpose_backward"))
    return [0, 1, 2] if forward is None or backward is None else forward


def channel_names(plans: Values, where: str) -> dict[int, str]:
    """Return the names of the channels by number. Raises `ModelError`."""
    modalities = plans.get("modalities")
    if not isinstance(modalities, Mapping) or not modalities:
        raise _unreadable(where, "modalities", modalities)
    return {number: str(name) for number, (_, name) in enumerate(sorted(modalities.items()))}


def _normalization(plans: Values, number: int, where: str) -> dict[str, Any]:
    schemes, masks = (plans.get(key) or {} for key in ("normalization_schemes", "use_mask_for_norm"))
    scheme = schemes.get(str(number)) if isinstance(schemes, Mapping) else None
    if not isinstance(scheme, str) or scheme not in NORMALIZATIONS:
        raise ModelError(
            f"{where}: the normalization of channel {number} is {shown(scheme)}, which this program does not know and "
            "so cannot repeat: choose a model that was planned by nnU-Net's own planners"
        )
    masked = isinstance(masks, Mapping) and bool(masks.get(str(number)))
    if NORMALIZATIONS[scheme] != "ct":
        return {"normalization": NORMALIZATIONS[scheme], "only_nonzero": masked and scheme == "nonCT"}
    properties = plans.get("dataset_properties")
    measured = properties.get("intensityproperties") if isinstance(properties, Mapping) else None
    of_channel = measured.get(str(number)) if isinstance(measured, Mapping) else None
    if masked or not isinstance(of_channel, Mapping):
        raise _unreadable(where, f"intensityproperties of channel {number}", of_channel)
    return ct_normalization(of_channel, "sd")


def _output_resampling(plans: Values, where: str) -> dict[str, Any]:
    """Return how probabilities are brought back to the volume's grid; plans may say otherwise than is usual."""
    given = plans.get("segmentation_export_params")
    if given is None:
        return {"order": 1}
    names = {
        "interpolation_order": "order",
        "interpolation_order_z": "order_z",
        "force_separate_z": "separate_z",
    }
    if not isinstance(given, Mapping) or given.keys() != names.keys():
        raise _unreadable(where, "segmentation_export_params", given)
    return {names[key]: value for key, value in given.items()}


def _pools(stage: Values, where: str) -> list[list[int]]:
    """Return the strides of plans that do not list them: an axis of fewer steps begins to take them later."""
    steps = _counts(stage, where)
    return [[2 if level >= max(steps) - count else 1 for count in steps] for level in range(max(steps))]


def _kernels(stage: Values, where: str) -> list[list[int]]:
    """Return the kernels of plans that do not list them."""
    steps = _counts(stage, where)
    return [[3] * len(steps)] * (max(steps) + 1)


def _counts(stage: Values, where: str) -> list[int]:
    """Return how often each axis is halved."""
    steps = stage.get("num_pool_per_axis")
    if (
        not isinstance(steps, list)
        or not steps
        or not all(isinstance(n, int) and 0 <= n <= 11 for n in steps)
    ):
        raise _unreadable(where, "num_pool_per_axis", steps)
    return steps


def _numbers(value: object, name: str) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(each, int | float) for each in value):
        raise ModelError(
            f"{name} must be a list of numbers, got {shown(value)}: get the model again with its own plans"
        )
    return value


def _lists(value: object, name: str) -> list[list[Any]]:
    if not isinstance(value, list) or not all(isinstance(each, list) for each in value):
        raise ModelError(
            f"{name} must be a list of lists, got {shown(value)}: get the model again with its own plans"
        )
    return value


def _unreadable(where: str, what: str, got: object) -> ModelError:
    return ModelError(
        f"{where}: {what} cannot be used, got {shown(got)}: get the model again with its own plans"
    )
