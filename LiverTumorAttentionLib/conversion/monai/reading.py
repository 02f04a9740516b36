"""What a bundle says of its model: network, steps before and after it, channels and outputs by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.conversion.monai.bundle import Bundle
from LiverTumorAttentionLib.conversion.monai.network import BundleNetwork, network_of, weights_of
from LiverTumorAttentionLib.conversion.monai.transforms import (
    After,
    Before,
    after_network,
    before_network,
    inferer_settings,
)
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.model_files import ModelFiles

LICENCES = {
    "apache license": "Apache-2.0",
    "mit license": "MIT",
    "bsd 3-clause": "BSD-3-Clause",
    "attribution-noncommercial-sharealike 4.0": "CC-BY-NC-SA-4.0",
    "attribution-noncommercial 4.0": "CC-BY-NC-4.0",
    "attribution-sharealike 4.0": "CC-BY-SA-4.0",
    "attribution 4.0": "CC-BY-4.0",
}
"""Words near the head of a file LICENSE, and the SPDX name of the licence that begins so."""
NO_LICENCE = "NOASSERTION"
HEAD_BYTES = 2000


@dataclass(frozen=True, kw_only=True)
class MonaiModel:
    """A bundle that is understood."""

    bundle: Bundle
    network: BundleNetwork
    before: Before
    window: dict[str, Any]
    after: After
    weights: str
    """Name of the file of its weights."""
    channels: tuple[str, ...]
    """The names of the channels of the input."""
    outputs: tuple[str, ...]
    """The names of the channels of the output, the background among them where there is one."""

    @classmethod
    def read(cls, files: ModelFiles) -> MonaiModel:
        """Read a bundle. Raises `ModelError` naming what is not understood."""
        bundle = Bundle.read(files)
        network, before = network_of(bundle), before_network(bundle.config)
        after = after_network(bundle.config)
        channels = before.channels or _names(
            bundle.described("network_data_format", "inputs", "image"), network.channels, "channel"
        )
        if len(channels) != network.channels:
            raise ModelError(
                f"{bundle.config.where}: {len(channels)} images are put together ({', '.join(channels)}), and the "
                f"network takes {network.channels} channels: get the bundle again"
            )
        outputs = _names(bundle.described("network_data_format", "outputs", "pred"), network.outputs, "label")
        return cls(
            bundle=bundle,
            network=network,
            before=before,
            window=inferer_settings(bundle.config),
            after=after,
            weights=weights_of(bundle),
            channels=channels,
            outputs=("background", *outputs[1:]) if after.activation == "softmax" else outputs,
        )

    @property
    def has_background(self) -> bool:
        """Whether the first output is the background: of classes it always is."""
        return self.after.activation == "softmax"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of what it finds, without the background."""
        return self.outputs[1:] if self.has_background else self.outputs

    @property
    def title(self) -> str:
        """Its name for the user."""
        name = self.bundle.metadata.get("name")
        return str(name) if isinstance(name, str) and name.strip() else self.bundle.name

    @property
    def licence(self) -> str:
        """SPDX name of the licence that its file LICENSE begins with; NOASSERTION where it is not known."""
        for name in ("LICENSE", "LICENSE.txt", "license.txt", "LICENSE.md"):
            if not self.bundle.files.has(name):
                continue
            with self.bundle.files.readable(name), self.bundle.files.opened(name) as file:
                head = " ".join(file.read(HEAD_BYTES).decode("utf-8", "replace").lower().split())
            for words, licence in LICENCES.items():
                if words in head:
                    return licence
        return NO_LICENCE

    @property
    def about(self) -> dict[str, Any]:
        """What it says of where it comes from, for `training` of model.json."""
        named = {
            "made_with": "MONAI",
            "bundle": self.bundle.metadata.get("name"),
            "version": self.bundle.metadata.get("version"),
            "authors": self.bundle.metadata.get("authors"),
            "data": self.bundle.metadata.get("data_source"),
            "description": self.bundle.metadata.get("description"),
        }
        return {key: str(value)[:500] for key, value in named.items() if isinstance(value, str | int | float)}


def _names(described: object, count: int, kind: str) -> tuple[str, ...]:
    """Return the names that the metadata gives to channels; numbers where it gives none."""
    names: Mapping[Any, Any] = {}
    for key in ("channel_def", "label_def"):
        found = described.get(key) if isinstance(described, Mapping) else None
        if isinstance(found, Mapping) and len(found) == count:
            names = found
            break
    unnamed = "image" if kind == "channel" and count == 1 else f"{kind} {{}}"
    return tuple(str(names.get(str(n), unnamed.format(n)))[:80] for n in range(count))
