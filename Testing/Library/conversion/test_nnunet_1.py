"""Result folders of nnU-Net 1 become models: its own kernels, biases and order of steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model, import_questions
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from Testing.Library.nnunet_folders import LABELS, version_1_plans, version_1_weights, write_version_1

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


def test_a_trainer_without_mirroring(tmp_path: Path) -> None:
    package = add_any_model(write_version_1(tmp_path, "nnUNetTrainerV2_noMirroring"), NAMED)
    stage = package.description.stages[0]
    assert stage.nnunet is not None
    assert stage.nnunet.run.mirror_axes == ()


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ("nnUNetTrainerV2CascadeFullRes", "second network of a cascade of nnU-Net 1, which is not read"),
        (
            "nnUNetTrainerV2_ResencUNet",
            "trained by 'nnUNetTrainerV2_ResencUNet', which is not one of nnU-Net's own",
        ),
    ],
)
def test_trainers_that_change_the_network(tmp_path: Path, trainer: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        add_any_model(write_version_1(tmp_path, trainer), NAMED)
