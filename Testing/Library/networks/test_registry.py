"""Networks by name: what is built, what is refused, and that the README tells the truth."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from LiverTumorAttentionLib import networks
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network, network_names
from LiverTumorAttentionLib.networks.paresseg import PAResSeg
from LiverTumorAttentionLib.networks.resseg import ResSeg

FOLDER = Path(networks.__file__).parent


def test_names():
    assert network_names() == sorted(network_names())
    assert isinstance(build_network("resseg", width=4), ResSeg)
    assert isinstance(build_network("paresseg", width=4), PAResSeg)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ressegg", r"one of .*paresseg, .*; got 'ressegg'; did you mean resseg"),
        ("PA-ResSeg", r"did you mean paresseg"),
        ("zzz", r"one of .*resseg.*; got 'zzz'$"),
        (7, r"got 7$"),
    ],
)
def test_unknown_names_are_refused(name: object, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resseg", {"widht": 8}, r"no argument 'widht'; it takes .*width; did you mean width"),
        ("resseg", {"fusion": "pa"}, r"resseg has no argument 'fusion'"),
        ("resseg", {"width": 6}, r"width must be a whole number, a multiple of 4, at least 4; got 6"),
        ("resseg", {"width": 0}, r"width must be .* at least 4; got 0"),
        ("resseg", {"width": True}, r"got True"),
        ("resseg", {"width": 16.0}, r"got 16\.0"),
        ("resseg", {"classes": 1}, r"classes must be a whole number, at least 2; got 1"),
        ("paresseg", {"in_channels": 0}, r"in_channels must be a whole number, at least 1; got 0"),
        ("paresseg", {"in_channels": "3"}, r"got '3'"),
        ("paresseg", {"fusion": "msf-intra"}, r"fusion must be one of .*; did you mean msf_intra"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name, **arguments)


def test_the_seed_alone_decides_the_weights():
    def weights(seed: int, global_seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(global_seed)
        return build_network("resseg", width=4, generator=torch.Generator().manual_seed(seed)).state_dict()

    first, same, other = weights(1, 10), weights(1, 11), weights(2, 10)
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert not torch.equal(first["encoder.conv1_1.conv.weight"], other["encoder.conv1_1.conv.weight"])


def test_a_signal_keeps_its_size_from_layer_to_layer_at_the_start():
    """He initialisation: behind a ReLU, E[out^2] = E[in^2], without the help of the normalisation."""
    network = build_network("resseg", width=32, generator=torch.Generator().manual_seed(0))
    x = torch.randn(1, 128, 40, 40, generator=torch.Generator().manual_seed(1)).relu() * 2**0.5
    for layer in [
        network.encoder.stages["conv3_x"][1].second,
        network.decoder.chains["upsampling_2"][0].conv,
    ]:
        with torch.no_grad():
            out = layer(x[:, : layer.in_channels])[..., 4:-4, 4:-4].relu()
        assert 0.8 < out.square().mean() < 1.25


def module_name(file: Path) -> str:
    """The name to import a file by, given its path below the networks' folder."""
    return ".".join(["LiverTumorAttentionLib.networks", *file.with_suffix("").parts])


def modules_of_the_package() -> list[type[nn.Module]]:
    found = []
    for file in sorted(FOLDER.rglob("*.py")):
        module = importlib.import_module(module_name(file.relative_to(FOLDER)))
        found += [
            value
            for _, value in inspect.getmembers(module, inspect.isclass)
            if issubclass(value, nn.Module) and value.__module__ == module.__name__
        ]
    return found


@pytest.mark.parametrize("block", modules_of_the_package(), ids=lambda block: block.__name__)
def test_every_block_cites_its_source_and_stands_in_the_readme(block: type[nn.Module]):
    assert block.__doc__ is not None
    assert "Source:" in block.__doc__
    assert "Shape:" in block.__doc__
    assert f"`{block.__name__}`" in (FOLDER / "README.md").read_text()


def test_every_class_in_the_readme_exists_in_the_file_it_names():
    rows = re.findall(
        r"^\|.*\| `(\w+)` \| \[.*?\]\((.*?\.py)\)", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert len(rows) >= 10
    for name, file in rows:
        assert hasattr(importlib.import_module(module_name(Path(file))), name), name


def test_the_counts_in_the_readme_are_those_of_the_networks():
    rows = re.findall(
        r"^\| `build_network\((.*)\)` \| ([\d,]+) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert len(rows) >= 4
    for call, count in rows:
        name, *arguments = re.findall(r'"?(\w+)"?', call)
        pairs = zip(arguments[::2], arguments[1::2], strict=True)
        values = {key: int(value) if value.isdigit() else value for key, value in pairs}
        with torch.device("meta"):
            network = build_network(name, **values)
        assert sum(p.numel() for p in network.parameters()) == int(count.replace(",", "")), call
