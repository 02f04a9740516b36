"""Tiles cover every pixel, and blending returns exactly what every tile agrees on."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.inference import Device, choose_device
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.models import SliceSettings
from LiverTumorAttentionLib.progress import Progress, ProgressEvent

TUMOR = ((1,),)


def settings(tile: tuple[int, int] = (64, 64), overlap: float = 0.25, neighbours: int = 1) -> SliceSettings:
    return SliceSettings(neighbours=neighbours, tile=tile, overlap=overlap)


def predictor(network: torch.nn.Module, chosen: SliceSettings | None = None) -> SlicePredictor:
    return SlicePredictor(network, chosen or settings(), float32_cpu(), TUMOR)


class Pointwise(torch.nn.Module):
    """Logit of a pixel: upper neighbour of the first phase minus lower neighbour, plus the second's middle."""

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor) -> torch.Tensor:
        assert portal.shape[2] % 32 == 0
        assert portal.shape[3] % 32 == 0
        value = portal[:, 2:3] - portal[:, 0:1] + arterial[:, 1:2]
        return torch.cat([torch.zeros_like(value), value.float()], dim=1)


def float32_cpu() -> Device:
    """The CPU in float32, so that results can be compared exactly."""
    return replace(choose_device("cpu"), bfloat16=False)


@pytest.mark.parametrize("shape", [(5, 64, 64), (4, 100, 150), (1, 33, 20), (3, 64, 200)])
def test_a_pointwise_network_gives_the_same_with_tiles_as_without(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    portal, arterial = rng.random(shape, dtype=np.float32), rng.random(shape, dtype=np.float32)
    got = predictor(Pointwise()).predict([portal, arterial], Progress())[0]
    above = np.concatenate([portal[1:], portal[-1:]])
    below = np.concatenate([portal[:1], portal[:-1]])
    want = 1 / (1 + np.exp(-(above - below + arterial)))
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_blending_has_no_seams() -> None:
    class Position(torch.nn.Module):
        """Answers with the column inside the tile: neighbours disagree wherever they overlap."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            columns = torch.linspace(-2, 2, image.shape[3]).expand(image.shape[0], 1, *image.shape[2:])
            return torch.cat([torch.zeros_like(columns), columns], dim=1)

    got = predictor(Position(), settings(overlap=0.5)).predict(
        [np.zeros((1, 64, 160), np.float32)], Progress()
    )[0, 0, 0]
    steps = np.abs(np.diff(got))
    assert steps.max() < 0.06  # tiles laid side by side would jump by 0.76


def test_progress_rises_and_cancelling_stops_within_a_batch() -> None:
    events: list[ProgressEvent] = []
    wish = threading.Event()

    def report(event: ProgressEvent) -> None:
        events.append(event)
        if len(events) == 2:
            wish.set()

    volume = np.zeros((40, 64, 64), np.float32)
    with pytest.raises(Cancelled, match="nothing was written"):
        predictor(Pointwise()).predict([volume, volume], Progress(report, wish.is_set))
    assert len(events) == 2
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)


def test_bfloat16_stays_near_float32() -> None:
    from LiverTumorAttentionLib.networks import build_network

    torch.manual_seed(3)
    network = build_network("paresseg", in_channels=3, classes=2, width=8)
    rng = np.random.default_rng(2)
    phases = [rng.random((3, 64, 96), dtype=np.float32) for _ in range(2)]
    # Running means and variances as after training: without them random weights blow up level by level.
    for _ in range(60):
        network.train()(*(torch.from_numpy(phase[None]) for phase in phases))
    exact = predictor(network).predict(phases, Progress())
    rounded = SlicePredictor(network, settings(), replace(float32_cpu(), bfloat16=True), TUMOR).predict(
        phases, Progress()
    )
    assert np.abs(exact - rounded).mean() < 1e-2
    assert not np.array_equal(exact, rounded)


# SFAN's multi-scale inference: the tile at several scales, probabilities resized back and averaged.
SCALES = (0.5, 1.0, 1.5)


class Gradient(torch.nn.Module):
    """Logit: how much a pixel differs from its right neighbour, so that the scale matters."""

    def __init__(self) -> None:
        super().__init__()
        self.widths: list[int] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.widths.append(image.shape[3])
        step = image - torch.roll(image, 1, dims=3)
        return torch.cat([torch.zeros_like(step), 3 * step], dim=1)


def at_scales(image: np.ndarray, scales: tuple[float, ...]) -> tuple[np.ndarray, Gradient]:
    network = Gradient()
    settings = SliceSettings(neighbours=0, tile=(64, 96), overlap=0.25, scales=scales)
    result = SlicePredictor(network, settings, float32_cpu(), ((1,),)).predict([image], Progress())
    return result[0], network


def test_probabilities_of_all_scales_are_averaged() -> None:
    image = np.random.default_rng(0).random((1, 64, 96), dtype=np.float32)
    got, network = at_scales(image, SCALES)
    assert network.widths == [48, 96, 144]
    want = np.zeros((64, 96))
    for scale in SCALES:
        size = (round(64 * scale), round(96 * scale))
        scaled = functional.interpolate(torch.from_numpy(image)[None], size=size, mode="bilinear")
        probability = torch.softmax(Gradient()(scaled), dim=1)[:, 1:]
        want += functional.interpolate(probability, size=(64, 96), mode="bilinear")[0, 0].numpy() / 3
    np.testing.assert_allclose(got[0], want, atol=1e-6)
    single, _ = at_scales(image, (1.0,))
    assert np.abs(single - got).max() > 0.05


def test_one_scale_resizes_nothing() -> None:
    image = np.random.default_rng(1).random((2, 70, 50), dtype=np.float32)
    got, network = at_scales(image, (1.0,))
    assert set(network.widths) == {64}
    step = image - np.roll(np.pad(image, ((0, 0), (0, 0), (0, 14))), 1, axis=2)[:, :, :50]
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-3 * step)), atol=1e-6)
