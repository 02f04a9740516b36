"""First weights of a network: drawn, of an earlier training, or of ImageNet for its encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from LiverTumorAttentionLib.conversion.checkpoints import read_checkpoint
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.networks.resnet import ResNet
from training.recipes.recipe import Recipe
from training.runs.stage_weights import StageWeights

CHECKPOINTS = (".pth", ".pt")
"""What torch.save writes, and torchvision publishes."""


def load_first_weights(
    network: nn.Module, recipe: Recipe, imagenet: Path | None, initial: StageWeights | None = None
) -> None:
    """Give a freshly built network the first weights that its recipe names; drawn ones are left as they are.

    initial: all weights of an earlier training of the same network, in place of those that the recipe names.

    imagenet: for recipes with first_weights "imagenet", a file of a ResNet that was trained on ImageNet, with
    torchvision's names of its parameters: safetensors, or the .pth that torchvision publishes, of which tensors and
    nothing else are read, in a process of their own (`conversion.checkpoints`); its classifier is left out. None for
    all others.
    Raises `InputError` when the file is missing, damaged, not asked for, or of another network.
    """
    if initial is not None:
        if imagenet is not None:
            raise InputError(
                f"the network cannot start from both {initial.title} and '{imagenet}': leave one of them out"
            )
        initial.load_into(network)
        return
    if recipe.first_weights == "drawn":
        if imagenet is not None:
            raise InputError(
                f"the recipe {recipe.name!r} draws its first weights and has no use for '{imagenet}': leave it out, or "
                "set first_weights to imagenet"
            )
        return
    if imagenet is None:
        raise InputError(
            f"the recipe {recipe.name!r} starts from a ResNet trained on ImageNet: give its weights with "
            "torchvision's names, as safetensors or .pth, or set first_weights to drawn"
        )
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, ResNet):
        raise InputError(
            f"the network {recipe.stage.network!r} of the recipe {recipe.name!r} has no ResNet that ImageNet weights "
            "fit: set first_weights to drawn"
        )
    try:
        encoder.load_imagenet(_state_dict(imagenet))
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(
            f"the ImageNet weights '{imagenet}' cannot be read ({error}): get them again"
        ) from error
    except ModelError as error:
        raise InputError(f"'{imagenet}': {error}") from error


def _state_dict(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the parameters of a file. Raises `ModelError`, `OSError` and `SafetensorError`."""
    if path.suffix.lower() in CHECKPOINTS:
        return read_checkpoint(path, "the file of ImageNet weights", tensors=[()], facts={}).tensors
    return safetensors.torch.load_file(path)
