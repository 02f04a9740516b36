"""A model's files are read, verified and never unpickled."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from LiverTumorAttentionLib.errors import Cancelled, ModelError
from LiverTumorAttentionLib.models import (
    ModelPackage,
)
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from Testing.Library.model_folder import change_description


def test_a_folder_and_its_zip_hold_the_same_model(model: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", model.parent, model.name))
    folder, packed = ModelPackage(model), ModelPackage(archive)
    packed.verify()
    assert packed.description == folder.description
    stage = folder.description.stage("tumor")
    assert folder.size_bytes() == packed.size_bytes()
    weights, unpacked = folder.load_weights(stage), packed.load_weights(stage)
    assert weights.keys() == unpacked.keys()
    assert all(torch.equal(weights[key], unpacked[key]) for key in weights)


def test_half_precision_weights_are_read_as_single(model: Path) -> None:
    import hashlib

    import safetensors.torch

    content = safetensors.torch.save({"w": torch.ones(2, dtype=torch.float16), "n": torch.tensor(3)})
    (model / "liver.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    change_description(model, lambda values: values["stages"][0].update(sha256=digest))
    package = ModelPackage(model)
    weights = package.load_weights(package.description.stage("liver"))
    assert weights["w"].dtype == torch.float32
    assert weights["n"].dtype == torch.int64


def test_a_changed_byte_is_noticed(model: Path) -> None:
    path = model / "tumor.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    package = ModelPackage(model)
    with pytest.raises(
        ModelError, match=r"tumor\.safetensors of the model 'random' is damaged or was changed"
    ):
        package.verify()
    with pytest.raises(ModelError, match="damaged or was changed"):
        package.load_weights(package.description.stage("tumor"))


def set_stage(index: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["stages"][index].update(values)


def test_a_file_that_is_no_safetensors_is_refused(model: Path) -> None:
    import hashlib

    content = b"not weights at all, though long enough to be taken for some"
    (model / "liver.safetensors").write_bytes(content)
    change_description(model, set_stage(0, sha256=hashlib.sha256(content).hexdigest()))
    package = ModelPackage(model)
    with pytest.raises(ModelError, match=r"liver\.safetensors is not a safetensors file"):
        package.load_weights(package.description.stage("liver"))


def test_weights_that_do_not_fit_the_network_are_refused(model: Path) -> None:
    from LiverTumorAttentionLib.inference import LiverStage, choose_device

    change_description(model, lambda d: d["stages"][0]["arguments"].update(width=8))
    with pytest.raises(ModelError, match=r"liver\.safetensors does not fit the network 'resseg'"):
        LiverStage.of(ModelPackage(model), choose_device("cpu"))


def test_verifying_tells_how_far_it_is_and_can_be_cancelled(model: Path) -> None:
    events: list[ProgressEvent] = []
    ModelPackage(model).verify(Progress(events.append))
    assert [event.stage for event in events] == ["verifying liver.safetensors", "verifying tumor.safetensors"]
    assert [event.fraction for event in events] == [0.5, 1.0]
    with pytest.raises(Cancelled):
        ModelPackage(model).verify(Progress(cancelled=lambda: True))
