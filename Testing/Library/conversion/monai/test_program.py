"""A bundle on its way into the user's models: asked about, converted, or refused with nothing installed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from LiverTumorAttentionLib import cli
from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model, import_questions
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models import list_models
from Testing.Library.monai_bundles import configuration, metadata, write_bundle


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    monkeypatch.setenv("LIVER_TUMOR_ATTENTION_MODELS", str(folder))
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "tiny")


def change(folder: Path, name: str, **values: Any) -> None:
    path = folder / "configs" / name
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def test_a_bundle_becomes_a_model_that_says_where_it_comes_from(bundle: Path) -> None:
    description = add_any_model(bundle).description

    assert (description.id, description.title, description.format) == ("tiny-liver", "Tiny liver", 5)
    (stage,) = description.stages
    assert stage.name == "liver_and_tumor"
    assert [output.meaning for output in stage.outputs] == ["background", "liver", "tumor"]
    assert stage.orientation == "RAS"
    assert description.training["made_with"] == "MONAI"
    assert description.sources[0].title == "phantoms"
    assert description.licence == "NOASSERTION"


def test_a_zip_of_a_bundle_gives_the_same_model(bundle: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", bundle.parent, bundle.name)
    first = add_any_model(bundle, ImportAnswers(id="first")).description
    second = add_any_model(Path(packed), ImportAnswers(id="second")).description
    assert first.stages == second.stages


def test_names_are_guessed_and_what_is_unclear_is_asked(bundle: Path) -> None:
    questions = import_questions(bundle)
    assert questions.program == "MONAI"
    assert [(each.name, each.phase) for each in questions.channels] == [("image", "portal")]
    assert [(each.name, each.meaning) for each in questions.labels] == [
        ("liver", "liver"),
        ("liver tumor", "tumor"),
    ]
    assert not questions.open

    change(bundle, "metadata.json", network_data_format={})
    asked = import_questions(bundle)
    assert [(each.name, each.meaning) for each in asked.labels] == [("label 1", ""), ("label 2", "")]
    assert asked.open
    with pytest.raises(
        ModelError, match=r"the name of the label 'label 1' .* say it with --label 'label 1=liver'"
    ):
        add_any_model(bundle)
    said = ImportAnswers(labels={"label 1": "liver", "label 2": "tumor"})
    assert add_any_model(bundle, said).description.stages[0].name == "liver_and_tumor"


def test_an_orientation_that_the_bundle_does_not_say_is_asked_for(bundle: Path) -> None:
    config = configuration()
    del config["preprocessing"]["transforms"][2]
    (bundle / "configs" / "inference.json").write_text(json.dumps(config), encoding="utf-8")

    assert not import_questions(bundle).orientation_known
    with pytest.raises(ModelError, match="say it with --orientation RAS"):
        add_any_model(bundle)
    assert add_any_model(bundle, ImportAnswers(orientation="LPS")).description.stages[0].orientation == "LPS"


def test_two_channels_are_the_phases_that_their_names_say(tmp_path: Path) -> None:
    config = configuration()
    config["network_def"]["in_channels"] = 2
    about = metadata()
    about["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": "arterial", "1": "PVP"}
    folder = write_bundle(tmp_path / "two", config, about)

    (stage,) = add_any_model(folder).description.stages
    assert stage.finds_both_in_two_phases
    assert stage.monai is not None
    assert stage.monai.channels == ("arterial", "portal")

    about["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": "CT a", "1": "CT b"}
    unclear = write_bundle(tmp_path / "unclear", config, about)
    with pytest.raises(
        ModelError, match=r"do not say which phase each of them is .* say which is which with --channel"
    ):
        add_any_model(unclear)


def test_monai_is_asked_for_when_such_a_model_is_added(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "monai" else found(name))
    with pytest.raises(ModelError, match=r"needs monai, .* pip install 'liver-tumor-attention\[monai\]'"):
        add_any_model(bundle)


class Evil:
    """What a hostile checkpoint would run when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.write_text, (self.target, "owned")


def _pickle(bundle: Path, tmp_path: Path) -> None:
    torch.save({"model": Evil(tmp_path / "owned")}, bundle / "models" / "model.pt")


def _truncated(bundle: Path, tmp_path: Path) -> None:
    path = bundle / "models" / "model.pt"
    path.write_bytes(path.read_bytes()[:-500])


def _other_weights(bundle: Path, tmp_path: Path) -> None:
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    name = next(iter(state))
    state[name] = state[name][:1]
    torch.save(state, bundle / "models" / "model.pt")


def _no_weights(bundle: Path, tmp_path: Path) -> None:
    torch.save({"epoch": 3}, bundle / "models" / "model.pt")


def _code(bundle: Path, tmp_path: Path) -> None:
    (bundle / "scripts").mkdir()
    (bundle / "scripts" / "__init__.py").write_text("", encoding="utf-8")


def _new_argument(bundle: Path, tmp_path: Path) -> None:
    config = configuration()
    config["network_def"]["depth_of_thought"] = 3
    (bundle / "configs" / "inference.json").write_text(json.dumps(config), encoding="utf-8")


def _nonsense(bundle: Path, tmp_path: Path) -> None:
    config = configuration()
    config["network_def"]["channels"] = [4]
    (bundle / "configs" / "inference.json").write_text(json.dumps(config), encoding="utf-8")


BAD = {
    "a pickle of something else": (_pickle, "neither a tensor nor a plain value"),
    "cut off": (_truncated, "is damaged or no such file"),
    "other weights": (_other_weights, r"is not of the UNet that inference.json describes \(1 weights differ"),
    "no weights": (_no_weights, "among its parameters"),
    "code": (_code, "no code of a bundle is ever run"),
    "an argument of another version": (_new_argument, "has no argument 'depth_of_thought'"),
    "arguments that fit no network": (_nonsense, "cannot be built"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_bundle_is_refused_in_one_sentence_and_nothing_is_installed(
    case: str, bundle: Path, tmp_path: Path, user_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, told = BAD[case]
    damage(bundle, tmp_path)
    before = [package.description.id for package in list_models()]

    assert cli.main(["models", "add", str(bundle)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(told, line)
    assert [package.description.id for package in list_models()] == before
    assert not user_folder.exists() or not list(user_folder.iterdir())
    assert not (tmp_path / "owned").exists()
