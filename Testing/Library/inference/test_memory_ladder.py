"""When memory runs out, a network runs on fewer and smaller windows, then on the CPU; what was done is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib.errors import DeviceError, OutOfMemory
from LiverTumorAttentionLib.inference import AttentionRecorder, Device, choose_device
from LiverTumorAttentionLib.inference.patches import PatchPredictor
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.memory import MemoryWarning
from LiverTumorAttentionLib.models import PatchSettings, SliceSettings
from LiverTumorAttentionLib.networks import AttentionMap
from LiverTumorAttentionLib.progress import Progress

TUMOR = ((1,),)
CPU = replace(choose_device("cpu"), bfloat16=False, threads=1)


def raised_by(work: Callable[[], object]) -> Exception:
    try:
        work()
    except MemoryError as error:
        return error
    raise AssertionError("there is memory for everything")


FAILURES: dict[str, Callable[[], Exception]] = {
    "CUDA": lambda: torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has 1 GiB free"
    ),
    "CPU": lambda: RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    "cuBLAS": lambda: RuntimeError(
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    ),
    "cuDNN": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "oneDNN": lambda: RuntimeError("could not create a memory object"),
    "numpy": lambda: raised_by(lambda: np.empty(1 << 55, np.uint8)),
    "C++": lambda: RuntimeError("std::bad_alloc"),
    "Python": MemoryError,
}


@dataclass(frozen=True, kw_only=True)
class SimulatedCard(Device):
    """A graphics card, as far as the ladder sees it; it computes on the CPU."""

    @property
    def kind(self) -> str:
        return "cuda"

    def describe(self) -> str:
        return "cuda:0 (simulated)"


class Limited(torch.nn.Module):
    """Logit of a voxel: its value. Memory ends at a number of voxels of one batch, or everywhere but on the CPU."""

    def __init__(self, most: float, fail: Callable[[], Exception]) -> None:
        super().__init__()
        self.most, self.fail = most, fail
        self.shapes: list[tuple[int, ...]] = []
        self.on_card: Callable[[], bool] | None = None

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.numel() > self.most and (self.on_card is None or self.on_card()):
            raise self.fail()
        self.shapes.append((image.shape[0], *image.shape[2:]))
        return torch.cat([torch.zeros_like(image), image], dim=1)


def slices(network: torch.nn.Module, device: Device = CPU) -> SlicePredictor:
    return SlicePredictor(network, SliceSettings(neighbours=0, tile=(128, 128), overlap=0.25), device, TUMOR)


@contextmanager
def told() -> Iterator[list[str]]:
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
    texts += [str(w.message) for w in caught if w.category is MemoryWarning]


VOLUME = np.random.default_rng(0).normal(size=(6, 150, 200)).astype(np.float32)
EXPECTED = 1 / (1 + np.exp(-VOLUME))


@pytest.mark.parametrize("failure", FAILURES)
def test_fewer_windows_then_smaller_ones_and_the_result_is_there(failure: str) -> None:
    network = Limited(64 * 64, FAILURES[failure])
    with told() as texts:
        got = slices(network).predict([VOLUME], Progress())[0]
    np.testing.assert_allclose(got, EXPECTED, atol=1e-6)
    assert set(network.shapes) == {(1, 64, 64)}
    assert len(texts) == 1
    assert texts[0].startswith(
        "memory ran short, so the network ran on windows of 64 x 64 instead of 128 x 128"
    )


def test_windows_one_by_one_are_the_first_step() -> None:
    network = Limited(128 * 128, FAILURES["CPU"])
    with told() as texts:
        got = slices(network).predict([VOLUME], Progress())[0]
    assert set(network.shapes) == {(1, 128, 128)}
    np.testing.assert_array_equal(got, slices(Limited(np.inf, MemoryError)).predict([VOLUME], Progress())[0])
    assert [text for text in texts if "128 x 128" in text] == []
    assert len(texts) == 1


def test_a_small_volume_does_not_limit_a_larger_one_after_it() -> None:
    network = Limited(np.inf, MemoryError)
    predictor = slices(network)
    predictor.predict([VOLUME[:, :50, :60]], Progress())
    network.shapes.clear()
    predictor.predict([VOLUME], Progress())
    assert {shape[1:] for shape in network.shapes} == {(128, 128)}


def test_a_later_volume_begins_where_memory_was_enough() -> None:
    network = Limited(64 * 64, MemoryError)
    predictor = slices(network)
    for told_before in (False, True):
        with told() as texts:
            got = predictor.predict([VOLUME], Progress())[0]
        np.testing.assert_allclose(got, EXPECTED, atol=1e-6)
        assert (texts == []) == told_before


@pytest.mark.parametrize("failure", ["CUDA", "cuBLAS", "cuDNN"])
def test_a_card_without_memory_gives_way_to_the_cpu(failure: str) -> None:
    network = Limited(0, FAILURES[failure])
    predictor = slices(network, replace_card())
    network.on_card = lambda: predictor.device.kind == "cuda"
    with told() as texts:
        got = predictor.predict([VOLUME], Progress())[0]
    assert predictor.device.kind == "cpu"
    assert "instead of cuda:0 (simulated), which takes longer" in texts[-1]
    assert {shape[1:] for shape in network.shapes} == {(128, 128)}  # whole windows on the CPU again
    np.testing.assert_allclose(got, EXPECTED, atol=2e-2)  # bfloat16 where the processor has it
    with told() as later:
        predictor.predict([VOLUME], Progress())
    assert later == []  # it stays there, and says so once


def replace_card() -> Device:
    return SimulatedCard(torch=torch.device("cpu"), bfloat16=False)


@pytest.mark.parametrize("device", [CPU, replace_card()], ids=["cpu", "card"])
@pytest.mark.parametrize("failure", FAILURES)
def test_the_last_step_is_a_sentence_with_what_would_help(failure: str, device: Device) -> None:
    predictor = slices(Limited(0, FAILURES[failure]), device)
    with (
        told(),
        pytest.raises(OutOfMemory, match=r"too little free memory .*crop the volume to the liver") as caught,
    ):
        predictor.predict([VOLUME], Progress())
    assert isinstance(caught.value, DeviceError)
    assert "\n" not in str(caught.value)
    assert "left" in str(caught.value)
    if failure == "CUDA":
        assert "2.68 GB more were needed" in str(caught.value)


def test_another_error_is_no_reason_to_try_again() -> None:
    network = Limited(0, lambda: RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with told() as texts, pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        slices(network, replace_card()).predict([VOLUME], Progress())
    assert texts == []


def test_patches_become_smaller_and_go_to_the_cpu() -> None:
    volume = np.random.default_rng(1).normal(size=(70, 130, 90)).astype(np.float32)
    network = Limited(64**3, FAILURES["CUDA"])
    predictor = PatchPredictor(network, PatchSettings(patch=(128, 128, 128)), replace_card(), TUMOR)
    with told() as texts:
        got = predictor.predict([volume], Progress())[0]
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-volume)), atol=1e-6)
    assert "windows of 64 x 64 x 64 instead of 96 x 128 x 96" in texts[-1]
    network.most, network.on_card = 0, lambda: predictor.device.kind == "cuda"
    with told() as texts:
        predictor.predict([volume], Progress())
    assert predictor.device.kind == "cpu"
    assert "instead of cuda:0 (simulated)" in texts[-1]


def test_attention_is_recorded_once_however_often_the_network_was_tried() -> None:
    class Watched(Limited):
        def __init__(self, most: float) -> None:
            super().__init__(most, MemoryError)
            self.places = AttentionMap("map", "half of the image")

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            self.places(image / 2)
            return super().forward(image)

    maps = []
    for most in (np.inf, 128 * 128):
        network, recorder = Watched(most), AttentionRecorder()
        with told(), recorder.recording(network, sitk.GetImageFromArray(VOLUME)):
            slices(network).predict([VOLUME], Progress(), recorder=recorder)
        maps.append(sitk.GetArrayFromImage(recorder.maps["places"]))
    np.testing.assert_array_equal(maps[1], maps[0])
    np.testing.assert_allclose(maps[0], VOLUME / 2, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 3])
def test_attention_is_the_same_with_more_threads(threads: int) -> None:
    class Watched(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.channels = AttentionMap("vector", "mean of the image")

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            self.channels(image.flatten(1).mean(dim=1, keepdim=True))
            return torch.cat([image, image], dim=1)

    network, recorder = Watched(), AttentionRecorder()
    volume = np.broadcast_to(np.arange(9, dtype=np.float32)[:, None, None], (9, 128, 128)).copy()
    with recorder.recording(network, sitk.GetImageFromArray(volume)):
        slices(network, replace(CPU, threads=threads)).predict([volume], Progress(), recorder=recorder)
    assert [entry.center[2] for entry in recorder.vectors["channels"]] == list(range(9))
    assert [float(entry.weights[0]) for entry in recorder.vectors["channels"]] == list(range(9))
