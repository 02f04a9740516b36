from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib import cli
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models import ModelPackage, find_model, list_models
from LiverTumorAttentionLib.models.compose import compose_models
from Testing.Library import nnunet_stages


def imported(folder: Path, *stages: dict[str, Any], **changes: Any) -> Path:
    """Write a model of another program whose weights are a few bytes, a file's own name among them."""
    folder.mkdir()
    for stage in stages:
        content = f"{folder.name} {stage['weights']}".encode()
        (folder / stage["weights"]).write_bytes(content)
        stage["sha256"] = hashlib.sha256(content).hexdigest()
    values = nnunet_stages.description(*stages, id=folder.name, title=folder.name, **changes)
    (folder / "model.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A model of another program that finds liver and tumors with one network."""
    return imported(tmp_path / "both", nnunet_stages.stage(), licence="Apache-2.0")


def test_the_liver_of_one_and_the_tumors_of_another(both: Path, model: Path, tmp_path: Path) -> None:
    target = tmp_path / "made"
    target.mkdir()
    made = compose_models(ModelPackage(both), ModelPackage(model), target).description

    assert made.id == "both-random"
    liver, tumor = made.stages
    assert (liver.name, liver.network, tuple(liver.class_groups)) == ("liver", "plain_conv_unet", ("liver",))
    assert (tumor.name, tumor.network) == ("tumor", "paresseg")
    assert liver.weights == "liver-fold-0.safetensors"
    assert (target / liver.weights).read_bytes() == (both / "fold-0.safetensors").read_bytes()
    assert (target / tumor.weights).read_bytes() == (model / "tumor.safetensors").read_bytes()
    assert made.licence == "Apache-2.0"
    assert "Random" in (target / "README.md").read_text(encoding="utf-8")
    ModelPackage(target).verify()


def test_the_liver_of_a_network_for_two_phases_is_not_taken(model: Path, tmp_path: Path) -> None:
    channels = [{"phase": phase, **nnunet_stages.CT} for phase in ("arterial", "portal")]
    run = nnunet_stages.network_pass(channels=channels)
    two = nnunet_stages.stage(
        phases=["portal", "arterial"],
        arguments=nnunet_stages.arguments(in_channels=2),
        nnunet={"transposition": [0, 1, 2], "run": run},
    )
    given = ModelPackage(imported(tmp_path / "two", two))
    target = tmp_path / "made"
    target.mkdir()
    with pytest.raises(ModelError, match="finds the liver in two phases at once"):
        compose_models(given, ModelPackage(model), target)
    made = compose_models(ModelPackage(model), given, target).description
    assert (made.stages[1].name, made.stages[1].phases) == ("tumor", ("portal", "arterial"))


def test_both_parts_of_networks_that_find_everything(both: Path, tmp_path: Path) -> None:
    other = imported(tmp_path / "other", nnunet_stages.stage(), licence="CC-BY-4.0")
    target = tmp_path / "made"
    target.mkdir()
    made = compose_models(ModelPackage(both), ModelPackage(other), target, id="two", title="Two").description

    assert (made.id, made.title, made.licence) == ("two", "Two", "Apache-2.0 AND CC-BY-4.0")
    assert [stage.weights for stage in made.stages] == [
        "liver-fold-0.safetensors",
        "tumor-fold-0.safetensors",
    ]
    assert [tuple(stage.class_groups) for stage in made.stages] == [("liver",), ("tumor",)]


def test_weights_before_a_cascade_get_names_of_their_own_too(both: Path, model: Path, tmp_path: Path) -> None:
    content = b"before"
    (both / "previous.safetensors").write_bytes(content)
    stage = nnunet_stages.stage(arguments=nnunet_stages.arguments(in_channels=3))
    stage["sha256"] = hashlib.sha256((both / "fold-0.safetensors").read_bytes()).hexdigest()
    stage["nnunet"]["previous"] = {
        "network": "plain_conv_unet",
        "arguments": nnunet_stages.arguments(),
        "weights": "previous.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "run": nnunet_stages.network_pass(),
    }
    values = json.loads((both / "model.json").read_text())
    (both / "model.json").write_text(json.dumps({**values, "stages": [stage]}), encoding="utf-8")
    target = tmp_path / "made"
    target.mkdir()

    made = compose_models(ModelPackage(both), ModelPackage(model), target).description

    names = [file.weights for file in made.liver_stage.weight_files]
    assert names == ["liver-fold-0.safetensors", "liver-previous.safetensors"]
    assert (target / "liver-previous.safetensors").read_bytes() == content


def test_a_model_that_finds_the_other_part_alone_is_refused(both: Path, tmp_path: Path) -> None:
    outputs = [dict(output, meaning="other" if output["meaning"] == "liver" else output["meaning"])
               for output in nnunet_stages.LIVER_AND_TUMOR]  # fmt: skip
    tumors = imported(tmp_path / "tumors", nnunet_stages.stage(name="tumor", outputs=outputs))
    target = tmp_path / "made"
    target.mkdir()
    with pytest.raises(ModelError, match="finds the tumors alone: compose it with one that finds the liver"):
        compose_models(ModelPackage(tumors), ModelPackage(both), target)
    assert not list(target.iterdir())


def test_damaged_weights_are_not_composed(both: Path, model: Path, tmp_path: Path) -> None:
    (both / "fold-0.safetensors").write_bytes(b"other")
    target = tmp_path / "made"
    target.mkdir()
    with pytest.raises(ModelError, match="is damaged or was changed"):
        compose_models(ModelPackage(both), ModelPackage(model), target)


def test_the_command_installs_it_or_writes_it(
    both: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = ["models", "compose", "--liver", str(both), "--tumor", str(model)]
    assert cli.main([*parts, "--id", "mine"]) == 0
    assert "mine was installed in" in capsys.readouterr().out
    assert find_model("mine").description.stages[0].network == "plain_conv_unet"

    written = tmp_path / "written"
    assert cli.main([*parts, "--output", str(written)]) == 0
    assert ModelPackage(written).description.id == "both-random"

    assert cli.main([*parts, "--output", str(written)]) == 2
    assert "is there already: name a new folder" in capsys.readouterr().err
    assert cli.main([*parts, "--output", str(tmp_path / "nowhere" / "model")]) == 2
    assert "cannot be written" in capsys.readouterr().err

    assert cli.main([*parts, "--id", "mine"]) == 2
    assert "a model 'mine' is installed already" in capsys.readouterr().err
    assert cli.main(["models", "compose", "--liver", "nowhere", "--tumor", str(model)]) == 2
    assert "unknown model 'nowhere'" in capsys.readouterr().err
    assert len([one for one in list_models() if one.description.id == "mine"]) == 1
