"""What is watched is what the network computed, and lies where it looked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference import AttentionRecorder, check_records_attention, choose_device
from LiverTumorAttentionLib.inference.patches import PatchPredictor
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.models import PatchSettings, SliceSettings
from LiverTumorAttentionLib.networks import AttentionMap
from LiverTumorAttentionLib.progress import Progress

CPU = replace(choose_device("cpu"), bfloat16=False)
TUMOR = ((1,),)


class Watched(nn.Module):
    """Attends to a place by half its value, at half the resolution, and to channel c of an image by its mean + c."""

    def __init__(self) -> None:
        super().__init__()
        self.places = AttentionMap("map", "half of the image")
        self.channels = AttentionMap("vector", "mean of the image")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        pool = functional.avg_pool2d if image.ndim == 4 else functional.avg_pool3d
        self.places(pool(image, 2) / 2)
        mean = image.flatten(1).mean(dim=1, keepdim=True)
        self.channels(mean + torch.arange(3.0))
        return torch.cat([image, image], dim=1)


def grid_of(volume: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing((2.0, 2.0, 5.0))
    image.SetOrigin((10.0, 20.0, 30.0))
    return image


def slices(network: nn.Module, scales: tuple[float, ...] = (1.0,)) -> SlicePredictor:
    settings = SliceSettings(neighbours=0, tile=(64, 64), overlap=0.5, scales=scales)
    return SlicePredictor(network, settings, CPU, TUMOR)


def smooth(shape: tuple[int, int, int]) -> np.ndarray:
    """A linear ramp in every direction, which pooling and interpolation inside leave as it is."""
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij")
    return 0.1 * z + 0.01 * y + 0.02 * x


@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0, 1.5)])
def test_maps_of_slices_lie_where_the_image_lies(scales: tuple[float, ...]) -> None:
    volume, network, recorder = smooth((3, 96, 128)), Watched(), AttentionRecorder()
    grid = grid_of(volume)
    keep = (slice(1, 3), slice(10, 80), slice(20, 120))
    with recorder.recording(network, grid):
        slices(network, scales).predict([volume], Progress(), keep=keep, recorder=recorder)
    image = recorder.maps["places"]
    assert image.GetOrigin() == grid.TransformIndexToPhysicalPoint((20, 10, 1))
    assert image.GetSpacing() == grid.GetSpacing()
    got = sitk.GetArrayFromImage(image)
    assert got.shape == (2, 70, 100)
    # Away from the volume's border, where interpolation repeats the outermost value.
    np.testing.assert_allclose(got, volume[keep] / 2, atol=0.005)
    assert recorder.about["places"] == "half of the image"


def test_weights_of_channels_are_kept_a_tile_with_its_place() -> None:
    volume, network, recorder = smooth((2, 64, 96)), Watched(), AttentionRecorder()
    with recorder.recording(network, grid_of(volume)):
        slices(network).predict([volume], Progress(), recorder=recorder)
    entries = recorder.vectors["channels"]
    assert [e.center for e in entries] == [(31.5, 31.5, 0), (63.5, 31.5, 0), (31.5, 31.5, 1), (63.5, 31.5, 1)]
    np.testing.assert_allclose(entries[0].weights, volume[0, :, :64].mean() + np.arange(3), rtol=1e-4)
    np.testing.assert_allclose(entries[3].weights, volume[1, :, 32:].mean() + np.arange(3), rtol=1e-4)


def test_maps_and_weights_of_patches() -> None:
    volume, network, recorder = smooth((40, 64, 64)), Watched(), AttentionRecorder()
    predictor = PatchPredictor(network, PatchSettings(patch=(32, 32, 32)), CPU, TUMOR)
    with recorder.recording(network, grid_of(volume)):
        predictor.predict([volume], Progress(), recorder=recorder)
    inner = (slice(2, -2),) * 3
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(recorder.maps["places"])[inner], volume[inner] / 2, atol=0.02
    )
    assert len(recorder.vectors["channels"]) == 2 * 3 * 3
    assert recorder.vectors["channels"][0].center == (15.5, 15.5, 15.5)


def test_a_network_that_nobody_watches_keeps_no_hooks() -> None:
    volume, network, recorder = smooth((1, 64, 64)), Watched(), AttentionRecorder()
    with recorder.recording(network, grid_of(volume)):
        pass
    slices(network).predict([volume], Progress())
    assert recorder.maps == {}
    assert recorder.vectors == {}
    assert not any(module._forward_hooks for module in network.modules())


class Relating(nn.Module):
    """At a quarter of the resolution, a place attends to itself alone."""

    about = "itself"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def attention_of(self, x: torch.Tensor, row: int, column: int) -> torch.Tensor:
        weights = torch.zeros(x.shape[0], 1, *x.shape[2:])
        weights[:, :, row, column] = 1
        return weights


class RelatingNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.skip = Relating()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        deep = functional.interpolate(self.skip(functional.avg_pool2d(image, 4)), scale_factor=4.0)
        return torch.cat([deep, deep], dim=1)


@pytest.mark.parametrize("place", [(1, 50, 100), (0, 0, 0), (2, 95, 127)])
def test_a_relation_is_looked_at_from_its_place(place: tuple[int, int, int]) -> None:
    volume, network, recorder = smooth((3, 96, 128)), RelatingNetwork(), AttentionRecorder()
    assert recorder.has_point_attention(network)
    with recorder.recording(network, grid_of(volume)):
        slices(network).record_from([volume], place, recorder)
    got = sitk.GetArrayFromImage(recorder.maps["skip"])
    assert recorder.about["skip"] == "itself"
    assert np.flatnonzero(got.any(axis=(1, 2))).tolist() == [place[0]]
    highest = np.unravel_index(got[place[0]].argmax(), got.shape[1:])
    assert np.abs(np.subtract(highest, place[1:])).max() <= 4


def test_a_network_without_attention_is_refused() -> None:
    assert not AttentionRecorder.has_point_attention(Watched())
    check_records_attention(Watched(), "watched")
    check_records_attention(RelatingNetwork(), "relating")
    with pytest.raises(ModelError, match="the network 'plain' computes no attention that could be saved"):
        check_records_attention(nn.Conv2d(1, 2, 1), "plain")
