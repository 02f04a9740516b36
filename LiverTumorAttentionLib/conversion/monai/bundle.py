"""Files of a MONAI bundle: found in its folder or zip, read within limits, refused where code lies among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.conversion.monai.config_values import BundleConfig
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.model_files import LARGEST_TEXT_BYTES, ModelFiles
from LiverTumorAttentionLib.regular_file import reason

CONFIG_FOLDER = "configs"
CONFIGS = ("inference.json", "inference.yaml", "inference.yml")
METADATA = "metadata.json"
CODE = (".py", ".pyc", ".pyd", ".so", ".dll")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle whose configuration was read."""

    name: str
    """What messages call it: the name of its folder or zip."""
    files: ModelFiles
    """Its files, from its own folder on."""
    config: BundleConfig
    """How it is run: `configs/inference.json`, or the same as YAML."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What it says of itself: `configs/metadata.json`; empty where there is none."""

    @classmethod
    def read(cls, files: ModelFiles) -> Bundle:
        """Read a bundle. Raises `ModelError` where it has no configuration, or code of its own."""
        own = files.folder(bundle_folder(files) or "")
        name = files.path.name
        _refuse_code(own, name)
        config = next((one for one in CONFIGS if own.has(f"{CONFIG_FOLDER}/{one}")), None)
        if config is None:
            raise ModelError(
                f"the bundle {name} has no {CONFIG_FOLDER}/{CONFIGS[0]}, which says how it is run: get the whole bundle"
            )
        metadata = f"{CONFIG_FOLDER}/{METADATA}"
        return cls(
            name=name,
            files=own,
            config=BundleConfig(_read(own, f"{CONFIG_FOLDER}/{config}"), config),
            metadata=_read(own, metadata) if own.has(metadata) else {},
        )

    def described(self, *keys: str) -> Any:
        """Return what the metadata says under keys inside each other; None where it says nothing."""
        found: Any = self.metadata
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def bundle_folder(files: ModelFiles) -> str | None:
    """Return where a bundle lies among files: "" or "name/"; None where there is none.

    The files of a configuration for inference or of the metadata are what a bundle is known by.
    """
    wanted = [f"{CONFIG_FOLDER}/{name}" for name in (*CONFIGS, METADATA)]
    for name in sorted(files.names(), key=lambda one: one.count("/")):
        folder, slash, inner = name.partition("/")
        if name in wanted:
            return ""
        if inner in wanted:
            return folder + slash
    return None


def _refuse_code(files: ModelFiles, bundle: str) -> None:
    """Raise `ModelError` where a bundle holds code: what its configuration says may then not be all that it does."""
    code = next((name for name in files.names() if name.lower().endswith(CODE)), None)
    if code is not None:
        raise ModelError(
            f"the bundle {bundle} holds code ({shown(code)}), and no code of a bundle is ever run: remove it where the "
            "model works without it, else ask its author for a bundle of MONAI's own parts"
        )


def _read(files: ModelFiles, name: str) -> Mapping[str, Any]:
    """Return what a JSON or YAML file holds. Raises `ModelError` for anything but an object with named fields."""
    content, shown_name = files.read(name, most=LARGEST_TEXT_BYTES), name.split("/")[-1]
    try:
        values = json_values(content) if name.endswith(".json") else _yaml(content, shown_name)
    except ValueError as error:
        raise ModelError(
            f"{shown_name} of the bundle cannot be read ({reason(error)}): get the bundle again"
        ) from error
    if not isinstance(values, Mapping):
        raise ModelError(
            f"{shown_name} of the bundle holds {type(values).__name__} where named fields are expected: get the bundle "
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
