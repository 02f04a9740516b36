"""Parameters and multiply-adds, against counts done by hand."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.counting import cost_of, network_cost


class OneStep(nn.Module):
    """A single operation on an image, and a stray normalization and activation that count for nothing."""

    phases = ("portal",)

    def __init__(self, step: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.step = step()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.step(functional.instance_norm(image)))


class SelfAttention(nn.Module):
    """Every place attends to every place, in one fused call, without convolutions."""

    def __init__(self, heads: int | None) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = x.flatten(2).transpose(1, 2).contiguous()
        if self.heads is not None:
            places = places.unflatten(2, (self.heads, -1)).transpose(1, 2)  # what the fused kernels take
        with torch.autocast(x.device.type, enabled=False):
            return functional.scaled_dot_product_attention(places, places, places, scale=1.0)


@pytest.mark.parametrize(
    ("step", "shape", "parameters", "multiply_adds"),
    [
        # 5x7 pixels, 4 outputs, each a sum over 3 channels of a 3x3 kernel
        (lambda: nn.Conv2d(3, 4, 3, padding=1), (3, 5, 7), 4 * 27 + 4, 5 * 7 * 4 * 27),
        # stride 2 of 6x8: 3x4 pixels; in 2 groups every output sees 2 of the 4 channels
        (
            lambda: nn.Conv2d(4, 6, 2, stride=2, groups=2, bias=False),
            (4, 6, 8),
            6 * 2 * 4,
            3 * 4 * 6 * 2 * 4,
        ),
        # a transposed convolution spreads each of its 5x7 inputs over a 4x4 kernel in 2 channels
        (lambda: nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), (3, 5, 7), 96 + 2, 5 * 7 * 3 * 16 * 2),
        (lambda: nn.Conv3d(2, 5, 3, padding=1), (2, 4, 3, 6), 5 * 54 + 5, 72 * 5 * 54),
        (lambda: nn.ConvTranspose3d(2, 5, 2, stride=2), (2, 4, 3, 6), 80 + 5, 72 * 2 * 8 * 5),
        # 35 places of 8 channels: 35 x 35 similarities over 8 channels, then 35 x 35 weights of 8 values
        (lambda: SelfAttention(None), (8, 5, 7), 0, 2 * 35 * 35 * 8),
        (lambda: SelfAttention(2), (8, 5, 7), 0, 2 * (2 * 35 * 35 * 4)),
        (lambda: nn.Linear(7, 3), (2, 5, 7), 7 * 3 + 3, 2 * 5 * 7 * 3),
    ],
    ids=["conv", "groups", "transposed", "conv3d", "transposed3d", "attention", "heads", "linear"],
)
def test_counts_by_hand(
    step: Callable[[], nn.Module], shape: tuple[int, ...], parameters: int, multiply_adds: int
):
    cost = cost_of(lambda: OneStep(step), shape)
    assert (cost.parameters, cost.multiply_adds) == (parameters, multiply_adds)


def test_every_phase_is_counted():
    class Sum(nn.Module):
        phases = ("portal", "arterial")

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1)

        def forward(self, portal: torch.Tensor, arterial: torch.Tensor) -> torch.Tensor:
            return self.conv(portal) + self.conv(arterial)

    assert cost_of(Sum, (1, 5, 7)).multiply_adds == 2 * 35


def test_the_encoder_and_head_of_resseg_as_table_3_gives_them():
    """Width 4 on 32x32: sides 32 to 1; channels 4, 8, 16, 32, 32, 32 down, and 1, 2, 4, 8, 16 up."""
    down, sides = [4, 8, 16, 32, 32, 32], [32, 16, 8, 4, 2, 1]
    count = sides[0] ** 2 * 9 * (3 * 4 + 4 * 4)
    for level in range(1, 6):
        coarse, fine = down[level], down[level - 1]
        shortcut = fine * coarse if fine != coarse else 0
        count += sides[level] ** 2 * (9 * (fine * coarse + 3 * coarse * coarse) + shortcut)
        channels = coarse
        for step in reversed(range(level)):
            count += sides[step + 1] ** 2 * 16 * channels * 2**step
            channels = 2**step
    count += sides[0] ** 2 * 9 * (4 * 1 + 6 * 6 + 6 * 2)
    assert network_cost("resseg", input_shape=(3, 32, 32), width=4).multiply_adds == count


def test_nothing_is_computed_and_no_memory_is_taken():
    """The image alone would take 0.75 GiB."""
    network_cost("resseg", input_shape=(3, 32, 32), width=4)
    state = torch.random.get_rng_state()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cost = cost_of(lambda: OneStep(lambda: nn.Conv2d(1, 1, 1)), (1, 20_000, 10_000))
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert cost.multiply_adds == 20_000 * 10_000
    assert growth < 100 * 2**20 / (1 if sys.platform == "darwin" else 1024)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_build_network_refuses_is_refused():
    with pytest.raises(ModelError, match="did you mean resseg"):
        network_cost("resesg")
    with pytest.raises(ModelError, match="no argument 'widht'"):
        network_cost("resseg", widht=3)
    with pytest.raises(ModelError, match="must have 3 channels"):
        network_cost("resseg", input_shape=(1, 32, 32))
