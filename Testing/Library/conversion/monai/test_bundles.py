"""What a bundle may hold, and what is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from LiverTumorAttentionLib.conversion.monai.reading import MonaiModel
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.model_files import ModelFiles
from LiverTumorAttentionLib.models.monai_steps import ScaleRange, Spacing
from Testing.Library.monai_bundles import configuration, metadata


def bundle(folder: Path, change: Callable[[dict[str, Any]], object] = lambda config: None) -> Path:
    """Write a bundle without real weights; `change` is applied to its configuration."""
    config = configuration()
    change(config)
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata()), encoding="utf-8")
    (folder / "models" / "model.pt").write_bytes(b"weights")
    return folder


def test_a_bundle_is_understood_without_running_its_expressions(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / "LICENSE").write_text(
        "                Apache License\n   Version 2.0, January 2004", encoding="utf-8"
    )

    model = MonaiModel.read(ModelFiles(folder))

    assert (model.network.architecture, model.network.channels, model.network.outputs) == ("UNet", 1, 3)
    assert model.network.settings["channels"] == [4, 8, 8]
    assert model.before.orientation == "RAS"
    assert model.before.steps == (
        Spacing(spacing_mm=(1.5, 1.5, 2.0)),
        ScaleRange(source=(-100.0, 300.0), target=(0.0, 1.0), clip=True),
    )
    assert model.window["overlap"] == (0.5, 0.5, 0.5)
    assert model.after.returned == "probabilities"
    assert model.weights == "models/model.pt"
    assert model.outputs == ("background", "liver", "liver tumor")
    assert (model.title, model.licence) == ("Tiny liver", "Apache-2.0")


def test_the_same_in_yaml(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    config = folder / "configs" / "inference.json"
    config.with_suffix(".yaml").write_text(yaml.safe_dump(json.loads(config.read_text())), encoding="utf-8")
    expected = MonaiModel.read(ModelFiles(folder))
    config.unlink()
    found = MonaiModel.read(ModelFiles(folder))
    assert (found.network, found.before, found.window) == (expected.network, expected.before, expected.window)


def _transform(name: str, **arguments: Any) -> Callable[[dict[str, Any]], object]:
    step = {"_target_": name, "keys": "image", **arguments}
    return lambda config: config["preprocessing"]["transforms"].insert(3, step)


def _post(name: str, **arguments: Any) -> Callable[[dict[str, Any]], object]:
    step = {"_target_": name, "keys": "pred", **arguments}
    return lambda config: config["postprocessing"]["transforms"].insert(0, step)


def _set(*path: str, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = value

    return change


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "network of another name": (
        _set("network_def", "_target_", value="DiNTS"),
        "the network 'DiNTS' is not known",
    ),
    "network of code": (_set("network_def", "_target_", value="scripts.nets.Mine"), "which is not MONAI's"),
    "network made by code": (_set("network_def", value="$scripts.make()"), "which is never run"),
    "argument of code": (_set("network_def", "strides", value="$[2] * 2"), "strides is Python code"),
    "part as argument": (
        _set("network_def", "norm", value={"_target_": "os.system"}),
        "norm must be a value",
    ),
    "slices": (_set("network_def", "spatial_dims", value=2), "spatial_dims must be 3"),
    "unknown transform": (_transform("RandGaussianNoised"), "'RandGaussianNoised' before the network"),
    "transform of code": (_transform("scripts.steps.Mine"), "which is not MONAI's"),
    "lambda": (_transform("Lambdad", func="$lambda x: x * 2"), "'Lambdad' before the network"),
    "spline": (_transform("Spacingd", pixdim=[1, 1, 1], mode=3), "mode must be 'bilinear'"),
    "selected by code": (
        _transform("CropForegroundd", select_fn="$lambda x: x > 3"),
        "select_fn is Python code",
    ),
    "unknown argument": (_transform("ScaleIntensityd", gamma=2), "the argument 'gamma' is not understood"),
    "late turn": (_transform("Spacingd", pixdim=[1, 1, 1]), "in this order, each once"),
    "other inferer": (
        _set("inferer", "_target_", value="SliceInferer"),
        "the inferer 'SliceInferer' is not known",
    ),
    "window of code": (_set("inferer", "roi_size", value="$[96] * 3"), "roi_size is Python code"),
    "unknown step after": (_post("FillHolesd"), "'FillHolesd' after the network"),
    "mixed labels": (
        lambda config: config["postprocessing"]["transforms"].insert(
            1, config["postprocessing"]["transforms"].pop(2)
        ),
        "brings labels back with nearest_interp false",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_named(case: str, tmp_path: Path) -> None:
    from LiverTumorAttentionLib.config_parsing import from_mapping
    from LiverTumorAttentionLib.conversion.monai.convert import monai_block
    from LiverTumorAttentionLib.models.monai_settings import MonaiSettings

    change, told = REFUSED[case]

    def understand() -> None:
        block = monai_block(MonaiModel.read(ModelFiles(bundle(tmp_path / "bundle", change))), ["portal"])
        from_mapping(MonaiSettings, block, where="model.json: monai", error=ModelError)

    with pytest.raises(ModelError, match=told) as refusal:
        understand()
    assert "\n" not in str(refusal.value)


def test_a_bundle_with_code_in_it_is_refused(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "nets.py").write_text("open('owned', 'w')", encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"holds code \('scripts/nets.py'\), and no code of a bundle is ever run"
    ):
        MonaiModel.read(ModelFiles(folder))


def test_weights_that_are_not_there_are_asked_for(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / "models" / "model.pt").rename(folder / "models" / "model.ts")
    with pytest.raises(
        ModelError, match=r"no models/model.pt \(model.ts beside it is a program, which is never run\)"
    ):
        MonaiModel.read(ModelFiles(folder))


@pytest.mark.parametrize("content", ["{", "[]", '{"a": NaN}'])
def test_a_configuration_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / "configs" / "inference.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"inference.json of the bundle .* get the bundle again"):
        MonaiModel.read(ModelFiles(folder))
