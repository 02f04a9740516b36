"""The network of the second look, run: the mean over mirrored patches, and the same for any number of threads."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.candidate_predictor import (
    BATCH,
    FLIPS,
    CandidatePredictor,
    load_candidate_predictor,
)
from LiverTumorAttentionLib.lesion_classifier import NETWORK_FEATURE
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.candidate_net import CHANNELS
from Testing.Library.classifiers import by_size
from Testing.Library.model_folder import write_model


class Corner(nn.Module):
    """Returns the first value of a patch."""

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        return patch[:, 0, 0, 0, 0]


def test_the_logit_is_the_mean_over_mirrored_patches() -> None:
    patch = np.arange(CHANNELS * 8**3, dtype=np.float32).reshape(CHANNELS, 8, 8, 8)
    corners = [patch[0, 0, y, x] for y in (0, -1) for x in (0, -1)]
    assert len(FLIPS) == 4
    assert CandidatePredictor(Corner())([patch]) == pytest.approx([np.mean(corners)])


def test_the_same_logits_for_one_thread_and_for_three() -> None:
    network = build_network("candidate_net", generator=torch.Generator().manual_seed(0), width=4)
    predictor = CandidatePredictor(network)
    patches = list(np.random.default_rng(0).standard_normal((BATCH + 3, CHANNELS, 16, 16, 16)))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(predictor(patches))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)
    assert len(set(found[0].tolist())) == BATCH + 3
    assert predictor([]).shape == (0,)


def with_network(folder: Path, width: int = 4) -> Path:
    """Write a model whose second look has a network."""
    network = build_network("candidate_net", generator=torch.Generator().manual_seed(1), width=4)
    content = safetensors.torch.save(network.state_dict())
    curve = replace(by_size(10.0).curves[0], feature=NETWORK_FEATURE)
    model = write_model(
        folder,
        format=6,
        candidates=asdict(replace(by_size(10.0), curves=(curve,))),
        candidate_network={
            "network": "candidate_net",
            "arguments": {"width": width},
            "weights": "candidates.safetensors",
            "sha256": hashlib.sha256(content).hexdigest(),
        },
    )
    (model / "candidates.safetensors").write_bytes(content)
    return model


def test_a_model_brings_its_network(tmp_path: Path) -> None:
    package = ModelPackage(with_network(tmp_path / "model"))
    predictor = load_candidate_predictor(package)
    assert predictor is not None
    patch = np.zeros((CHANNELS, 16, 16, 16), np.float32)
    expected = build_network("candidate_net", generator=torch.Generator().manual_seed(1), width=4).eval()
    with torch.inference_mode():
        logit = float(expected(torch.from_numpy(patch)[None]))
    assert predictor([patch]) == pytest.approx([logit])
    assert load_candidate_predictor(ModelPackage(write_model(tmp_path / "without"))) is None


def test_weights_of_another_network_or_damaged_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"candidates\.safetensors of the model 'random' do not fit"):
        load_candidate_predictor(ModelPackage(with_network(tmp_path / "model", width=8)))
    model = with_network(tmp_path / "damaged")
    content = bytearray((model / "candidates.safetensors").read_bytes())
    content[-1] ^= 1
    (model / "candidates.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is damaged or was changed"):
        load_candidate_predictor(ModelPackage(model))
    with pytest.raises(ModelError, match="is damaged or was changed"):
        ModelPackage(model).verify()
