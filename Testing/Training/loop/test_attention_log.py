"""What attention weighs is logged with every validation, in figures that are known."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from torch import nn

from LiverTumorAttentionLib.networks import AttentionMap, build_network
from Testing.Training.small_task import SmallTask
from training.loop.attention_log import attention_figures, has_attention
from training.loop.trainer import Trainer


class Weighing(nn.Module):
    """Passes the channel means on, beside a scale that is a single number."""

    def __init__(self) -> None:
        super().__init__()
        self.map = AttentionMap("vector", "means, for tests")
        self.gamma = nn.Parameter(torch.tensor([0.25]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training
        return x * self.map(x.mean(dim=(2, 3)))[:, :, None, None] * self.gamma


def test_figures_of_known_weights() -> None:
    network = nn.ModuleDict({"block": Weighing()})
    network.forward = lambda x: network["block"](x)
    samples = [(torch.tensor([0.0, 1.0]).view(1, 2, 1, 1),), (torch.tensor([2.0, 5.0]).view(1, 2, 1, 1),)]
    network.train()
    figures = attention_figures(network, iter(samples), torch.device("cpu"))
    assert figures == {
        "block mean": 2.0,
        "block sd": pytest.approx((4 + 1 + 0 + 9) ** 0.5 / 2),
        "block lowest": 0.0,
        "block highest": 5.0,
        "block.gamma": 0.25,
    }
    assert network.training
    assert not network["block"].map._forward_hooks


def test_the_scales_of_pa_resseg_are_there() -> None:
    network = build_network("paresseg", width=8, sharpness="learned")
    images = (torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))
    figures = attention_figures(network, iter([images]), torch.device("cpu"))
    for level in range(6):
        name = f"fusions.{level}.inter"
        assert 0.5 <= figures[f"{name} lowest"] < figures[f"{name} mean"] < figures[f"{name} highest"] < 1
        assert figures[f"fusions.{level}.intra.gamma"] == 0
        assert figures[f"{name}.log_sharpness"] == pytest.approx(2.7726, abs=1e-4)


def test_a_run_has_a_row_for_every_validation(tmp_path: Path) -> None:
    class Attending(SmallTask):
        def build(self) -> nn.Module:
            network = super().build()
            network.add_module("seen", AttentionMap("map", "logits, for tests"))
            network.register_forward_hook(lambda module, _inputs, out: module.seen(out))
            return network

    Trainer(tmp_path / "run", Attending(), say=lambda line: None).run()
    with (tmp_path / "run" / "attention.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "epoch", "seen mean", "seen sd", "seen lowest", "seen highest"]
    assert [row["epoch"] for row in rows] == ["2.0", "4.0"]
    Trainer(tmp_path / "plain", SmallTask(), say=lambda line: None).run()
    assert not has_attention(SmallTask().build())
    network = SmallTask().build()
    network.register_parameter("gamma", nn.Parameter(torch.zeros(1)))  # as of Intra-PA, which has no map
    assert has_attention(network)
    assert not (tmp_path / "plain" / "attention.csv").exists()
