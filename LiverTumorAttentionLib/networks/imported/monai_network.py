"""Networks of MONAI with the arguments of a bundle; MONAI is imported when one is built."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_choice, nearest

ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "SegResNet": (),
    "UNet": (),
    "DynUNet": (),
    "SwinUNETR": ("einops",),
    "UNETR": ("einops",),
}
"""The networks that are known, and the packages that each needs beside MONAI."""
WITHOUT_EFFECT = {"SwinUNETR": ("img_size", "use_checkpoint")}
"""Arguments that change neither the weights nor what the network answers, and that versions of MONAI do not share."""
EXTRA = "liver-tumor-attention[monai]"


def check_packages(architecture: str) -> None:
    """Raise `ModelError` when a package that one of MONAI's networks needs is not installed."""
    check_choice("the architecture", architecture, ARCHITECTURES)
    needed = ("monai", *ARCHITECTURES[architecture])
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(
            f"this model is a {architecture} of MONAI and needs {' and '.join(missing)}, which is not installed: "
            f"pip install '{EXTRA}', then try again"
        )


def monai_network_class(architecture: str) -> Any:
    """Return one of MONAI's networks. Raises `ModelError` when a package that it needs is not installed."""
    check_packages(architecture)
    import monai.networks.nets

    return getattr(monai.networks.nets, architecture)


class MonaiNetwork(nn.Module):
    """A network of MONAI.

    architecture: one of ARCHITECTURES. settings: its arguments by MONAI's names, JSON values alone.
    Source: MONAI, `monai.networks.nets`.
    Shape: (B, channels, i, j, k) -> logits (B, outputs, i, j, k).

    Raises ModelError when MONAI is missing, or an argument is not what the version that is installed takes.
    """

    phases = ("portal",)

    def __init__(self, architecture: str, settings: Mapping[str, Any]) -> None:
        super().__init__()
        build = monai_network_class(architecture)
        known = list(inspect.signature(build).parameters)
        given = {
            key: value for key, value in settings.items() if key not in WITHOUT_EFFECT.get(architecture, ())
        }
        for name in given:
            if name not in known:
                raise ModelError(
                    f"MONAI's {architecture}, as it is installed here, has no argument {name!r}"
                    f"{nearest(name, known)}"
                )
        try:
            self.network = build(**given)
        except ModelError:
            raise
        except Exception as error:  # MONAI tells wrong arguments in many ways
            if isinstance(error, MemoryError | RuntimeError):  # told by the registry
                raise
            text = " ".join(str(error).split())[:160]
            raise ModelError(
                f"MONAI's {architecture} cannot be built with the arguments that are given ({text}): "
                "get the model again, or another version of MONAI"
            ) from error
        if architecture == "DynUNet":
            _forget_second_names(self.network)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image)
        return logits


def _forget_second_names(network: nn.Module) -> None:
    """Leave out of the weights what DynUNet names twice: the blocks in its `skip_layers` have other names, too."""
    layers = network.skip_layers
    del network.skip_layers
    object.__setattr__(network, "skip_layers", layers)
