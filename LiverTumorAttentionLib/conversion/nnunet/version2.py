"""plans.json of version 2: the network that it plans, and how the network is run.

Only what is known is taken: an architecture, an argument, a normalization or a resampling that nnU-Net's own planners
do not write is refused by name, for a network that is run a little otherwise finds other things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.errors import ModelError

NETWORKS = {"PlainConvUNet": "plain_conv_unet", "ResidualEncoderUNet": "residual_encoder_unet"}
NORMALIZATIONS = {
    "CTNormalization": "ct",
    "ZScoreNormalization": "zscore",
    "RescaleTo01Normalization": "rescale",
    "NoNormalization": "none",
}
_NORMS_OF = {
    dimensions: {
        f"torch.nn.{place}{kind}Norm{dimensions}d": kind.lower()
        for kind in ("Instance", "Batch")
        for place in (f"modules.{kind.lower()}norm.", "")
    }
    for dimensions in (2, 3)
}
"""Our name of a normalization by its own name in plans for slices and for volumes."""
LINEAR = "resample_torch_fornnunet"
_IN_LINEAR = {"mode": "linear", "aniso_axis_mode": "nearest-exact", "memefficient_seg_resampling": False}
_OF_ALL = {"is_seg": False, "separate_z_anisotropy_threshold": 3.0}
RESAMPLINGS: dict[str, dict[str, Any]] = {
    "resample_data_or_seg_to_shape": {**_OF_ALL, "order": 3, "order_z": 0, "force_separate_z": False},
    LINEAR: {**_OF_ALL, **_IN_LINEAR, "num_threads": 4, "force_separate_z": None},
}
"""Functions that plans name, with their options and what each is unless plans say otherwise.

LINEAR is torch's interpolation, which has the weights of a spline of order 1, and of order 0 across slices. Departs: in
a cascade, labels whose shares half precision does not tell apart are told apart.
"""
_MOST_HEIRS = 10
_ARCHITECTURE_KEYS = frozenset(
    (
        *(
            "n_stages",
            "features_per_stage",
            "conv_op",
            "kernel_sizes",
            "strides",
            "n_conv_per_stage",
            "conv_bias",
        ),
        *(
            "n_blocks_per_stage",
            "n_conv_per_stage_decoder",
            "norm_op",
            "norm_op_kwargs",
            "dropout_op",
            "nonlin",
        ),
        *("dropout_op_kwargs", "nonlin_kwargs", "deep_supervision", "nonlin_first", "block", "stem_channels"),
        "bottleneck_channels",
    )
)

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network as our registry builds it."""

    network: str
    """Its name."""
    arguments: dict[str, Any]
    """Its arguments but in_channels and classes."""
    stride: tuple[int, ...]
    """What the sides of a patch are multiples of."""


def configuration_of(plans: Values, name: str, where: str) -> dict[str, Any]:
    """Return a configuration of the plans with what it inherits. Raises `ModelError`."""
    configurations = _table(plans.get("configurations"), f"{where}: configurations")
    found: dict[str, Any] = {}
    seen: list[str] = []
    heir: object = name
    while heir is not None:
        if not isinstance(heir, str) or heir not in configurations:
            near = nearest(str(heir), [key for key in configurations if isinstance(key, str)])
            raise ModelError(
                f"{where} has no configuration {shown(heir)}{near}: get the model again with its own plans"
            )
        if heir in seen or len(seen) > _MOST_HEIRS:
            raise ModelError(f"{where}: the configuration {name!r} inherits from itself: get the model again")
        seen.append(heir)
        own = _table(configurations[heir], f"{where}: {heir}")
        found = {**own, **found}
        heir = own.get("inherits_from")
    return found


def architecture_of(configuration: Values, where: str) -> Architecture:
    """Return the network that a configuration plans. Raises `ModelError`, which names what is not known."""
    name, given = _architecture(configuration, where)
    unknown = [key for key in given if key not in _ARCHITECTURE_KEYS]
    if unknown:
        raise _unknown(where, f"the argument {unknown[0]} of the network", given[unknown[0]])
    dimensions = len(_list(configuration.get("patch_size"), f"{where}: patch_size"))
    if dimensions not in _NORMS_OF:
        raise _unknown(where, "patch_size", configuration.get("patch_size"))
    for key, allowed in (
        ("conv_op", (f"torch.nn.modules.conv.Conv{dimensions}d", f"torch.nn.Conv{dimensions}d")),
        ("norm_op", tuple(_NORMS_OF[dimensions])),
        (
            "nonlin",
            tuple(f"torch.nn.{m}{k}" for m in ("modules.activation.", "") for k in ("LeakyReLU", "ReLU")),
        ),
        ("nonlin_first", (None, False)),
        ("bottleneck_channels", (None,)),
        ("block", (None, "dynamic_network_architectures.building_blocks.residual.BasicBlockD")),
    ):
        if given.get(key) not in allowed:
            raise _unknown(where, key, given.get(key))
    depth = given.get("n_stages")
    if not isinstance(depth, int) or not 2 <= depth <= 12:
        raise _unknown(where, "n_stages", depth)
    features = _repeated(given.get("features_per_stage"), depth)
    if given.get("stem_channels") not in (None, features[0]):
        raise _unknown(where, "stem_channels", given["stem_channels"])
    norm = _options(given.get("norm_op_kwargs"), {"eps": 1e-5, "affine": True}, "norm_op_kwargs", where)
    if norm["affine"] is not True:
        raise _unknown(where, "norm_op_kwargs", given.get("norm_op_kwargs"))
    leaky = str(given.get("nonlin")).endswith("LeakyReLU")
    nonlinearity = {"inplace": True, **({"negative_slope": 0.01} if leaky else {})}
    slope = _options(given.get("nonlin_kwargs"), nonlinearity, "nonlin_kwargs", where)
    bias = bool(given.get("conv_bias", False))
    strides = [_repeated(size, dimensions) for size in _repeated(given.get("strides"), depth)]
    counts = "convolutions" if name == "plain_conv_unet" else "blocks"
    theirs = "n_conv_per_stage" if name == "plain_conv_unet" else "n_blocks_per_stage"
    return Architecture(
        network=name,
        arguments={
            "features": features,
            "kernels": [_repeated(size, dimensions) for size in _repeated(given.get("kernel_sizes"), depth)],
            "strides": strides,
            counts: _repeated(given.get(theirs), depth),
            "decoder_convolutions": _repeated(given.get("n_conv_per_stage_decoder"), depth - 1),
            "bias": bias,
            "transposed_bias": bias,
            "output_bias": True,
            "epsilon": norm["eps"],
            "normalization": _NORMS_OF[dimensions][str(given.get("norm_op"))],
            "slope": slope.get("negative_slope", 0.0),
        },
        stride=tuple(math.prod(step[axis] for step in strides) for axis in range(dimensions)),
    )


def run_of(
    configuration: Values, plans: Values, name: str, phases: Sequence[str], mirror_axes: object, where: str
) -> dict[str, Any]:
    """Return how the network is run, as model.json has it. Raises `ModelError`, which names what is not known.

    name: of the configuration. phases: of the channels, in order. mirror_axes: as the checkpoint has them.
    """
    if configuration.get("preprocessor_name", "DefaultPreprocessor") != "DefaultPreprocessor":
        raise _unknown(where, "preprocessor_name", configuration["preprocessor_name"])
    if plans.get("label_manager", "LabelManager") != "LabelManager":
        raise _unknown(where, "label_manager", plans["label_manager"])
    return {
        "configuration": name,
        "channels": [
            {"phase": phase, **_normalization(configuration, plans, number, where)}
            for number, phase in enumerate(phases)
        ],
        "normalize_first": True,
        "spacing_mm": _list(configuration.get("spacing"), f"{where}: spacing"),
        "image_resampling": _resampling(configuration, "data", where),
        "label_resampling": _resampling(configuration, "seg", where),
        "output_resampling": _resampling(configuration, "probabilities", where),
        "patch": _list(configuration.get("patch_size"), f"{where}: patch_size"),
        "mirror_axes": sorted(_list(mirror_axes, f"{where}: mirror axes")) if mirror_axes is not None else [],
        "averaged": "logits",
    }


def _architecture(configuration: Values, where: str) -> tuple[str, Values]:
    """Return our name of the network and nnU-Net's arguments, of plans old and new."""
    described = configuration.get("architecture")
    if described is None:  # before version 2.3.1
        name = configuration.get("UNet_class_name")
        if not isinstance(name, str) or name not in NETWORKS:
            raise _unknown(where, "the network", name)
        width, widest = (
            configuration.get(key) for key in ("UNet_base_num_features", "unet_max_num_features")
        )
        counts = _list(configuration.get("n_conv_per_stage_encoder"), f"{where}: n_conv_per_stage_encoder")
        if not isinstance(width, int) or not isinstance(widest, int):
            raise _unknown(where, "UNet_base_num_features", width)
        dimensions = len(_list(configuration.get("patch_size"), f"{where}: patch_size"))
        return NETWORKS[name], {
            "n_stages": len(counts),
            "features_per_stage": [min(width * 2**level, widest) for level in range(min(len(counts), 20))],
            "conv_op": f"torch.nn.Conv{dimensions}d",
            "norm_op": f"torch.nn.InstanceNorm{dimensions}d",
            "nonlin": "torch.nn.LeakyReLU",
            "kernel_sizes": configuration.get("conv_kernel_sizes"),
            "strides": configuration.get("pool_op_kernel_sizes"),
            "n_conv_per_stage" if name == "PlainConvUNet" else "n_blocks_per_stage": counts,
            "n_conv_per_stage_decoder": configuration.get("n_conv_per_stage_decoder"),
            "conv_bias": True,
        }
    described = _table(described, f"{where}: architecture")
    place, _, name = str(described.get("network_class_name")).rpartition(".")
    if name not in NETWORKS or not place.startswith("dynamic_network_architectures.architectures."):
        raise _unknown(where, "the network", described.get("network_class_name"))
    return NETWORKS[name], _table(described.get("arch_kwargs"), f"{where}: arch_kwargs")


def _normalization(configuration: Values, plans: Values, number: int, where: str) -> dict[str, Any]:
    schemes = _list(configuration.get("normalization_schemes"), f"{where}: normalization_schemes")
    scheme = schemes[number] if number < len(schemes) else None
    if not isinstance(scheme, str) or scheme not in NORMALIZATIONS:
        raise _unknown(where, "the normalization", scheme)
    kind = NORMALIZATIONS[scheme]
    masks = configuration.get("use_mask_for_norm") or []
    masked = isinstance(masks, Sequence) and number < len(masks) and masks[number] is True
    if kind != "ct":
        return {"normalization": kind, "only_nonzero": masked and kind == "zscore"}
    measured = plans.get(
        "foreground_intensity_properties_per_channel",
        plans.get("foreground_intensity_properties_by_modality"),
    )
    of_channel = _table(measured, f"{where}: foreground intensities").get(str(number))
    return ct_normalization(_table(of_channel, f"{where}: foreground intensities of channel {number}"), "std")


def ct_normalization(measured: Values, spread: str) -> dict[str, Any]:
    """Return the normalization of CT by what was measured in the foreground. spread: name of the deviation there."""
    return {
        "normalization": "ct",
        "clip_hu": [measured.get("percentile_00_5"), measured.get("percentile_99_5")],
        "mean_hu": measured.get("mean"),
        "spread_hu": measured.get(spread),
    }


def _resampling(configuration: Values, of: str, where: str) -> dict[str, Any]:
    name = configuration.get(f"resampling_fn_{of}")
    if not isinstance(name, str) or name not in RESAMPLINGS:
        raise _unknown(where, f"resampling_fn_{of}", name)
    kwargs = f"resampling_fn_{of}_kwargs"
    given = _options(configuration.get(kwargs), RESAMPLINGS[name], kwargs, where)
    if given["is_seg"] is not (of == "seg"):
        raise _unknown(where, kwargs, given)
    if name == LINEAR:
        other = next((key for key, value in _IN_LINEAR.items() if given[key] != value), None)
        if other is not None:
            raise _unknown(where, f"{kwargs}: {other}", given[other])
    return {
        "order": given.get("order", 1),
        "order_z": given.get("order_z", 0),
        "separate_z": given["force_separate_z"],
        "anisotropy_threshold": given["separate_z_anisotropy_threshold"],
    }


def _options(given: object, known: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """Return the options given on top of their defaults. Raises `ModelError` for one that is not known."""
    told = _table({} if given is None else given, f"{where}: {name}")
    for key in told:
        if key not in known:
            raise _unknown(where, f"{name}: {key}", told[key])
    return {**known, **told}


def _repeated(value: object, count: int) -> list[Any]:
    """Return a list of one value for each of `count`: the list itself, or one value for all."""
    return [value] * count if isinstance(value, int) else _list(value, "a list of the network")


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ModelError(f"{name} must be a list, got {shown(value)}: get the model again with its own plans")
    return list(value)


def _table(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ModelError(
            f"{name} must have named fields, got {shown(value)}: get the model again with its own plans"
        )
    return dict(value)


def _unknown(where: str, what: str, got: object) -> ModelError:
    return ModelError(
        f"{where}: {what} is {shown(got)}, which this program does not know and so cannot repeat: choose a model that "
        "was planned by nnU-Net's own planners"
    )
