"""Result folders of nnU-Net 1 become models: its own kernels, biases and order of steps."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model, import_questions
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from Testing.Library.nnunet_folders import LABELS, version_1_plans, version_1_weights, write_version_1

LOW = np.array([2.5, 1.6, 1.6])
NAMED = ImportAnswers(labels={"1": "liver", "2": "tumor"})


def test_a_training_is_installed_with_all_that_its_plans_say(tmp_path: Path) -> None:
    package = add_any_model(write_version_1(tmp_path), NAMED)
    stage = package.description.stages[0]
    assert stage.nnunet is not None
    run = stage.nnunet.run
    assert (run.spacing_mm, run.patch, run.mirror_axes) == ((2.5, 0.8, 0.8), (8, 16, 16), (0, 1, 2))
    assert (run.normalize_first, run.averaged, run.configuration) == (False, "probabilities", "3d_fullres")
    assert (run.channels[0].clip_hu, run.channels[0].spread_hu) == ((-17.0, 201.0), 39.36)
    assert stage.class_groups == {"liver": (1, 2), "tumor": (2,)}
    assert stage.orientation == "RAS"
    assert package.description.training["epochs"] == 1000

    given = version_1_weights()
    network = build_network(stage.network, **stage.arguments)
    weights = package.load_weights(stage)
    network.load_state_dict(weights, strict=True)
    for ours, theirs in (
        ("encoder.2.0.convolution.weight", "conv_blocks_context.2.0.blocks.0.conv.weight"),
        ("encoder.2.1.normalization.bias", "conv_blocks_context.2.1.blocks.0.instnorm.bias"),
        ("decoder.levels.0.0.convolution.weight", "conv_blocks_localization.0.0.blocks.0.conv.weight"),
        ("decoder.levels.1.1.convolution.bias", "conv_blocks_localization.1.1.blocks.0.conv.bias"),
        ("decoder.up.1.weight", "tu.1.weight"),
        ("decoder.output.weight", "seg_outputs.1.weight"),
    ):
        assert torch.equal(weights[ours], given[theirs])
    assert len(weights) == len(given) - 1  # the coarser output serves training alone


def test_plans_that_do_not_say_how_many_convolutions_mean_two(tmp_path: Path) -> None:
    """Those of version 1's 2d networks never do."""
    folder = write_version_1(tmp_path / "said")
    said = add_any_model(folder, NAMED).description.stages[0].arguments
    plans = version_1_plans()
    del plans["conv_per_stage"]
    folder = write_version_1(tmp_path / "unsaid")
    (folder / "plans.pkl").write_bytes(pickle.dumps(plans, protocol=4))
    unsaid = add_any_model(folder, replace(NAMED, id="unsaid")).description.stages[0].arguments
    assert unsaid == said
    assert set(unsaid["convolutions"]) == {2}


def test_plans_of_the_first_releases_say_less(tmp_path: Path) -> None:
    """Without lists of strides and kernels, and with nothing said of axes and preprocessor."""
    stage = version_1_plans()["plans_per_stage"][0]
    for key in ("pool_op_kernel_sizes", "conv_kernel_sizes"):
        del stage[key]
    folder = write_version_1(
        tmp_path,
        weights=version_1_weights(kernels=[(3, 3, 3)] * 3),
        plans_per_stage={0: stage},
        preprocessor_name=None,
        transpose_forward=None,
        transpose_backward=None,
    )
    found = add_any_model(folder, NAMED).description.stages[0]
    assert found.nnunet is not None
    assert found.nnunet.transposition == (0, 1, 2)
    assert found.arguments["strides"] == [
        [1, 1, 1],
        [1, 2, 2],
        [2, 2, 2],
    ]  # slices are halved once, so at last
    assert found.arguments["kernels"] == [[3, 3, 3]] * 3


def test_plans_may_say_how_probabilities_go_back(tmp_path: Path) -> None:
    said = {"force_separate_z": False, "interpolation_order": 0, "interpolation_order_z": 1}
    folder = write_version_1(tmp_path, segmentation_export_params=said)
    settings = add_any_model(folder, NAMED).description.stages[0].nnunet
    assert settings is not None
    back = settings.run.output_resampling
    assert (back.separate_z, back.order, back.order_z) == (False, 0, 1)


def test_what_its_predictor_does_beyond_the_networks_is_told(tmp_path: Path) -> None:
    """Where postprocessing.json lies beside the plans, its predictor keeps the largest part of some labels alone."""
    folder = write_version_1(tmp_path)
    plain = add_any_model(folder, NAMED).description.known_failures
    (folder / "postprocessing.json").write_text('{"for_which_classes": [1]}', encoding="utf-8")
    told = add_any_model(folder, replace(NAMED, id="kept")).description.known_failures
    (more,) = set(told) - set(plain)
    assert "postprocessing.json" in more


def test_labels_have_no_names_unless_the_data_set_lies_beside_the_plans(tmp_path: Path) -> None:
    folder = write_version_1(tmp_path)
    with pytest.raises(ModelError, match=r"the label '1' \(and 1 more\) does not say what it is"):
        add_any_model(folder)
    assert [label.name for label in import_questions(folder).labels] == ["1", "2"]
    described = {"labels": {str(value): name for name, value in LABELS.items()}, "modality": {"0": "CT"}}
    (folder / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
    assert add_any_model(folder).description.stages[0].class_groups == {"liver": (1, 2), "tumor": (2,)}


def test_the_first_of_two_stages_is_that_of_low_resolution(tmp_path: Path) -> None:
    stage = version_1_plans()["plans_per_stage"][0]
    both = {0: {**stage, "current_spacing": np.array([2.5, 1.6, 1.6])}, 1: stage}
    folder = write_version_1(tmp_path, plans_per_stage=both)
    low = folder.parents[2] / "3d_lowres" / folder.parent.name
    low.mkdir(parents=True)
    (folder).rename(low / folder.name)
    run = add_any_model(low / folder.name, NAMED).description.stages[0].nnunet
    assert run is not None
    assert (run.run.configuration, run.run.spacing_mm) == ("3d_lowres", (2.5, 1.6, 1.6))


def write_elsewhere(parent: Path, name: str, stage: int | None) -> Path:
    """Write a network of two stages in a folder that says no configuration, with notes beside its weights or without.

    stage: the one that the notes say.
    """
    planned = version_1_plans()["plans_per_stage"][0]
    both = {0: {**planned, "current_spacing": LOW}, 1: planned}
    folder = write_version_1(parent, plans_per_stage=both).rename(parent / name)
    if stage is not None:
        given = ("plans.pkl", 0, "results", "preprocessed", True, stage, True, True, False)
        notes = {"init": given, "name": "nnUNetTrainerV2", "class": "a class", "plans": version_1_plans()}
        (folder / "fold_0" / "model_final_checkpoint.model.pkl").write_bytes(pickle.dumps(notes, protocol=4))
    return folder


@pytest.mark.parametrize(
    ("stage", "expected"),
    [(0, ("3d_lowres", (2.5, 1.6, 1.6))), (1, ("3d_fullres", (2.5, 0.8, 0.8)))],
)
@pytest.mark.parametrize("name", ["nnUNetTrainerV2__nnUNetPlansv2.1", "my_model"])
def test_notes_beside_the_weights_say_what_folders_do_not(
    tmp_path: Path, name: str, stage: int, expected: tuple[str, tuple[float, ...]]
) -> None:
    folder = write_elsewhere(tmp_path, name, stage)
    package = add_any_model(folder, replace(NAMED, orientation="RAS"))
    settings = package.description.stages[0].nnunet
    assert settings is not None
    assert (settings.run.configuration, settings.run.spacing_mm) == expected
    assert package.description.training["trainer"] == "nnUNetTrainerV2"


def test_a_configuration_that_nothing_says_is_asked_for(tmp_path: Path) -> None:
    folder = write_elsewhere(tmp_path, "nnUNetTrainerV2__nnUNetPlansv2.1", None)
    answers = replace(NAMED, orientation="RAS")
    with pytest.raises(
        ModelError, match=r"plans 2 networks, and nothing says which .*--configuration 3d_low"
    ):
        add_any_model(folder, answers)
    package = add_any_model(folder, replace(answers, configuration="3d_lowres"))
    settings = package.description.stages[0].nnunet
    assert settings is not None
    assert settings.run.spacing_mm == tuple(LOW)


def test_a_configuration_that_the_notes_contradict(tmp_path: Path) -> None:
    folder = write_elsewhere(tmp_path, "my_model", 0)
    answers = replace(NAMED, orientation="RAS", configuration="3d_fullres")
    with pytest.raises(ModelError, match="is called 3d_fullres, and its own files say 3d_lowres"):
        add_any_model(folder, answers)


@pytest.mark.parametrize("trainer", ["noMirroring", "ep4000_nomirror"])
def test_a_trainer_without_mirroring(tmp_path: Path, trainer: str) -> None:
    """Among them that of TotalSegmentator 1."""
    package = add_any_model(write_version_1(tmp_path, f"nnUNetTrainerV2_{trainer}"), NAMED)
    stage = package.description.stages[0]
    assert stage.nnunet is not None
    assert stage.nnunet.run.mirror_axes == ()


CASCADE = "nnUNetTrainerV2CascadeFullRes"


def write_cascade(parent: Path, first: str = "nnUNetTrainerV2") -> tuple[Path, Path]:
    """Write both networks of a cascade, as version 1 keeps them, and return the folders of the second and the first."""
    stage = version_1_plans()["plans_per_stage"][0]
    both = {0: {**stage, "current_spacing": LOW}, 1: stage}
    second = write_version_1(
        parent, CASCADE, "3d_cascade_fullres", version_1_weights(3), plans_per_stage=both
    )
    return second, write_version_1(parent, first, "3d_lowres", plans_per_stage=both)


@pytest.mark.parametrize("given", ["its folder", "all of it", "zip"])
def test_a_cascade_brings_its_first_network(tmp_path: Path, given: str) -> None:
    second, _ = write_cascade(tmp_path / "results")
    path = second if given == "its folder" else tmp_path / "results"
    if given == "zip":
        path = Path(shutil.make_archive(str(tmp_path / "cascade"), "zip", tmp_path / "results"))
    package = add_any_model(path, replace(NAMED, configuration="3d_cascade_fullres"))
    stage = package.description.stages[0]
    assert stage.nnunet is not None
    before = stage.nnunet.previous
    assert before is not None
    assert stage.arguments["in_channels"] == 3  # the phase, and a map for each of liver and tumor
    assert (stage.nnunet.run.configuration, stage.nnunet.run.spacing_mm) == (
        "3d_cascade_fullres",
        (2.5, 0.8, 0.8),
    )
    assert (before.run.configuration, before.run.spacing_mm) == ("3d_lowres", tuple(LOW))
    assert stage.nnunet.run.label_resampling.separate_z is False
    assert before.arguments["in_channels"] == 1
    first = package.load_weights(before.weight_files[0])
    assert torch.equal(
        first["encoder.0.0.convolution.weight"],
        version_1_weights()["conv_blocks_context.0.blocks.0.conv.weight"],
    )


def test_a_cascade_without_its_first_network_is_refused(tmp_path: Path) -> None:
    second, _ = write_cascade(tmp_path, first="nnUNetTrainerV2_DA3")
    with pytest.raises(
        ModelError,
        match=r"the first \(3d_lowres/Task003_Liver/nnUNetTrainerV2__nnUNetPlansv2.1\) is not beside",
    ):
        add_any_model(second, NAMED)


def test_a_trainer_with_batch_normalization(tmp_path: Path) -> None:
    given = version_1_weights(batch=True)
    folder = write_version_1(tmp_path, "nnUNetTrainerV2_BN", weights=given)
    package = add_any_model(folder, NAMED)
    stage = package.description.stages[0]
    network = build_network(stage.network, **stage.arguments)
    network.load_state_dict(package.load_weights(stage), strict=True)
    first = network.encoder[0][0].normalization
    assert isinstance(first, torch.nn.BatchNorm3d)
    assert torch.equal(first.running_mean, given["conv_blocks_context.0.blocks.0.instnorm.running_mean"])


def test_a_training_on_several_processors(tmp_path: Path) -> None:
    """Its checkpoint names each parameter as one of the module that was spread."""
    given = version_1_weights()
    spread = {f"module.{name}": value for name, value in given.items()}
    package = add_any_model(write_version_1(tmp_path, "nnUNetTrainerV2_DDP", weights=spread), NAMED)
    weights = package.load_weights(package.description.stages[0])
    second = given["conv_blocks_localization.0.1.blocks.0.conv.weight"]
    assert torch.equal(weights["decoder.levels.0.1.convolution.weight"], second)
    assert len(weights) == len(given) - 1


@pytest.mark.parametrize(
    ("trainer", "weights", "expected"),
    [
        ("ReLU", {}, {"slope": 0.0}),
        ("LReLU_slope_2en1", {}, {"slope": 0.2}),
        ("lReLU_biasInSegOutput", {"output_bias": True}, {"output_bias": True}),
        ("momentum095", {}, {"output_bias": False}),
    ],
)
def test_what_a_trainer_changes_of_the_network(
    tmp_path: Path, trainer: str, weights: dict[str, bool], expected: dict[str, object]
) -> None:
    folder = write_version_1(tmp_path, f"nnUNetTrainerV2_{trainer}", weights=version_1_weights(**weights))
    arguments = add_any_model(folder, NAMED).description.stages[0].arguments
    assert {name: arguments[name] for name in expected} == expected


def test_trainers_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match="trained by 'nnUNetTrainerV2_ResencUNet', which is not one of nnU-Net's own"
    ):
        add_any_model(write_version_1(tmp_path, "nnUNetTrainerV2_ResencUNet"), NAMED)
