"""An encoder starts from the weights of a file, and nothing else of the network changes."""

from __future__ import annotations

from collections import OrderedDict
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
    with pytest.raises(InputError, match=r"trained on ImageNet: give its weights .* as safetensors or \.pth"):
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


def test_the_file_that_torchvision_publishes_is_read_as_it_is(imagenet: Path, tmp_path: Path) -> None:
    """A state dict with a classifier and counters, as torch.save writes it: bit for bit what safetensors give."""
    state = OrderedDict(built("cenet", seed=1).encoder.state_dict())
    state["fc.weight"], state["fc.bias"] = torch.zeros(10, 64), torch.zeros(10)
    torch.save(state, tmp_path / "resnet34.pth")
    network, other = built(), built()
    load_first_weights(network, RECIPE, tmp_path / "resnet34.pth")
    load_first_weights(other, RECIPE, imagenet)
    assert "encoder.bn1.num_batches_tracked" in network.state_dict()
    for name, value in other.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("kind", ["code", "cut", "nothing"])
def test_a_pth_with_code_in_it_or_cut_is_refused_and_nothing_runs(tmp_path: Path, kind: str) -> None:
    path, trap = tmp_path / "resnet34.pth", tmp_path / "made"
    torch.save({"conv1.weight": Harmful(trap) if kind == "code" else torch.zeros(3)}, path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif kind == "nothing":
        path.unlink()
    network, before = built(), built().state_dict()
    with pytest.raises(InputError, match=r"resnet34\.pth"):
        load_first_weights(network, RECIPE, path)
    assert not trap.exists()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
