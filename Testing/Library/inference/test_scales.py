"""SFAN's multi-scale inference: the tile at several scales, probabilities resized back and averaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.models import SliceSettings
from LiverTumorAttentionLib.progress import Progress

CPU = replace(choose_device("cpu"), bfloat16=False)
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


def run(image: np.ndarray, scales: tuple[float, ...]) -> tuple[np.ndarray, Gradient]:
    network = Gradient()
    settings = SliceSettings(neighbours=0, tile=(64, 96), overlap=0.25, scales=scales)
    result = SlicePredictor(network, settings, CPU, ((1,),)).predict([image], Progress())
    return result[0], network


def test_probabilities_of_all_scales_are_averaged() -> None:
    image = np.random.default_rng(0).random((1, 64, 96), dtype=np.float32)
    got, network = run(image, SCALES)
    assert network.widths == [48, 96, 144]
    want = np.zeros((64, 96))
    for scale in SCALES:
        size = (round(64 * scale), round(96 * scale))
        scaled = functional.interpolate(torch.from_numpy(image)[None], size=size, mode="bilinear")
        probability = torch.softmax(Gradient()(scaled), dim=1)[:, 1:]
        want += functional.interpolate(probability, size=(64, 96), mode="bilinear")[0, 0].numpy() / 3
    np.testing.assert_allclose(got[0], want, atol=1e-6)
    single, _ = run(image, (1.0,))
    assert np.abs(single - got).max() > 0.05


def test_one_scale_resizes_nothing() -> None:
    image = np.random.default_rng(1).random((2, 70, 50), dtype=np.float32)
    got, network = run(image, (1.0,))
    assert set(network.widths) == {64}
    step = image - np.roll(np.pad(image, ((0, 0), (0, 0), (0, 14))), 1, axis=2)[:, :, :50]
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-3 * step)), atol=1e-6)
