"""3D patches cover the volume, blend without seams, and cost no more than the box that is kept."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import Cancelled, ModelError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.inference.patches import PatchPredictor
from LiverTumorAttentionLib.models import PatchSettings
from LiverTumorAttentionLib.progress import Progress, ProgressEvent

CPU = replace(choose_device("cpu"), bfloat16=False)
LIVER_AND_TUMOR = ((1, 2), (2,))


class Pointwise(torch.nn.Module):
    """Logits of three classes from the voxel alone: 0, x, 2 x."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.sizes.append(tuple(image.shape[2:]))
        return torch.cat([torch.zeros_like(image), image, 2 * image], dim=1)


def predictor(network: torch.nn.Module, patch: tuple[int, int, int] = (32, 64, 32)) -> PatchPredictor:
    return PatchPredictor(network, PatchSettings(patch=patch), CPU, LIVER_AND_TUMOR)


def expected(volume: np.ndarray) -> np.ndarray:
    e = np.exp(np.stack([np.zeros_like(volume), volume, 2 * volume]))
    p = e / e.sum(axis=0)
    return np.stack([p[1] + p[2], p[2]])


@pytest.mark.parametrize("shape", [(32, 64, 32), (40, 70, 90), (5, 100, 33), (33, 10, 65)])
def test_a_pointwise_network_gives_the_same_with_patches_as_without(shape: tuple[int, int, int]) -> None:
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    got = predictor(Pointwise()).predict([volume], Progress())
    assert got.shape == (2, *shape)
    np.testing.assert_allclose(got, expected(volume), atol=1e-6)


def test_patches_overlap_by_half_and_shrink_in_whole_steps_to_a_small_volume() -> None:
    network = Pointwise()
    predictor(network).predict([np.zeros((64, 128, 64), np.float32)], Progress())
    assert len(network.sizes) == 3 * 3 * 3
    network.sizes.clear()
    predictor(network, (128, 128, 128)).predict([np.zeros((20, 70, 130), np.float32)], Progress())
    assert set(network.sizes) == {(32, 96, 128)}


def test_only_patches_that_touch_the_kept_box_are_computed() -> None:
    volume = np.random.default_rng(1).normal(size=(64, 128, 64)).astype(np.float32)
    network = Pointwise()
    keep = (slice(2, 10), slice(70, 100), slice(0, 20))
    got = predictor(network).predict([volume], Progress(), keep=keep)
    assert got.shape == (2, 8, 30, 20)
    np.testing.assert_allclose(got, expected(volume)[(slice(None), *keep)], atol=1e-6)
    assert len(network.sizes) == 1 * 2 * 2  # z: the first of 3; y: those from 32 and 64; x: from 0 and 16


def test_blending_prefers_the_middle_of_a_patch() -> None:
    class Position(torch.nn.Module):
        """Answers with the column inside the patch: neighbours disagree wherever they overlap."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = torch.linspace(-2, 2, image.shape[4]).expand(1, 1, *image.shape[2:])
            return torch.cat([torch.full_like(x, -9.0), torch.zeros_like(x), x], dim=1)

    got = predictor(Position()).predict([np.zeros((32, 64, 64), np.float32)], Progress())[1, 0, 0]
    assert np.abs(np.diff(got)).max() < 0.12  # patches laid side by side would jump by 0.76
    # Column 24 is the middle of the patch from 16 and three quarters along the first: nearly the middle's answer.
    assert got[32] == pytest.approx(0.5, abs=0.05)


def test_progress_rises_and_cancelling_stops_between_patches() -> None:
    events: list[ProgressEvent] = []
    wish = threading.Event()

    def report(event: ProgressEvent) -> None:
        events.append(event)
        if len(events) == 3:
            wish.set()

    network = Pointwise()
    with pytest.raises(Cancelled):
        predictor(network).predict([np.zeros((64, 128, 64), np.float32)], Progress(report, wish.is_set))
    assert len(network.sizes) == 3
    assert events[0].message == "patch 1 of 27"
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)


def test_a_network_with_too_few_classes_is_refused() -> None:
    class Binary(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.cat([image, image], dim=1)

    with pytest.raises(ModelError, match="returns 2 classes, fewer than its stage"):
        predictor(Binary()).predict([np.zeros((32, 64, 32), np.float32)], Progress())
