"""Files of a MONAI bundle: found in its folder, read within limits, and refused where code lies among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.conversion.monai.config_values import BundleConfig
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.regular_file import MIB, is_regular, read_regular, reason

CONFIG_FOLDER = "configs"
CONFIGS = ("inference.json", "inference.yaml", "inference.yml")
METADATA = "metadata.json"
CODE = (".py", ".pyc", ".pyd", ".so", ".dll")
LARGEST_CONFIG_BYTES = 4 * MIB
MOST_FILES = 2000


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle whose configuration was read."""

    folder: Path
    """Its folder."""
    config: BundleConfig
    """How it is run: `configs/inference.json`, or the same as YAML."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What it says of itself: `configs/metadata.json`; empty where there is none."""

    @classmethod
    def read(cls, folder: Path) -> Bundle:
        """Read a bundle. Raises `ModelError` where it has no configuration, or code of its own."""
        _refuse_code(folder)
        name = next((one for one in CONFIGS if is_regular(folder / CONFIG_FOLDER / one)), None)
        if name is None:
            raise ModelError(
                f"the bundle {folder.name} has no {CONFIG_FOLDER}/{CONFIGS[0]}, which says how it is run: get the "
                "whole bundle"
            )
        metadata = folder / CONFIG_FOLDER / METADATA
        return cls(
            folder=folder,
            config=BundleConfig(_read(folder / CONFIG_FOLDER / name), name),
            metadata=_read(metadata) if is_regular(metadata) else {},
        )

    def described(self, *keys: str) -> Any:
        """Return what the metadata says under keys inside each other; None where it says nothing."""
        found: Any = self.metadata
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def is_bundle(folder: Path) -> bool:
    """Return whether a folder looks like a bundle of MONAI."""
    return any(is_regular(folder / CONFIG_FOLDER / name) for name in (*CONFIGS, METADATA))


def _refuse_code(folder: Path) -> None:
    """Raise `ModelError` where a bundle holds code: what its configuration says may then not be all that it does."""
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= MOST_FILES:
            raise ModelError(
                f"the bundle {folder.name} holds more than {MOST_FILES} files: give the bundle's folder alone"
            )
        if path.suffix.lower() in CODE:
            raise ModelError(
                f"the bundle {folder.name} holds code ({shown(path.relative_to(folder).as_posix())}), and no code of a "
                "bundle is ever run: remove it where the model works without it, else ask its author for a bundle of "
                "MONAI's own parts"
            )


def _read(path: Path) -> Mapping[str, Any]:
    """Return what a JSON or YAML file holds. Raises `ModelError` for anything but an object with named fields."""
    try:
        content = read_regular(path, most_bytes=LARGEST_CONFIG_BYTES)
        values = json_values(content) if path.suffix == ".json" else _yaml(content, path.name)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path.name} of the bundle cannot be read ({reason(error)}): get the bundle again"
        ) from error
    if not isinstance(values, Mapping):
        raise ModelError(
            f"{path.name} of the bundle holds {type(values).__name__} where named fields are expected: get the bundle "
            "again"
        )
    return values


def _yaml(content: bytes, name: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ModelError(
            f"the bundle is configured in YAML ({name}), and PyYAML is not installed: pip install "
            "'liver-tumor-attention[monai]', then add it again"
        ) from error
    from LiverTumorAttentionLib.yaml_values import read_yaml

    try:
        return read_yaml(content.decode("utf-8-sig"))
    except yaml.YAMLError as error:
        raise ValueError(reason(error)) from error
