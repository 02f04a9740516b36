"""Our way through a MONAI bundle against MONAI's own: the same voxels, up to ties."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model
from LiverTumorAttentionLib.conversion.monai.reading import MonaiModel
from LiverTumorAttentionLib.inference.device import choose_device
from LiverTumorAttentionLib.inference.monai.predictor import MonaiAnswer, MonaiPredictor, Turn
from LiverTumorAttentionLib.inference.monai.preparation import prepare
from LiverTumorAttentionLib.models import ModelPackage, user_model_folder
from LiverTumorAttentionLib.models.model_files import ModelFiles
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import to_lps
from Testing.Library.monai_bundles import (
    NETWORKS,
    configuration,
    metadata,
    monai_labels,
    phantom,
    write_bundle,
)

LEAST_EQUAL = 0.9999
"""Share of equal voxels; the rest are ties, which rounding decides."""
NEEDS_EINOPS = ("SwinUNETR", "UNETR")


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(tmp_path / "user"))


def found_by_us(
    folder: Path, image: sitk.Image, liver: np.ndarray | None = None, labels: dict[str, str] | None = None
) -> MonaiAnswer:
    """Return what our way finds with a bundle that is added as a model, once."""
    installed = user_model_folder() / folder.name.lower()
    if installed.is_dir():
        package = ModelPackage(installed)
    else:
        package = add_any_model(folder, ImportAnswers(id=folder.name.lower(), labels=labels or {}))
    (stage,) = package.description.stages
    network = build_network(stage.network, **stage.arguments)
    network.load_state_dict(package.load_weights(stage), strict=True)
    device = dataclasses.replace(choose_device("cpu"), bfloat16=False)
    return MonaiPredictor(stage, [network], device).predict({"portal": image}, Progress(), liver=liver)


def agreement(folder: Path, image: sitk.Image) -> float:
    """Return the share of voxels that both find alike, after a look that every class is found.

    Left out is what lies exactly one voxel beyond a crop: all outputs are 0 there but for MONAI's rounding, which then
    decides.
    """
    theirs, ours = monai_labels(folder, image), found_by_us(folder, image).labels
    for value in range(3):
        assert (theirs == value).mean() > 0.001, f"class {value} is found nowhere: the test tells nothing"
    decided = ~_beside_crop(folder, image)
    share = float((theirs == ours)[decided].mean())
    print(f"{folder.name}: {100 * share:.4f} % of {decided.sum()} voxels alike ({theirs.size} in all)")
    return share


def _beside_crop(folder: Path, image: sitk.Image) -> np.ndarray:
    model = MonaiModel.read(ModelFiles(folder))
    turn = Turn.to(model.before.orientation or "LPS")
    channel = turn.there(sitk.GetArrayFromImage(image)).astype(np.float32)[None]
    axes = prepare(channel, [image.GetSpacing()[axis] for axis in turn.order], model.before.steps).axes
    beside = [
        np.isclose(axis.sites, axis.first - 1) | np.isclose(axis.sites, axis.first + axis.kept)
        for axis in axes
    ]
    i, j, k = np.meshgrid(*beside, indexing="ij")
    return turn.back(i | j | k)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_every_known_network_finds_what_it_finds_in_monai(architecture: str, tmp_path: Path) -> None:
    if architecture in NEEDS_EINOPS:
        pytest.importorskip(
            "einops", reason="a network of transformers needs it; it is in the extra for tests"
        )
    folder = write_bundle(tmp_path / architecture, configuration(architecture), seed=3)
    assert agreement(folder, phantom()) >= LEAST_EQUAL


def _before(*steps: dict[str, Any]) -> dict[str, Any]:
    read = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
    ]
    return {"_target_": "Compose", "transforms": [*read, *({"keys": "image", **step} for step in steps)]}


def _after(*names: str, nearest: bool = False) -> dict[str, Any]:
    known = {
        "softmax": {"_target_": "Activationsd", "softmax": True},
        "argmax": {"_target_": "AsDiscreted", "argmax": True},
        "invert": {
            "_target_": "Invertd",
            "transform": "@preprocessing",
            "orig_keys": "image",
            "nearest_interp": nearest,
        },
    }
    return {"_target_": "Compose", "transforms": [{"keys": "pred", **known[name]} for name in names]}


RANGE = {
    "_target_": "ScaleIntensityRanged",
    "a_min": -100,
    "a_max": 300,
    "b_min": 0.0,
    "b_max": 1.0,
    "clip": True,
}
SPACING = {"_target_": "Spacingd", "pixdim": [1.7, -1, 2.1], "mode": ["bilinear"]}
WAYS: dict[str, dict[str, Any]] = {
    "whole-body-style": {
        "preprocessing": _before(
            SPACING,
            {"_target_": "NormalizeIntensityd", "nonzero": True},
            {"_target_": "ScaleIntensityd", "minv": -1.0, "maxv": 1.0},
        ),
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": [32, 32, 48],
            "overlap": 0.25,
            "mode": "gaussian",
            "padding_mode": "replicate",
        },
        "postprocessing": _after("softmax", "argmax", "invert", nearest=True),
    },
    "cropped": {
        "preprocessing": _before(SPACING, RANGE, {"_target_": "CropForegroundd", "source_key": "image"}),
        "postprocessing": _after("softmax", "invert", "argmax"),
    },
    "padded-percentiles": {
        "preprocessing": _before(
            {
                "_target_": "ScaleIntensityRangePercentilesd",
                "lower": 2,
                "upper": 98,
                "b_min": 0.0,
                "b_max": 1.0,
                "clip": True,
                "relative": True,
            },
            {"_target_": "ThresholdIntensityd", "threshold": 0.1},
            {"_target_": "SpatialPadd", "spatial_size": [48, -1, 20]},
        ),
        "postprocessing": _after("invert", "softmax", "argmax"),
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_every_known_way_finds_what_it_finds_in_monai(way: str, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / way, configuration("UNet", **WAYS[way]), seed=3)
    assert agreement(folder, phantom()) >= LEAST_EQUAL


def test_nibabel_turns_the_volume_as_we_do(tmp_path: Path) -> None:
    pytest.importorskip("nibabel", reason="MONAI turns volumes with it")
    steps = [{"_target_": "Orientationd", "keys": "image", "axcodes": "PIR"}, {"keys": "image", **RANGE}]
    config = configuration("UNet", preprocessing={"_target_": "Compose", "transforms": steps})
    assert agreement(write_bundle(tmp_path / "turned", config, seed=3), phantom()) >= LEAST_EQUAL


def test_one_result_in_eight_orientations_and_both_handednesses(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", seed=3)
    image = phantom()
    expected = found_by_us(folder, image).labels
    for axes in ("RAS", "LAS", "RPS", "LPI", "RAI", "PIR", "SAL", "ILP"):
        turned = sitk.DICOMOrient(image, axes)
        found = found_by_us(folder, to_lps(turned)).labels
        np.testing.assert_array_equal(found, expected, err_msg=axes)


def test_the_probability_reaches_a_half_just_where_the_labels_say_tumor(tmp_path: Path) -> None:
    answer = found_by_us(write_bundle(tmp_path / "bundle", seed=3), phantom())
    assert answer.probability is not None
    np.testing.assert_array_equal(answer.probability >= 0.5, answer.labels == 2)
    assert len(np.unique(answer.probability)) > 100


def test_overlapping_outputs_are_painted_with_the_tumor_over_the_liver(tmp_path: Path) -> None:
    steps = [
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.6},
    ]
    config = configuration("UNet", preprocessing=_before(RANGE), postprocessing=steps)
    config["network_def"] = {**config["network_def"], "out_channels": 2}
    about = metadata()
    about["network_data_format"]["outputs"]["pred"] = {"channel_def": {"0": "tumor", "1": "liver"}}
    answer = found_by_us(write_bundle(tmp_path / "bundle", config, about, seed=3), phantom())

    assert {0, 1, 2} == set(np.unique(answer.labels))
    np.testing.assert_array_equal(answer.probability >= 0.5, answer.labels == 1)


def test_where_the_liver_is_known_nothing_else_is_looked_at_with_the_same_result_there(
    tmp_path: Path,
) -> None:
    config = configuration("UNet", preprocessing=_before(RANGE))
    config["inferer"] = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "overlap": 0.25}
    folder, image = write_bundle(tmp_path / "bundle", config, seed=3), phantom((20, 88, 96), (1.0, 1.0, 3.0))
    liver = np.zeros((20, 88, 96), dtype=np.uint8)
    liver[4:8, 60:64, 70:76] = 1

    everywhere, near = found_by_us(folder, image), found_by_us(folder, image, liver)

    around = (slice(0, 14), slice(40, 84), slice(50, 96))  # 20 mm around it
    np.testing.assert_array_equal(near.labels[around], everywhere.labels[around])
    assert (near.labels[:, :20] == 0).all()
    assert (everywhere.labels[:, :20] != 0).any()
