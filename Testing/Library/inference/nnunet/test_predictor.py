"""A stage of nnU-Net over a case, against the plain transcription of what nnU-Net does; in any orientation alike."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import Cancelled, ModelError, OutOfMemory
from LiverTumorAttentionLib.inference import Device, choose_device
from LiverTumorAttentionLib.inference.nnunet.predictor import NNUNetNetworks, NNUNetPredictor
from LiverTumorAttentionLib.memory import MemoryWarning
from LiverTumorAttentionLib.models import StageDescription
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps
from Testing.Library.inference.nnunet.plain import averaged_logits, labels_of
from Testing.Library.nnunet_stages import arguments, network_pass, stage

CPU = replace(choose_device("cpu"), bfloat16=False)
SHAPE, SPACING = (14, 22, 20), (2.0, 0.9, 1.0)
REGIONS = [
    {"name": "whole liver", "meaning": "liver", "value": 1, "members": [1, 2]},
    {"name": "tumor", "meaning": "tumor", "value": 2, "members": [2]},
]
PLAIN = network_pass(spacing_mm=[1.5, 1.1, 1.3], patch=[8, 12, 10])


def network(seed: int, channels: int = 1, maps: int = 3, dimensions: int = 3) -> torch.nn.Module:
    """Return two convolutions with random weights: an answer that depends on the contrast nearby, and on its side."""
    torch.manual_seed(seed)
    kind = torch.nn.Conv3d if dimensions == 3 else torch.nn.Conv2d
    first = kind(channels, 4, 3, padding=1, bias=False)
    first.weight.data -= first.weight.data.mean(dim=list(range(2, dimensions + 2)), keepdim=True)
    return torch.nn.Sequential(first, torch.nn.LeakyReLU(), kind(4, maps, 3, padding=1, bias=False)).eval()


def plainly(module: torch.nn.Module) -> Any:
    double = copy.deepcopy(module).double()

    def run(image: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return double(torch.from_numpy(image.copy())[None])[0].numpy()

    return run


def hu_volume(shape: Sequence[int] = SHAPE, seed: int = 0) -> np.ndarray:
    """Return a volume of smooth noise about 100 HU, with a border of nothing."""
    generator = np.random.default_rng(seed)
    values = np.zeros(shape, dtype=np.int16)
    inside = generator.normal(100, 60, [n - 3 for n in shape]).astype(np.int16)
    inside[inside == 0] = 1
    values[1:-2, 2:-1, 1:-2] = inside
    return values


def image_of(values: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(SPACING[::-1])
    return image


def described(**changes: Any) -> StageDescription:
    """Return a stage in LPS order; `changes` replace its keys."""
    values = stage(**{"orientation": "LPS", "nnunet": {"transposition": [0, 1, 2], "run": PLAIN}, **changes})
    return from_mapping(StageDescription, values, where="stage", error=ModelError)


def check(found: np.ndarray, averaged: np.ndarray, box: Any, values: list[int], border: float | None) -> None:
    """Check labels against averaged outputs; voxels that are all but a tie may go either way."""
    expected = labels_of(averaged, box, found.shape, values, border)
    different = (found != expected)[box]
    if border is None:
        ordered = np.sort(averaged, axis=0)
        margin = ordered[-1] - ordered[-2]
    else:
        margin = np.abs(averaged - border).min(axis=0)
    assert different.sum() == (found != expected).sum()
    assert (margin[different] < 1e-4).all()
    assert different.mean() < 0.01
    assert len(np.unique(expected)) == 3


SIGMOID = {"outputs": REGIONS, "activation": "sigmoid", "arguments": arguments(classes=2)}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool, int]] = {
    # the pass, the stage, whether mirrored, folds
    "as planned": ({}, {}, False, 1),
    "mirrored": ({}, {}, True, 1),
    "mirrored along one axis": ({"mirror_axes": [1]}, {}, True, 1),
    "two folds": ({}, {}, False, 2),
    "regions": ({}, SIGMOID, False, 1),
    "slices": ({"patch": [12, 10], "spacing_mm": [1.1, 1.3], "mirror_axes": [0, 1]}, {}, True, 1),
    "a patch larger than the volume": ({"patch": [32, 12, 40]}, {}, False, 1),
    "far apart slices": ({"spacing_mm": [4.5, 1.1, 1.3], "patch": [4, 12, 10]}, {}, False, 1),
    "the volume's own grid": ({"spacing_mm": list(SPACING)}, {}, False, 1),
    "z-score": ({"channels": [{"phase": "portal", "normalization": "zscore"}]}, {}, False, 1),
    "rescaled after resampling": (
        {"channels": [{"phase": "portal", "normalization": "rescale"}], "normalize_first": False},
        {},
        False,
        1,
    ),
    "probabilities averaged": ({"averaged": "probabilities", "normalize_first": False}, {}, True, 2),
    "probabilities of regions averaged": ({"averaged": "probabilities"}, SIGMOID, True, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_labels_are_those_of_nnunet(name: str):
    changes, of_stage, mirror, folds = CASES[name]
    run = {**PLAIN, **changes}
    regions = "activation" in of_stage
    networks = [
        network(seed, maps=2 if regions else 3, dimensions=len(run["patch"])) for seed in range(folds)
    ]
    description = described(**{"nnunet": {"transposition": [0, 1, 2], "run": run}, **of_stage})
    predictor = NNUNetPredictor(
        description, NNUNetNetworks(main=networks), CPU, mirror=mirror, everywhere=True
    )
    values = hu_volume()
    answer = predictor.predict({"portal": image_of(values)}, Progress())

    def activate(logits: np.ndarray) -> np.ndarray:
        if run["averaged"] == "logits":
            return logits
        return 1 / (1 + np.exp(-logits)) if regions else np.exp(logits) / np.exp(logits).sum(0)

    run.setdefault("averaged", "logits")
    averaged, box = averaged_logits(
        [values], SPACING, run, [plainly(n) for n in networks], mirror=mirror, activate=activate
    )
    border = None if not regions else 0.5 if run["averaged"] == "probabilities" else 0.0
    check(answer.labels, averaged, box, [1, 2] if regions else [0, 1, 2], border)


def test_the_probability_is_the_softmax_and_a_half_just_where_the_label_says_so():
    module = network(0)
    predictor = NNUNetPredictor(described(), NNUNetNetworks(main=[module]), CPU, everywhere=True)
    values = hu_volume()
    answer = predictor.predict({"portal": image_of(values)}, Progress())
    averaged, box = averaged_logits([values], SPACING, PLAIN, [plainly(module)])
    assert answer.probability is not None
    np.testing.assert_array_equal(answer.probability >= 0.5, answer.labels == 2)
    softmax = (np.exp(averaged) / np.exp(averaged).sum(0))[2]
    sure = (softmax > 0.51) | ((averaged.argmax(0) != 2) & (softmax < 0.49))
    np.testing.assert_allclose(answer.probability[box][sure], softmax[sure], atol=1e-3)
    outside = np.ones(SHAPE, dtype=bool)
    outside[box] = False
    assert not answer.probability[outside].any()


@pytest.mark.parametrize("spacing", [SPACING, (5.0, 0.9, 1.0)])
def test_a_cascade_is_given_the_labels_of_its_first_network(spacing: tuple[float, ...]):
    first, second = network(0), network(1, channels=3)
    low = {**PLAIN, "spacing_mm": [3.0, 2.2, 2.4], "patch": [6, 8, 8]}
    previous = {
        "network": "plain_conv_unet",
        "arguments": arguments(),
        "weights": "low.safetensors",
        "sha256": "0" * 64,
        "run": low,
    }
    settings = {"transposition": [0, 1, 2], "run": PLAIN, "previous": previous}
    description = described(nnunet=settings, arguments=arguments(in_channels=3))
    networks = NNUNetNetworks(main=[second], previous=[first])
    values = hu_volume()
    image = image_of(values)
    image.SetSpacing(spacing[::-1])
    answer = NNUNetPredictor(description, networks, CPU, everywhere=True).predict(
        {"portal": image}, Progress()
    )
    before = labels_of(*averaged_logits([values], spacing, low, [plainly(first)]), SHAPE, [0, 1, 2], None)
    averaged, box = averaged_logits([values], spacing, PLAIN, [plainly(second)], before=before, labels=[1, 2])
    check(answer.labels, averaged, box, [0, 1, 2], None)


def test_channels_are_phases_in_the_order_of_the_model():
    module = network(0, channels=2)
    channels = [{**PLAIN["channels"][0], "phase": phase} for phase in ("arterial", "portal")]
    run = {**PLAIN, "channels": channels}
    description = described(
        name="tumor",
        phases=["portal", "arterial"],
        arguments=arguments(in_channels=2),
        nnunet={"transposition": [0, 1, 2], "run": run},
    )
    portal, arterial = hu_volume(), hu_volume(seed=5)
    predictor = NNUNetPredictor(description, NNUNetNetworks(main=[module]), CPU, everywhere=True)
    answer = predictor.predict({"portal": image_of(portal), "arterial": image_of(arterial)}, Progress())
    averaged, box = averaged_logits([arterial, portal], SPACING, run, [plainly(module)])
    check(answer.labels, averaged, box, [0, 1, 2], None)


def test_axes_are_turned_and_transposed():
    module = network(0)
    run = {**PLAIN, "spacing_mm": [1.1, 1.5, 1.3], "patch": [12, 8, 10]}
    description = described(orientation="RAS", nnunet={"transposition": [1, 0, 2], "run": run})
    values = hu_volume()
    predictor = NNUNetPredictor(description, NNUNetNetworks(main=[module]), CPU, everywhere=True)
    answer = predictor.predict({"portal": image_of(values)}, Progress())
    turned = values[:, ::-1, ::-1].transpose(1, 0, 2)
    averaged, box = averaged_logits([turned], (0.9, 2.0, 1.0), run, [plainly(module)])
    check(answer.labels.transpose(1, 0, 2)[::-1, :, ::-1], averaged, box, [0, 1, 2], None)


ORIENTATIONS = ["LPS", "RAS", "LAI", "RPI", "SLP", "ASR", "PIL", "IRA", "LPI", "RAI", "ASL", "SPL"]
"""Right-handed ones and left-handed ones."""


def test_one_case_in_any_orientation_gives_one_result():
    handedness = {
        round(np.linalg.det(np.reshape(sitk.DICOMOrient(image_of(hu_volume()), o).GetDirection(), (3, 3))))
        for o in ORIENTATIONS
    }
    assert handedness == {1, -1}
    predictor = NNUNetPredictor(
        described(orientation="RAS"), NNUNetNetworks(main=[network(0)]), CPU, everywhere=True
    )
    case = image_of(hu_volume())
    expected = predictor.predict({"portal": case}, Progress()).labels
    assert not np.array_equal(expected, expected[:, :, ::-1])
    for orientation in ORIENTATIONS:
        stored = sitk.DICOMOrient(case, orientation)
        labels = sitk.GetImageFromArray(predictor.predict({"portal": to_lps(stored)}, Progress()).labels)
        labels.CopyInformation(to_lps(stored))
        back = to_lps(from_lps(labels, stored))
        np.testing.assert_array_equal(sitk.GetArrayViewFromImage(back), expected, err_msg=orientation)


def test_without_the_air_the_body_is_found_alike():
    values = np.full((14, 22, 60), -1000, dtype=np.int16)
    values[:, :, 20:40] = np.random.default_rng(0).normal(100, 60, (14, 22, 20))
    module, seen = network(0), []
    module.register_forward_hook(lambda *_: seen.append(1))
    answers = {}
    for everywhere in (True, False):
        seen.clear()
        predictor = NNUNetPredictor(described(), NNUNetNetworks(main=[module]), CPU, everywhere=everywhere)
        answers[everywhere] = predictor.predict({"portal": image_of(values)}, Progress()).labels, len(seen)
    (whole, all_patches), (part, patches) = answers[True], answers[False]
    assert patches < all_patches
    body = values > -300
    np.testing.assert_array_equal(whole[body], part[body])
    assert len(np.unique(whole[body])) == 3


def test_where_the_liver_is_known_the_network_runs_about_it():
    values = np.random.default_rng(0).normal(100, 60, (14, 60, 60)).astype(np.int16)
    liver = np.zeros(values.shape, dtype=np.uint8)
    liver[4:9, 8:14, 8:12] = 1
    module, seen = network(0), []
    module.register_forward_hook(lambda *_: seen.append(1))
    predictor = NNUNetPredictor(described(), NNUNetNetworks(main=[module]), CPU)
    whole = predictor.predict({"portal": image_of(values)}, Progress()).labels
    patches = len(seen)
    seen.clear()
    part = predictor.predict({"portal": image_of(values)}, Progress(), liver=liver).labels
    assert len(seen) <= patches / 2
    near = np.s_[0:14, 0:34, 0:32]  # 20 mm more
    np.testing.assert_array_equal(part[near], whole[near])
    assert not part[:, -8:, -8:].any()


def test_a_run_can_be_cancelled_between_patches():
    module, seen = network(0), []
    module.register_forward_hook(lambda *_: seen.append(1))
    predictor = NNUNetPredictor(described(), NNUNetNetworks(main=[module]), CPU)
    with pytest.raises(Cancelled):
        predictor.predict({"portal": image_of(hu_volume())}, Progress(cancelled=lambda: len(seen) == 3))
    assert len(seen) == 3


def test_memory_that_ends_on_the_card_has_the_processor_take_over():
    module = network(0)
    calls = itertools.count()

    def short(*_: object) -> None:
        if next(calls) == 0:
            raise torch.OutOfMemoryError("out of memory")

    module.register_forward_hook(short)
    card = _Card(torch=torch.device("cpu"), bfloat16=False)
    predictor = NNUNetPredictor(described(), NNUNetNetworks(main=[module]), card)
    with pytest.warns(UserWarning, match="memory ran short, so the network ran on cpu"):
        answer = predictor.predict({"portal": image_of(hu_volume())}, Progress())
    assert predictor.device.kind == "cpu"
    assert answer.labels.any()


def test_memory_that_ends_on_the_processor_too_is_a_sentence():
    module = network(0)

    def short(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    module.register_forward_hook(short)
    card = _Card(torch=torch.device("cpu"), bfloat16=False)
    predictor = NNUNetPredictor(described(), NNUNetNetworks(main=[module]), card)
    with pytest.warns(MemoryWarning), pytest.raises(OutOfMemory, match="close other programs"):
        predictor.predict({"portal": image_of(hu_volume())}, Progress())


class _Card(Device):
    """A device that says it is a card, and computes on the processor."""

    @property
    def kind(self) -> str:
        return "cuda"

    def freed(self) -> None:
        """There is nothing to free."""

    def describe(self) -> str:
        return "a card"
