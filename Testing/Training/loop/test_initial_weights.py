"""An encoder starts from the weights of a file, and nothing else of the network changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.networks import build_network
from training.loop.initial_weights import load_first_weights
from training.recipes.recipe import read_recipe

SMALL = {"width": 8, "blocks": (1, 1, 1, 1)}
RECIPE = read_recipe("context/table1-context")
DRAWN = read_recipe("context/table1-context", {"first_weights": "drawn"})


def built(network: str = "context", seed: int = 0) -> nn.Module:
    return build_network(network, generator=torch.Generator().manual_seed(seed), **SMALL)


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """The encoder of another network, with a classifier, as torchvision names it."""
    state = {**built("cenet", seed=1).encoder.state_dict(), "fc.weight": torch.zeros(10, 64)}
    save_file(state, tmp_path / "resnet.safetensors")
    return tmp_path / "resnet.safetensors"


def test_the_encoder_has_the_weights_of_the_file_and_the_rest_its_own(imagenet: Path) -> None:
    network, before, other = built(), built().state_dict(), built("cenet", seed=1).encoder.state_dict()
    load_first_weights(network, RECIPE, imagenet)
    for name, value in network.state_dict().items():
        part, _, inner = name.partition(".")
        assert torch.equal(value, other[inner] if part == "encoder" else before[name]), name
    assert not torch.equal(before["encoder.conv1.weight"], other["conv1.weight"])


def test_drawn_weights_are_left_as_they_are() -> None:
    network = built()
    load_first_weights(network, DRAWN, None)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), built().parameters(), strict=True))


def test_a_missing_file_is_asked_for() -> None:
    with pytest.raises(InputError, match="starts from a ResNet trained on ImageNet: give its weights"):
        load_first_weights(built(), RECIPE, None)


def test_a_file_that_nothing_asks_for_is_refused(imagenet: Path) -> None:
    with pytest.raises(InputError, match=r"has no use for '.*resnet\.safetensors'"):
        load_first_weights(built(), DRAWN, imagenet)


def test_a_network_without_a_resnet_is_refused(imagenet: Path) -> None:
    recipe = read_recipe("context/table1-unet", {"first_weights": "imagenet"})
    with pytest.raises(InputError, match=r"'unet' .* has no ResNet"):
        load_first_weights(build_network("unet", width=4), recipe, imagenet)


def test_weights_of_another_resnet_are_refused(imagenet: Path) -> None:
    network = build_network("context", width=16, blocks=(1, 1, 1, 1))
    with pytest.raises(InputError, match="are not those of this ResNet"):
        load_first_weights(network, RECIPE, imagenet)


@pytest.mark.parametrize("content", [None, b"no tensors"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "resnet.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"resnet\.safetensors' cannot be read"):
        load_first_weights(built(), RECIPE, path)
