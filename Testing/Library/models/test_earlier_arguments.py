"""Models from before an argument of their network was there: what they name, and the weights that they have."""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.inference.stages import load_network
from LiverTumorAttentionLib.models import ModelPackage, find_model, paper_model, paper_names
from LiverTumorAttentionLib.models.earlier_arguments import EARLIER
from LiverTumorAttentionLib.models.stage_description import StageDescription
from LiverTumorAttentionLib.networks import build_network, network_entry

NARROW = {"width": 2, "levels": 4, "pyramid_width": 3}
SHAPES = {
    "up.weight": (3, 3, 2, 2, 2),
    "up.bias": (3,),
    "correlation.0.weight": (1, 1, 3, 3, 3),
    "correlation.0.bias": (1,),
    "correlation.2.weight": (1, 1, 3, 3, 3),
    "correlation.2.bias": (1,),
    "correlation.4.weight": (1, 1, 3, 3, 3),
    "correlation.4.bias": (1,),
    "recalibration.weight": (3, 3, 1, 1, 1),
    "recalibration.bias": (3,),
    "down.weight": (3, 3, 3, 3, 3),
    "down.bias": (3,),
}
"""Of SpaCor and SpaRef as they were when one channel was the only width."""


def earlier_model(folder: Path, network: str, part: str) -> tuple[Path, dict[str, torch.Tensor]]:
    """Write the model of a version that knew no attention_width, with random weights of its shapes."""
    now = build_network(network, **NARROW, attention_width=1, resampling="learned").state_dict()
    made = torch.Generator().manual_seed(3)
    weights = {name: torch.randn(value.shape, generator=made) for name, value in now.items()}
    of_part = {name.partition(f"{part}.0.")[2]: tuple(value.shape) for name, value in weights.items()}
    assert {name: shape for name, shape in of_part.items() if name} == SHAPES
    folder.mkdir()
    content = safetensors.torch.save(weights)
    (folder / "liver_and_tumor.safetensors").write_bytes(content)
    description = {
        "format": 2,
        "id": "earlier",
        "title": "Earlier",
        "version": "1",
        "licence": "Apache-2.0",
        "statement": "random weights, for tests",
        "intended_use": "tests",
        "stages": [
            {
                "name": "liver_and_tumor",
                "network": network,
                "arguments": NARROW,
                "weights": "liver_and_tumor.safetensors",
                "sha256": hashlib.sha256(content).hexdigest(),
                "phases": ["portal"],
                "intensity": {"percentiles": [0.5, 99.5]},
                "patches": {"patch": [32, 32, 32], "overlap": 0.5},
            }
        ],
        "labels": [{"value": 1, "name": "Liver", "scheme": "SCT", "code": "10200004", "meaning": "Liver"}],
    }
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
    return folder, weights


@pytest.mark.parametrize(("network", "part"), [("dpcnet", "spacor"), ("darn", "sparef")])
def test_a_model_that_names_no_width_has_one_channel_and_its_weights_bit_for_bit(
    tmp_path: Path, network: str, part: str
) -> None:
    folder, weights = earlier_model(tmp_path / "model", network, part)
    package = ModelPackage(folder)
    (stage,) = package.description.stages
    assert stage.arguments == {
        **NARROW,
        "attention_width": 1,
        "resampling": "learned",
    }  # its own pyramid_width
    loaded = load_network(package, stage).state_dict()
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    ("network", "arguments", "argument", "fixed", "layer", "shape"),
    [
        ("dpcnet", {"width": 2, "levels": 3}, "pyramid_width", 64, "lateral.0.weight", (64, 2, 1, 1, 1)),
        ("darn", {"width": 2, "levels": 3}, "pyramid_width", 64, "head.weight", (3, 64, 1, 1, 1)),
        ("daf", {"width": 2, "levels": 3}, "pyramid_width", 64, "head.weight", (3, 32, 1, 1, 1)),
        ("sfan", {"width": 2, "levels": 2}, "aligned_width", 64, "fusion.conv.weight", (64, 128, 3, 3)),
        ("deeplabv3", {"width": 2, "blocks": [1, 1, 1, 3]}, "aspp_width", 256, "head.weight", (2, 256, 1, 1)),
    ],
)
def test_a_narrow_network_from_before_has_the_widths_that_were_fixed(
    network: str, arguments: dict, argument: str, fixed: int, layer: str, shape: tuple[int, ...]
) -> None:
    patches = {"patches": {"patch": [32, 32, 32], "overlap": 0.5}}
    slices = {"slices": {"neighbours": 0, "tile": [64, 64], "overlap": 0.5}}
    volume = network_entry(network).dimensions == 3
    described = {
        "name": "liver_and_tumor" if volume else "liver",
        "network": network,
        "arguments": arguments,
        "weights": "x.safetensors",
        "sha256": "0" * 64,
        "phases": ["portal"],
        "intensity": {"window_hu": [-75, 175]},
        **(patches if volume else slices),
    }
    stage = from_mapping(StageDescription, described, where="stage")
    assert stage.arguments[argument] == fixed
    with torch.device("meta"):
        earlier = build_network(network, **stage.arguments).state_dict()
        now = build_network(network, **arguments).state_dict()
    assert tuple(earlier[layer].shape) == shape
    assert now[layer].shape != earlier[layer].shape


def test_the_bundled_model_loads_bit_for_bit() -> None:
    package = find_model("demonstration")
    for stage in package.description.stages:
        stored = package.load_weights(stage)
        loaded = load_network(package, stage).state_dict()
        assert loaded.keys() == stored.keys()
        assert all(torch.equal(loaded[name], value.to(loaded[name].dtype)) for name, value in stored.items())


def test_every_argument_is_one_of_its_network_and_the_papers_model_names_it() -> None:
    for network, added in EARLIER.items():
        assert set(added) <= set(inspect.signature(network_entry(network).build).parameters)
        if network not in paper_names():
            continue
        stage = paper_model(network)["stages"][-1]
        with torch.device("meta"):
            defaults = build_network(network)
            named = build_network(network, **{name: stage["arguments"][name] for name in added})
        assert {k: v.shape for k, v in defaults.state_dict().items()} == {
            k: v.shape for k, v in named.state_dict().items()
        }
