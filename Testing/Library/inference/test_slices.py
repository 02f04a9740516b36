"""Tiles cover every pixel, and blending returns exactly what every tile agrees on."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import Cancelled, DeviceError
from LiverTumorAttentionLib.inference import Device, choose_device
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.inference.sliding_window import (
    Profile,
    gaussian,
    triangle,
    window_starts,
    windows_along,
)
from LiverTumorAttentionLib.models import SliceSettings
from LiverTumorAttentionLib.progress import Progress, ProgressEvent


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "starts"),
    [
        (64, 64, 0.5, [0]),
        (40, 64, 0.5, [0]),
        (96, 64, 0.5, [0, 32]),
        (100, 64, 0.0, [0, 36]),
        (224, 64, 0.25, [0, 40, 80, 120, 160]),
    ],
)
def test_tiles_are_spread_evenly(length: int, tile: int, overlap: float, starts: list[int]) -> None:
    assert window_starts(length, tile, overlap) == starts


def test_tiles_cover_everything_with_the_overlap_asked_for() -> None:
    for length in range(64, 400, 7):
        starts = window_starts(length, 64, 0.25)
        assert starts[0] == 0
        assert starts[-1] + 64 == length
        assert max(np.diff(starts), default=0) <= 48


def test_weights_fall_towards_the_border_and_stay_positive() -> None:
    np.testing.assert_allclose(triangle(6), np.array([1, 3, 5, 5, 3, 1]) / 6, rtol=1e-6)
    bell = gaussian(16)
    np.testing.assert_allclose(bell[[7, 8]], np.exp(-0.5 * (0.5 / 2) ** 2), rtol=1e-6)  # sigma 16 / 8
    np.testing.assert_allclose(bell[0], np.exp(-0.5 * (7.5 / 2) ** 2), rtol=1e-5)
    assert bell.min() > 0


@pytest.mark.parametrize("window", [triangle, gaussian])
@pytest.mark.parametrize(
    ("length", "piece", "overlap"), [(40, 64, 0.5), (64, 64, 0.5), (200, 64, 0.5), (129, 32, 0)]
)
def test_the_weights_of_all_pieces_sum_to_one(
    window: Profile, length: int, piece: int, overlap: float
) -> None:
    total = np.zeros(max(length, piece))
    for part in windows_along(length, piece, overlap, window):
        assert part.weights.min() > 0
        total[part.start : part.start + piece] += part.weights
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "unknown device 'gpu': choose auto, cpu, cuda or cuda:N"),
        ("cuda:x", "unknown device 'cuda:x'"),
        ("cuda:99", "the device 'cuda:99' is not there"),
    ],
)
def test_a_device_that_is_not_there_is_refused(name: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        choose_device(name)


def test_running_out_of_memory_is_said_in_words() -> None:
    device = choose_device("cpu")
    with pytest.raises(DeviceError, match="too little free memory"), device.running():
        raise torch.OutOfMemoryError("CUDA out of memory")
