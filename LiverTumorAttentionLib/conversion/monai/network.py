"""The network of a bundle: which of MONAI's it is, with which arguments, and where its weights lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.conversion.monai.bundle import Bundle
from LiverTumorAttentionLib.conversion.monai.config_values import BundleConfig
from LiverTumorAttentionLib.conversion.monai.parts import TARGET, Part
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.imported.monai_network import ARCHITECTURES

ENTRIES = ("network_def", "network", "net")
"""Where configurations describe the network, the first of them that is there."""
MODELS_FOLDER = "models"
DEFAULT_WEIGHTS = "model.pt"
_DEFAULTS = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
"""What MONAI takes where a configuration does not say it, of those networks that have a default."""


@dataclass(frozen=True, kw_only=True)
class BundleNetwork:
    """The network of a bundle."""

    architecture: str
    """One of ARCHITECTURES."""
    settings: dict[str, Any]
    """Its arguments."""
    channels: int
    """Channels of its input."""
    outputs: int
    """Channels of its output."""


def network_of(bundle: Bundle) -> BundleNetwork:
    """Return the network of a bundle. Raises `ModelError` for one that is not known, or not for volumes."""
    config = bundle.config
    entry = next((name for name in ENTRIES if name in config), None)
    if entry is None:
        raise ModelError(f"{config.where}: it describes no network ({ENTRIES[0]}): get the whole bundle")
    part = Part(config, config.entry(entry), entry)
    if part.name not in ARCHITECTURES:
        raise ModelError(
            f"{config.where}: the network {part.name!r} is not known; known of MONAI's are "
            f"{', '.join(ARCHITECTURES)}: choose a bundle with one of these"
        )
    settings = {name: part.get(name) for name in part.arguments}
    for name, value in settings.items():
        if _has_part(value):
            raise part.unclear(name, value, "a value, not an object of its own")
    numbers = {}
    for name, default in _DEFAULTS.items():
        value = settings.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise part.unclear(name, value, "a whole number")
        numbers[name] = value
    if numbers["spatial_dims"] != 3:
        raise part.unclear("spatial_dims", numbers["spatial_dims"], "3")
    return BundleNetwork(
        architecture=part.name,
        settings=settings,
        channels=numbers["in_channels"],
        outputs=numbers["out_channels"],
    )


def weights_of(bundle: Bundle) -> str:
    """Return the file of a bundle's weights: the one that its `CheckpointLoader` names, or models/model.pt.

    Raises `ModelError` where it is not there.
    """
    named = next(_loaded(bundle.config), None)
    name = DEFAULT_WEIGHTS if named is None else PurePosixPath(named.replace("\\", "/")).name
    place = f"{MODELS_FOLDER}/{name}"
    if not bundle.files.has(place):
        script = bundle.files.has(f"{MODELS_FOLDER}/model.ts")
        more = " (model.ts beside it is a program, which is never run)" if script else ""
        raise ModelError(
            f"the bundle {bundle.name} has no {place}{more}: download it as the bundle's large_files.yml says, and put "
            "it there"
        )
    return place


def _loaded(config: BundleConfig) -> Iterator[str]:
    """Yield the path that each `CheckpointLoader` of a configuration reads."""
    waiting: list[Any] = [config.raw(name) for name in ("checkpointloader", "handlers", "evaluator")]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Mapping):
            if str(one.get(TARGET, "")).rpartition(".")[2] == "CheckpointLoader":
                path = config.value(one.get("load_path"), "load_path")
                if not isinstance(path, str):
                    raise ModelError(
                        f"{config.where}: load_path must be a path, got {shown(path)}: correct it there"
                    )
                yield path
            else:
                waiting += [value for value in one.values() if isinstance(value, Mapping | list)]


def _has_part(value: object) -> bool:
    if isinstance(value, Mapping):
        return TARGET in value or any(_has_part(one) for one in value.values())
    return isinstance(value, list) and any(_has_part(one) for one in value)
