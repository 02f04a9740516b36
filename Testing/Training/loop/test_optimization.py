"""Gradients are clipped and scaled as the settings say, on the CPU in place of CUDA where that makes no difference."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from training.loop.optimization import Optimization
from training.recipes.settings import OptimizerSettings

CPU = torch.device("cpu")


def made(*, scaled: bool = False, **settings) -> tuple[nn.Linear, Optimization]:
    """A layer of four weights, one, and what moves it."""
    layer = nn.Linear(4, 1, bias=False)
    nn.init.ones_(layer.weight)
    optimization = Optimization(layer, OptimizerSettings(learning_rate=0.1, **settings), "float32", CPU)
    if scaled:
        optimization._scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    return layer, optimization


def backward(layer: nn.Linear, optimization: Optimization, slope: float) -> None:
    """Add gradients of `slope` for each of the four weights: their norm is twice that."""
    optimization.backward(layer(torch.full((1, 4), slope)).sum())


@pytest.mark.parametrize("scaled", [False, True])
def test_the_norm_is_that_of_the_gradients_and_is_clipped(scaled):
    layer, optimization = made(scaled=scaled, kind="sgd", clip_norm=1.0)
    backward(layer, optimization, 3.0)
    assert optimization.gradient_norm() == pytest.approx(6.0)
    optimization.step(0.1)
    # clipped to a norm of 1, each of the four gradients is a half
    torch.testing.assert_close(layer.weight.detach(), torch.full((1, 4), 1 - 0.1 * 0.5))
    assert layer.weight.grad is None


def test_without_a_limit_nothing_is_clipped():
    layer, optimization = made(kind="sgd")
    backward(layer, optimization, 3.0)
    optimization.gradient_norm()
    optimization.step(0.1)
    torch.testing.assert_close(layer.weight.detach(), torch.full((1, 4), 1 - 0.1 * 3.0))


def test_a_step_that_overflows_is_left_out_and_the_scale_is_halved():
    layer, optimization = made(scaled=True)
    backward(layer, optimization, float("inf"))
    norm = optimization.gradient_norm()
    assert optimization.is_sound(norm)
    optimization.step(0.1)
    assert torch.equal(layer.weight.detach(), torch.ones(1, 4))
    assert optimization.state()["scale"] == 512.0
    assert not made()[1].is_sound(norm)
    assert not made()[1].is_sound(float("nan"))
    assert made()[1].is_sound(6.0)


def test_the_scale_outlives_a_stop():
    layer, optimization = made(scaled=True)
    backward(layer, optimization, float("inf"))
    optimization.gradient_norm()
    optimization.step(0.1)
    state = json.loads(json.dumps(optimization.state()))
    other_layer, other = made(scaled=True)
    other.restore(optimization.tensors(), state)
    assert other.state() == state
    for weights, moved in ((layer, optimization), (other_layer, other)):
        backward(weights, moved, 2.0)
        moved.gradient_norm()
        moved.step(0.1)
    assert torch.equal(layer.weight, other_layer.weight)
    assert made()[1].state() == {}


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, True)])
def test_sgd_is_nesterovs_with_momentum(momentum, nesterov):
    layer, optimization = made(kind="sgd", momentum=momentum)
    peer = nn.Linear(4, 1, bias=False)
    nn.init.ones_(peer.weight)
    theirs = torch.optim.SGD(peer.parameters(), lr=0.1, momentum=momentum, nesterov=nesterov)
    for slope in (3.0, -1.0, 2.0):
        backward(layer, optimization, slope)
        optimization.gradient_norm()
        optimization.step(0.1)
        theirs.zero_grad()
        peer(torch.full((1, 4), slope)).sum().backward()
        theirs.step()
    torch.testing.assert_close(layer.weight, peer.weight)
