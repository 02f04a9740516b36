"""Models are described strictly, verified, and found by name or path."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from LiverTumorAttentionLib import cli
from LiverTumorAttentionLib.errors import Cancelled, ModelError, OutputError
from LiverTumorAttentionLib.models import (
    ModelPackage,
    add_model,
    find_model,
    list_models,
    remove_model,
    survey_models,
)
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
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


def test_verifying_tells_how_far_it_is_and_can_be_cancelled(model: Path) -> None:
    events: list[ProgressEvent] = []
    ModelPackage(model).verify(Progress(events.append))
    assert [event.stage for event in events] == ["verifying liver.safetensors", "verifying tumor.safetensors"]
    assert [event.fraction for event in events] == [0.5, 1.0]
    with pytest.raises(Cancelled):
        ModelPackage(model).verify(Progress(cancelled=lambda: True))


def test_cancelling_while_it_is_copied_leaves_nothing(model: Path, user_folder: Path) -> None:
    stages: list[str] = []

    with pytest.raises(Cancelled):
        add_model(model, Progress(lambda event: stages.append(event.stage), lambda: "copying" in stages))
    assert list(user_folder.iterdir()) == []


def test_removing_deletes_the_added_model_and_nothing_else(model: Path, user_folder: Path) -> None:
    add_model(model)
    (user_folder / "notes").mkdir()
    (user_folder / "notes" / "mine.txt").write_text("kept", encoding="utf-8")
    assert remove_model("random") == user_folder / "random"
    assert [path.name for path in user_folder.iterdir()] == ["notes"]
    assert (model / "tumor.safetensors").is_file()
    assert "random" not in [package.description.id for package in list_models()]
    add_model(model)


def test_a_damaged_model_is_surveyed_with_the_reason_and_can_be_removed(
    model: Path, user_folder: Path
) -> None:
    add_model(model)
    (user_folder / "random" / "tumor.safetensors").unlink()
    assert [(m.path.name, m.bundled, bool(m.problem)) for m in survey_models()] == [
        ("demonstration", True, False),
        ("random", False, True),
    ]
    assert "no readable file tumor.safetensors" in survey_models()[1].problem
    assert [package.description.id for package in list_models()] == ["demonstration"]
    (user_folder / "random" / "model.json").write_text("{", encoding="utf-8")
    assert "is not valid JSON" in survey_models()[1].problem
    assert [package.description.id for package in list_models()] == ["demonstration"]
    remove_model("random")
    assert list(user_folder.iterdir()) == []


def test_a_model_in_a_folder_of_another_name_is_removed_by_its_id(model: Path, user_folder: Path) -> None:
    shutil.copytree(model, user_folder / "by hand")
    assert remove_model("random") == user_folder / "by hand"
    assert list(user_folder.iterdir()) == []


def test_removing_a_link_leaves_the_folder_that_it_names(model: Path, user_folder: Path) -> None:
    user_folder.mkdir()
    (user_folder / "random").symlink_to(model)
    remove_model("random")
    assert list(user_folder.iterdir()) == []
    ModelPackage(model).verify()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("demonstration", "'demonstration' comes with LiverTumorAttention and cannot be removed"),
        ("randum", "no model 'randum' was added; did you mean 'random'"),
        ("notes", "no model 'notes' was added"),
        (".", "no model '.' was added"),
        ("", "no model '' was added"),
        ("../random", "no model '../random' was added"),
        ("../kept", "no model '../kept' was added"),
    ],
)
def test_only_an_added_model_can_be_removed(
    model: Path, user_folder: Path, tmp_path: Path, name: str, message: str
) -> None:
    add_model(model)
    (user_folder / "notes").mkdir()
    write_model(tmp_path / "kept")
    with pytest.raises(ModelError, match=message):
        remove_model(name)
    assert sorted(path.name for path in user_folder.iterdir()) == ["notes", "random"]
    assert find_model("demonstration").path.is_dir()
    ModelPackage(tmp_path / "kept").verify()


def test_a_model_that_cannot_be_moved_stays_whole(
    model: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(model)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=r"the model 'random' cannot be removed .*Permission denied: see"):
        remove_model("random")
    find_model("random").verify()
    assert [path.name for path in user_folder.iterdir()] == ["random"]


def test_a_model_is_out_of_the_list_before_its_files_go(
    model: Path, user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(model)
    seen: list[int] = []
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: seen.append(len(survey_models())))
    remove_model("random")
    assert seen == [1]


def test_the_command_removes_and_says_so(
    model: Path, user_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_model(model)
    assert cli.main(["models", "remove", "random"]) == 0
    assert capsys.readouterr().out == f"random was removed from {user_folder}\n"
    assert cli.main(["models", "remove", "demonstration"]) == 2
    assert "cannot be removed: only models that you added can" in capsys.readouterr().err
