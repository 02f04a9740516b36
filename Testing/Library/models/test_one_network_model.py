"""Models of one network, whatever they do: one way to read them, from a folder or a zip, and the same refusals."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.one_network import load_one_network
from LiverTumorAttentionLib.models.couinaud_model import CouinaudModel
from LiverTumorAttentionLib.models.interaction_model import InteractionPackage
from LiverTumorAttentionLib.models.one_network_model import OneNetworkPackage
from LiverTumorAttentionLib.networks import build_network

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "couinaud": ("unet3d", {"in_channels": 6, "classes": 8, "width": 4, "levels": 2, "down": "pool"}),
    "interaction": ("click_unet", {"width": 2}),
}
MORE: dict[str, dict[str, Any]] = {
    "couinaud": {"size_zyx": [16, 16, 16], "liver_voxels": 500},
    "interaction": {},
}
READ: dict[str, Callable[[Path], OneNetworkPackage[Any]]] = {
    "couinaud": CouinaudModel,
    "interaction": InteractionPackage,
}
kinds = pytest.mark.parametrize("kind", sorted(READ))


def write(folder: Path, kind: str, changes: dict[str, Any] | None = None) -> Path:
    """Write a model of a kind with drawn weights."""
    network, arguments = NETWORKS[kind]
    built = build_network(network, generator=torch.Generator().manual_seed(0), **arguments)
    content = safetensors.torch.save(built.state_dict())
    values = {
        "kind": kind, "format": 1, "id": "drawn", "title": "drawn weights", "version": "1", "licence": "CC0-1.0",
        "statement": "not for clinical use", "intended_use": "a test", "network": network, "arguments": arguments,
        "weights": "drawn.safetensors", "sha256": hashlib.sha256(content).hexdigest(), **MORE[kind],
    }  # fmt: skip
    folder.mkdir()
    (folder / "drawn.safetensors").write_bytes(content)
    (folder / "model.json").write_text(json.dumps({**values, **(changes or {})}))
    return folder


@kinds
@pytest.mark.parametrize("inside", ["", "drawn/"])
def test_a_zip_is_read_as_its_folder_is(tmp_path: Path, kind: str, inside: str) -> None:
    folder = write(tmp_path / "model", kind)
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, inside + file.name)
    packed, plain = READ[kind](tmp_path / "model.zip"), READ[kind](folder)
    assert packed.description == plain.description
    weights = plain.load_weights()
    assert weights.keys() == packed.load_weights().keys() == load_one_network(packed).state_dict().keys()
    assert all(torch.equal(value, weights[name]) for name, value in packed.load_weights().items())


@kinds
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kind": None},
            r"model/model\.json is no model that .* must be '\w+' and 1, got None and 1\): choose one",
        ),
        (
            {"format": 2, "later": 0},
            r"must be '\w+' and 1, got '\w+' and 2\): choose one .* that fits this one",
        ),
        ({"id": "../x"}, r"id must be lower-case letters.*'\.\./x'"),
        (
            {"weights": "../x.safetensors"},
            r"weights must be the name of a \.safetensors file beside model\.json",
        ),
        ({"sha256": "abc"}, "sha256 must be 64 hexadecimal digits, got 'abc'"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(
    tmp_path: Path, kind: str, changes: dict[str, Any], message: str
) -> None:
    folder = write(tmp_path / "model", kind, changes)
    with pytest.raises(ModelError, match=message):
        READ[kind](folder)


@kinds
def test_what_is_no_json_is_refused(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path / "model", kind)
    (folder / "model.json").write_text("{")
    with pytest.raises(ModelError, match=r"model/model\.json is not valid JSON .*: get the model again"):
        READ[kind](folder)


@kinds
def test_weights_that_were_changed_are_refused(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path / "model", kind)
    content = (folder / "drawn.safetensors").read_bytes()
    (folder / "drawn.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(
        ModelError, match=r"drawn\.safetensors of the model 'drawn' is damaged or was changed"
    ):
        READ[kind](folder).load_weights()


@kinds
def test_a_network_that_the_weights_cannot_fill_is_never_built(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path / "model", kind, {"arguments": {**NETWORKS[kind][1], "width": 64}})
    with pytest.raises(ModelError, match=r"more than .* parameters"):
        load_one_network(READ[kind](folder))


@kinds
def test_weights_of_another_network_are_refused(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path / "model", kind, {"arguments": {**NETWORKS[kind][1], "width": 3}})
    with pytest.raises(ModelError, match="the weights of the model 'drawn' do not fit its network"):
        load_one_network(READ[kind](folder))
