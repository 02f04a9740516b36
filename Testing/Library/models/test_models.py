"""Models are described strictly, verified, and found by name or path."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models import ModelPackage, add_model, find_model, list_models
from Testing.Library.model_folder import change_description, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "random")


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(folder))
    return folder


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


def set_slices(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["stages"][1]["slices"].update(values)


def set_grid(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["stages"][1]["grid"].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(colour="red"), "unknown key 'colour'"),
        (lambda d: d.update(titel="x"), "unknown key 'titel'; did you mean 'title'"),
        (lambda d: d.pop("licence"), "the key 'licence' is missing"),
        (lambda d: d.update(format=1), "format 1 is not known to this version"),
        (lambda d: d.update(id="../x"), r"id must be lower-case letters.*'\.\./x'"),
        (
            lambda d: d["stages"].reverse(),
            r"expected the stages 'liver' and 'tumor', in this order.* got \['tumor', 'liver'\]",
        ),
        (set_stage(0, weights="../liver.safetensors"), "weights must be the name of a .safetensors file"),
        (set_stage(0, weights="liver.pth"), "weights must be the name of a .safetensors file"),
        (set_stage(0, sha256="abc"), "sha256 must be 64 hexadecimal digits"),
        (set_stage(0, phases=["portal", "arterial"]), "finds the liver takes the portal phase alone"),
        (set_stage(1, phases=["arterial"]), "must begin with 'portal'"),
        (set_stage(1, phases=["venous"]), "phases must be taken from"),
        (set_stage(1, intensity={"window_hu": [180, -70]}), "window_hu must rise"),
        (set_stage(1, intensity={}), "either window_hu or percentiles"),
        (set_stage(1, intensity={"percentiles": [99, 101]}), "between 0 and 100"),
        (set_slices(overlap=1.0), r"overlap must lie in \[0, 1\)"),
        (set_slices(tile=[16, 64]), "tile must be at least 32 pixels"),
        (set_slices(scales=[]), "scales must be given"),
        (set_slices(scales=[9.0]), "between 0.1 and 4"),
        (set_slices(neighbours="one"), "neighbours: expected int, got str 'one'"),
        (set_slices(neighbours=2), "gives the network 5 channels a phase, and the network is built with 3"),
        (set_stage(1, patches={"patch": [64, 64, 64]}), "give either slices .* or patches"),
        (set_stage(1, slices=None), "give either slices .* or patches"),
        (set_stage(1, slices=None, patches={"patch": [16, 64, 64]}), "patch must be at least 32 voxels"),
        (set_grid(slice_spacing_range_mm=[7, 3]), "slice_spacing_range_mm must be positive and rise"),
        (set_grid(in_plane_pixels=[448, 448]), "in_plane_spacing_mm or in_plane_pixels, not both"),
        (set_grid(in_plane_spacing_mm=0), "in_plane_spacing_mm must be positive"),
        (
            set_stage(1, arguments={"classes": 3}),
            "its classes are background, tumor, and the network is built with 3",
        ),
        (set_stage(1, box_margin_mm=-1.0), "must not be negative"),
        (set_stage(1, name="lesion"), "a stage is named 'liver' or 'tumor' or 'liver_and_tumor'"),
        (set_stage(1, missing_phase="guess"), "missing_phase must be 'refuse' or 'portal'"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(
    model: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    change_description(model, change)
    with pytest.raises(ModelError, match=message):
        ModelPackage(model)


def test_text_that_is_no_json_is_refused(model: Path) -> None:
    (model / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"random/model\.json is not valid JSON"):
        ModelPackage(model)


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


def test_adding_copies_a_verified_model_and_listing_shows_it(model: Path, user_folder: Path) -> None:
    added = add_model(model)
    assert added.path == user_folder / "random"
    assert "random" in [package.description.id for package in list_models()]
    assert find_model("random").path == added.path
    with pytest.raises(ModelError, match="a model 'random' is installed already"):
        add_model(model)


def test_adding_a_damaged_model_leaves_nothing(model: Path, user_folder: Path) -> None:
    (model / "liver.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="damaged"):
        add_model(model)
    assert not user_folder.exists()


def test_a_zip_cannot_write_outside_of_the_models(tmp_path: Path, user_folder: Path, model: Path) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in model.iterdir():
            packed.write(path, path.name)
        packed.writestr("../escaped.txt", "x")
    add_model(archive)
    assert sorted(p.name for p in (user_folder / "random").iterdir()) == [
        "liver.safetensors",
        "model.json",
        "tumor.safetensors",
    ]
    assert not (tmp_path / "escaped.txt").exists()


def test_an_unknown_model_names_the_nearest(model: Path) -> None:
    add_model(model)
    with pytest.raises(ModelError, match=r"unknown model 'randum'; did you mean 'random'\?"):
        find_model("randum")


def test_the_bundled_model_is_whole_small_and_says_what_it_is() -> None:
    package = find_model("demonstration")
    package.verify()
    assert package.size_bytes() <= 25e6
    assert (
        "demonstration, trained on synthetic data, not for clinical use"
        in package.description.statement.lower()
    )
    assert package.description.training["command"]
    assert package.description.scores
