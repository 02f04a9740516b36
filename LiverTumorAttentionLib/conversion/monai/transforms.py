"""A bundle's transforms before and after the network, and its inferer, as settings of a stage.

What changes nothing here (reading and writing of files, types of arrays) is passed over; what is not known is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.conversion.monai.config_values import BundleConfig
from LiverTumorAttentionLib.conversion.monai.parts import Part, known_name, parts_of
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.monai_settings import LargestParts
from LiverTumorAttentionLib.models.monai_steps import (
    PADDINGS,
    CropForeground,
    PadTo,
    ScaleExtremes,
    ScalePercentiles,
    ScaleRange,
    Spacing,
    Step,
    Threshold,
    ZScore,
)

PASSED_OVER = (
    *(
        "LoadImage",
        "EnsureChannelFirst",
        "AsChannelFirst",
        "AddChannel",
        "EnsureType",
        "ToTensor",
        "CastToType",
    ),
    *("SaveImage", "ToDevice", "DeleteItems", "SelectItems", "Identity", "SqueezeDim"),
)
"""Transforms that read, write, or change the type of what they are given."""
GENERAL = ("keys", "allow_missing_keys", "lazy", "dtype", "meta_keys", "meta_key_postfix")
"""Arguments that say what a transform is applied to and how it computes."""
IMAGE_KEY = "image"


@dataclass(frozen=True, kw_only=True)
class Before:
    """What is done before the network."""

    orientation: str | None
    """Where the axes run to; None where the bundle does not say."""
    steps: tuple[Step, ...]
    """The steps in order."""
    channels: tuple[str, ...]
    """The names that the bundle gives to the images that it stacks; () for one image."""


@dataclass(frozen=True, kw_only=True)
class After:
    """What is done after the network."""

    activation: str
    returned: str
    threshold: float
    largest_parts: tuple[LargestParts, ...]


def before_network(config: BundleConfig) -> Before:
    """Return what a bundle does before its network. Raises `ModelError` naming what is not understood."""
    orientation: str | None = None
    steps: list[Step] = []
    channels: tuple[str, ...] = ()
    known = (*_STEPS, *PASSED_OVER, "Orientation", "ConcatItems")
    for part in parts_of(config, "preprocessing"):
        name = known_name(part, known)
        if name is None:
            raise _unknown(config, part, "before the network")
        if name in PASSED_OVER or _keys(part) == ("label",):
            continue
        if name == "Orientation":
            part.expect((*GENERAL, "axcodes"), as_closest_canonical=False, labels=None)
            if orientation is not None or any(
                isinstance(step, Spacing | CropForeground | PadTo) for step in steps
            ):
                raise part.unclear("axcodes", part.get("axcodes"), "given once, before the spacing")
            orientation = str(part.get("axcodes"))
        elif name == "ConcatItems":
            part.expect((*GENERAL, "name"), dim=0)
            channels = _keys(part)
        else:
            steps.append(_STEPS[name](part))
    return Before(orientation=orientation, steps=tuple(steps), channels=channels)


def inferer_settings(config: BundleConfig) -> dict[str, Any]:
    """Return the settings of a bundle's sliding window, by the names of `MonaiSettings`. Raises `ModelError`."""
    part = Part(config, config.entry("inferer"), "inferer")
    if part.name == "SimpleInferer":
        part.expect(())
        return {"window": (0, 0, 0), "overlap": (0.0, 0.0, 0.0)}
    if part.name != "SlidingWindowInferer":
        raise ModelError(
            f"{config.where}: the inferer {part.target!r} is not known; known are SlidingWindowInferer and "
            "SimpleInferer: ask for a bundle with one of these"
        )
    aside = ("sw_batch_size", "sw_device", "device", "progress", "cache_roi_weight_map", "cpu_thresh")
    shape = ("roi_size", "overlap", "mode", "sigma_scale", "padding_mode", "cval")
    part.expect((*aside, *shape, "buffer_steps", "buffer_dim"), with_coord=False)
    sides = part.get("roi_size")
    sides = list(sides) if isinstance(sides, list | tuple) else [sides] * 3
    if len(sides) != 3 or not all(side is None or (isinstance(side, int) and side >= -1) for side in sides):
        raise part.unclear("roi_size", part.get("roi_size"), "three whole numbers")
    blending, padding = (
        str(part.get("mode", "constant")).lower(),
        str(part.get("padding_mode", "constant")).lower(),
    )
    if blending not in ("constant", "gaussian"):
        raise part.unclear("mode", blending, "'constant' or 'gaussian'")
    if padding not in PADDINGS:
        raise part.unclear("padding_mode", padding, f"one of {', '.join(PADDINGS)}")
    return {
        "window": tuple(max(side or 0, 0) for side in sides),
        "overlap": part.numbers("overlap", 0.25, count=3),
        "gaussian": blending == "gaussian",
        "gaussian_scale": part.numbers("sigma_scale", 0.125, count=3),
        "padding": padding,
        "padding_value": part.number("cval", 0.0),
    }


def after_network(config: BundleConfig) -> After:
    """Return what a bundle does after its network. Raises `ModelError` naming what is not understood."""
    known = (*PASSED_OVER, "Activations", "Invert", "AsDiscrete", "KeepLargestConnectedComponent")
    order: list[str] = []
    activation, threshold, nearest = "softmax", 0.5, False
    largest: list[LargestParts] = []
    for part in parts_of(config, "postprocessing"):
        name = known_name(part, known)
        if name is None:
            raise _unknown(config, part, "after the network")
        if name in PASSED_OVER:
            continue
        if name in order and name != "KeepLargestConnectedComponent":
            raise part.unclear("_target_", part.target, "there once")
        order.append(name)
        if name == "Activations":
            activation = _activation(part)
        elif name == "Invert":
            aside = ("transform", "orig_keys", "orig_meta_keys", "to_tensor", "device")
            part.expect((*GENERAL, *aside, "nearest_interp"), post_func=None)
            nearest = part.flag("nearest_interp", True)
        elif name == "AsDiscrete":
            threshold = _threshold(part, activation)
        else:
            if "AsDiscrete" not in order or ("Invert" not in order and _has(config, "Invert")):
                raise part.unclear("_target_", part.target, "after AsDiscrete and Invert")
            largest.append(_largest(part))
    return After(
        activation=activation,
        returned=_returned(config, order, nearest),
        threshold=threshold,
        largest_parts=tuple(largest),
    )


def _returned(config: BundleConfig, order: list[str], nearest: bool) -> str:
    """Return what is brought back onto the volume's grid: what there is when `Invert` comes.

    Without `Invert` MONAI's `SaveImage` brings the labels back to their nearest voxels.
    """
    if "Invert" not in order:
        return "labels"
    done = order[: order.index("Invert")]
    if "AsDiscrete" in done:
        if not nearest:
            raise ModelError(
                f"{config.where}: postprocessing: Invert brings labels back with nearest_interp false, which mixes them"
                ": correct it there"
            )
        return "labels"
    if nearest:  # the highest of the nearest values is the nearest of the highest
        return "labels"
    return "probabilities" if "Activations" in done else "logits"


def _has(config: BundleConfig, name: str) -> bool:
    return any(known_name(part, (name,)) for part in parts_of(config, "postprocessing"))


def _activation(part: Part) -> str:
    part.expect((*GENERAL, "softmax", "sigmoid"), other=None, dim=0)
    softmax, sigmoid = part.flag("softmax"), part.flag("sigmoid")
    if softmax == sigmoid:
        raise part.unclear("softmax", part.get("softmax"), "true, or sigmoid")
    return "sigmoid" if sigmoid else "softmax"


def _threshold(part: Part, activation: str) -> float:
    part.expect((*GENERAL, "argmax", "threshold"), to_onehot=None, rounding=None, dim=0, keepdim=True)
    wanted = "true for classes, and a threshold for outputs that overlap (sigmoid)"
    if part.flag("argmax") != (activation == "softmax"):
        raise part.unclear("argmax", part.get("argmax"), wanted)
    if activation == "softmax" and part.get("threshold") is not None:
        raise part.unclear("threshold", part.get("threshold"), "left out for classes")
    return part.number("threshold", 0.5) if activation == "sigmoid" else 0.5


def _largest(part: Part) -> LargestParts:
    part.expect(
        (*GENERAL, "applied_labels", "independent", "connectivity"), is_onehot=False, num_components=1
    )
    values = part.get("applied_labels")
    return LargestParts(
        values=() if values is None else tuple(int(one) for one in part.numbers("applied_labels")),
        independent=part.flag("independent", True),
        connectivity=int(part.number("connectivity", 3)) if part.get("connectivity") is not None else 3,
    )


def _keys(part: Part) -> tuple[str, ...]:
    keys = part.get("keys", IMAGE_KEY)
    return tuple(str(key) for key in keys) if isinstance(keys, list | tuple) else (str(keys),)


def _first(part: Part, name: str, default: str) -> str:
    """Return an argument that may be given once a key: that of the first one, which is the image."""
    value = part.get(name, default)
    return str(value[0] if isinstance(value, list | tuple) and value else value).lower()


def _spacing(part: Part) -> Step:
    only = {
        "diagonal": False,
        "min_pixdim": None,
        "max_pixdim": None,
        "recompute_affine": False,
        "scale_extent": False,
    }
    part.expect((*GENERAL, "pixdim", "mode", "padding_mode", "align_corners", "ensure_same_shape"), **only)
    if (mode := _first(part, "mode", "bilinear")) not in ("bilinear", "1"):
        raise part.unclear("mode", mode, "'bilinear'")
    if (padding := _first(part, "padding_mode", "border")) != "border":
        raise part.unclear("padding_mode", padding, "'border'")
    sides = part.numbers("pixdim")
    if len(sides) not in (1, 3):
        raise part.unclear("pixdim", sides, "one or three numbers")
    one, two, three = (side if side > 0 else None for side in (sides * 3 if len(sides) == 1 else sides))
    return Spacing(spacing_mm=(one, two, three))


def _pair(part: Part, low: str, high: str, default: tuple[float, float] | None = None) -> tuple[float, float]:
    first, second = default if default is not None else (None, None)
    return part.number(low, first), part.number(high, second)


def _scale_range(part: Part) -> Step:
    part.expect((*GENERAL, "a_min", "a_max", "b_min", "b_max", "clip"))
    source, clip = _pair(part, "a_min", "a_max"), part.flag("clip")
    if part.get("b_min") is None and part.get("b_max") is None and not clip:
        return ScaleRange(source=source)
    return ScaleRange(source=source, target=_pair(part, "b_min", "b_max"), clip=clip)


def _scale_percentiles(part: Part) -> Step:
    part.expect((*GENERAL, "lower", "upper", "b_min", "b_max", "clip", "relative", "channel_wise"))
    return ScalePercentiles(
        percentiles=_pair(part, "lower", "upper"),
        target=_pair(part, "b_min", "b_max"),
        clip=part.flag("clip"),
        relative=part.flag("relative"),
        channel_wise=part.flag("channel_wise"),
    )


def _z_score(part: Part) -> Step:
    part.expect((*GENERAL, "nonzero", "channel_wise", "subtrahend", "divisor"))
    return ZScore(
        nonzero=part.flag("nonzero"),
        channel_wise=part.flag("channel_wise"),
        mean=None if part.get("subtrahend") is None else part.numbers("subtrahend"),
        deviation=None if part.get("divisor") is None else part.numbers("divisor"),
    )


def _scale_extremes(part: Part) -> Step:
    part.expect((*GENERAL, "minv", "maxv", "channel_wise"), factor=None)
    return ScaleExtremes(
        target=_pair(part, "minv", "maxv", (0.0, 1.0)), channel_wise=part.flag("channel_wise")
    )


def _threshold_step(part: Part) -> Step:
    part.expect((*GENERAL, "threshold", "above", "cval"))
    return Threshold(
        threshold=part.number("threshold"), above=part.flag("above", True), otherwise=part.number("cval", 0.0)
    )


def _crop(part: Part) -> Step:
    aside = ("source_key", "mode", "start_coord_key", "end_coord_key", "return_coords")
    part.expect(
        (*GENERAL, *aside, "margin", "allow_smaller"), select_fn=None, channel_indices=None, k_divisible=1
    )
    one, two, three = (int(side) for side in part.numbers("margin", 0, count=3))
    if (one, two, three) != (0, 0, 0) and part.get("allow_smaller") is not True:
        raise part.unclear("allow_smaller", part.get("allow_smaller"), "true where there is a margin")
    return CropForeground(margin=(one, two, three))


def _pad(part: Part) -> Step:
    part.expect((*GENERAL, "spatial_size", "method", "mode", "value", "constant_values"))
    if (mode := _first(part, "mode", "constant")) != "constant":
        raise part.unclear("mode", mode, "'constant'")
    if (method := _first(part, "method", "symmetric")) not in ("symmetric", "end"):
        raise part.unclear("method", method, "'symmetric' or 'end'")
    one, two, three = (max(int(side), 0) for side in part.numbers("spatial_size", count=3))
    value = part.number("value", 0.0) or part.number("constant_values", 0.0)
    return PadTo(size=(one, two, three), symmetric=method == "symmetric", value=value)


_STEPS: dict[str, Callable[[Part], Step]] = {
    "Spacing": _spacing,
    "ScaleIntensityRange": _scale_range,
    "ScaleIntensityRangePercentiles": _scale_percentiles,
    "NormalizeIntensity": _z_score,
    "ScaleIntensity": _scale_extremes,
    "ThresholdIntensity": _threshold_step,
    "CropForeground": _crop,
    "SpatialPad": _pad,
}


def _unknown(config: BundleConfig, part: Part, when: str) -> ModelError:
    return ModelError(
        f"{config.where}: {part.place} is the transform {part.name!r} {when}, which is not known: known are "
        f"{', '.join(sorted((*_STEPS, 'Orientation', 'Invert', 'Activations', 'AsDiscrete')))}; ask for a bundle of "
        "these"
    )
