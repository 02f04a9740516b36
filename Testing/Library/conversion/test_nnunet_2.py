"""Result folders of nnU-Net 2 become models: the same weights in the right places, and all that the plans say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model, import_questions
from LiverTumorAttentionLib.conversion.nnunet.orientation import known_orientation
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.nnunet.resampling import GridChange
from LiverTumorAttentionLib.models import ModelPackage, find_model
from LiverTumorAttentionLib.models.nnunet_settings import NNUNetSettings
from LiverTumorAttentionLib.networks import build_network
from Testing.Library.nnunet_folders import (
    DATA_SET,
    Weights,
    checkpoint,
    configuration,
    data_set,
    drawn,
    plans,
    theirs,
    write_training,
)


def settings(package: ModelPackage) -> NNUNetSettings:
    found = package.description.stages[0].nnunet
    assert found is not None
    return found


def same(package: ModelPackage, expected: Weights, file: int = 0) -> bool:
    """Whether a file of weights holds these numbers, and the stage's network takes them."""
    stage = package.description.stages[0]
    weights = package.load_weights(stage.weight_files[file])
    build_network(stage.network, **stage.arguments).load_state_dict(weights, strict=True)
    return weights.keys() == expected.keys() and all(torch.equal(weights[k], expected[k]) for k in weights)


def test_a_training_is_installed_with_all_that_its_plans_say(tmp_path: Path) -> None:
    package = add_any_model(write_training(tmp_path))
    description, stage, run = package.description, package.description.stages[0], settings(package).run
    assert find_model("dataset003-liver-3d-fullres").path == package.path
    assert same(package, drawn())
    assert (stage.name, stage.phases, stage.orientation, stage.activation) == (
        "liver_and_tumor",
        ("portal",),
        "RAS",  # the Decathlon's data sets are
        "softmax",
    )
    assert [(o.name, o.meaning, o.value) for o in stage.outputs] == [
        ("background", "background", 0),
        ("liver", "liver", 1),
        ("tumor", "tumor", 2),
    ]
    (channel,) = run.channels
    assert (channel.normalization, channel.clip_hu, channel.mean_hu, channel.spread_hu) == (
        "ct",
        (-17.0, 201.0),
        99.4,
        39.36,
    )
    assert (run.spacing_mm, run.patch, run.mirror_axes) == ((2.5, 0.8, 0.8), (8, 16, 16), (0, 1, 2))
    assert [r.order for r in (run.image_resampling, run.label_resampling, run.output_resampling)] == [3, 1, 1]
    assert run.image_resampling.separate_z is None
    assert (run.normalize_first, run.averaged, run.configuration) == (True, "logits", "3d_fullres")
    assert description.licence == "NOASSERTION"
    assert "not for clinical use" in description.statement
    (source,) = description.sources
    assert (source.title, source.cases, source.licence, source.attribution) == (
        DATA_SET,
        131,
        "CC-BY-SA 4.0",
        "Somebody et al.",
    )
    assert description.training["trainer"] == "nnUNetTrainer"
    assert description.training["epochs"] == 1000
    package.verify()


@pytest.mark.parametrize(("dimensions", "residual"), [(2, False), (2, True), (3, True)])
def test_every_kind_of_network(tmp_path: Path, dimensions: int, residual: bool) -> None:
    weights = drawn(dimensions, residual=residual)
    name = "2d" if dimensions == 2 else "3d_fullres"
    folder = write_training(
        tmp_path,
        name,
        made_plans=plans({name: configuration(dimensions, residual=residual)}),
        folds={"0": checkpoint(theirs(weights), name)},
    )
    package = add_any_model(folder)
    assert same(package, weights)
    assert settings(package).run.dimensions == dimensions


@pytest.mark.parametrize("residual", [False, True])
def test_a_trainer_with_batch_normalization(tmp_path: Path, residual: bool) -> None:
    weights = drawn(residual=residual, normalization="batch")
    assert any(name.endswith("running_var") for name in weights)
    saved = checkpoint(theirs(weights), trainer_name="nnUNetTrainerBN")
    made = plans({"3d_fullres": configuration(residual=residual)})
    package = add_any_model(write_training(tmp_path, made_plans=made, folds={"0": saved}))
    assert same(package, weights)
    assert package.description.stages[0].arguments["normalization"] == "batch"


def test_plans_with_batch_normalization(tmp_path: Path) -> None:
    planned = configuration()
    planned["architecture"]["arch_kwargs"]["norm_op"] = "torch.nn.modules.batchnorm.BatchNorm3d"
    weights = drawn(normalization="batch")
    folder = write_training(
        tmp_path, made_plans=plans({"3d_fullres": planned}), folds={"0": checkpoint(theirs(weights))}
    )
    assert same(add_any_model(folder), weights)


@pytest.mark.parametrize(
    "trainer",
    [
        "nnUNetTrainer_250epochs",
        "nnUNetTrainer_8000epochs_NoMirroring",
        "nnUNetTrainerDA5",
        "nnUNetTrainerNoMirroring",
    ],
)
def test_trainers_that_change_nothing_of_how_a_network_runs(tmp_path: Path, trainer: str) -> None:
    mirrored = None if "NoMirroring" in trainer else (0, 1)
    saved = checkpoint(theirs(drawn()), trainer_name=trainer, inference_allowed_mirroring_axes=mirrored)
    package = add_any_model(write_training(tmp_path, folds={"0": saved}))
    assert same(package, drawn())
    assert settings(package).run.mirror_axes == (mirrored or ())


def test_plans_of_the_first_releases_name_the_network_otherwise(tmp_path: Path) -> None:
    old = configuration()
    kwargs = old.pop("architecture")["arch_kwargs"]
    old |= {
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 6,
        "n_conv_per_stage_encoder": kwargs["n_conv_per_stage"],
        "n_conv_per_stage_decoder": kwargs["n_conv_per_stage_decoder"],
        "conv_kernel_sizes": kwargs["kernel_sizes"],
        "pool_op_kernel_sizes": kwargs["strides"],
        "num_pool_per_axis": [1, 2, 2],
    }
    with pytest.raises(ModelError, match="does not hold the network that the plans beside it describe"):
        add_any_model(write_training(tmp_path / "narrow", made_plans=plans({"3d_fullres": old})))
    wide = old | {"UNet_base_num_features": 2, "unet_max_num_features": 8}
    weights = drawn(features=(2, 4, 8))
    folder = write_training(
        tmp_path, made_plans=plans({"3d_fullres": wide}), folds={"0": checkpoint(theirs(weights))}
    )
    assert same(add_any_model(folder), weights)


@pytest.mark.parametrize("separate", [None, False])
def test_plans_that_resample_with_torch(tmp_path: Path, separate: bool | None) -> None:
    """Its linear interpolation is a spline of order 1; of slices that lie far apart it takes the nearest."""
    given = {"is_seg": False, "force_separate_z": separate, "memefficient_seg_resampling": False}
    linear = configuration(
        **{f"resampling_fn_{of}": "resample_torch_fornnunet" for of in ("data", "seg", "probabilities")},
        resampling_fn_data_kwargs=given,
        resampling_fn_seg_kwargs=given | {"is_seg": True},
        resampling_fn_probabilities_kwargs=given,
    )
    run = settings(add_any_model(write_training(tmp_path, made_plans=plans({"3d_fullres": linear})))).run
    shape, spacing, target = (6, 9, 8), (5.0, 0.8, 0.7), (14, 6, 7)
    for way in (run.image_resampling, run.label_resampling, run.output_resampling):
        change = GridChange.of(shape, target, spacing, (2.0, 1.2, 0.8), way)
        assert change.separate == (0 if separate is None else None)
    volume = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    if separate is None:
        planes = torch.nn.functional.interpolate(volume[:, None], target[1:], mode="bilinear")[:, 0]
        expected = torch.nn.functional.interpolate(planes[None, None], target, mode="nearest-exact")
    else:
        expected = torch.nn.functional.interpolate(volume[None, None], target, mode="trilinear")
    assert torch.allclose(change.rows(volume, 0, target[0]), expected[0, 0], atol=1e-5)


def test_all_folds_are_averaged_unless_one_is_chosen(tmp_path: Path) -> None:
    first, second = drawn(seed=1), drawn(seed=2)
    folder = write_training(tmp_path, folds={"0": checkpoint(theirs(first)), "3": checkpoint(theirs(second))})
    both = add_any_model(folder, ImportAnswers(id="both"))
    assert same(both, first)
    assert same(both, second, file=1)
    assert both.description.training["folds"] == ["0", "3"]
    one = add_any_model(folder, ImportAnswers(id="one", folds=("3",)))
    assert same(one, second)
    assert len(one.description.stages[0].weight_files) == 1
    with pytest.raises(ModelError, match=r"fold '4' has no weights in .*; there are 0, 3: give one of these"):
        add_any_model(folder, ImportAnswers(id="none", folds=("4",)))


def test_a_network_of_all_cases_is_no_fold(tmp_path: Path) -> None:
    of_all, of_fold = checkpoint(theirs(drawn(seed=1))), checkpoint(theirs(drawn(seed=2)))
    both = add_any_model(write_training(tmp_path / "both", folds={"all": of_all, "0": of_fold}))
    assert both.description.training["folds"] == ["0"]
    assert same(both, drawn(seed=2))
    alone = add_any_model(
        write_training(tmp_path / "alone", folds={"all": of_all}), ImportAnswers(id="alone")
    )
    assert alone.description.training["folds"] == ["all"]


def test_the_best_weights_stand_in_where_there_are_no_final_ones(tmp_path: Path) -> None:
    folder = write_training(tmp_path, file="checkpoint_best.pth")
    assert same(add_any_model(folder), drawn())
    with pytest.raises(ModelError, match=r"has no checkpoint_final\.pth in any fold"):
        add_any_model(folder, ImportAnswers(checkpoint="final", id="other"))


def cascade(tmp_path: Path) -> tuple[Path, Weights, Weights]:
    """Write both trainings of a cascade; return the second's folder, and the weights of both."""
    lowres = configuration(spacing=[2.5, 1.6, 1.6])
    both = plans(
        {
            "3d_fullres": configuration(),
            "3d_lowres": lowres,
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
        }
    )
    first, second = drawn(seed=1), drawn(in_channels=3, seed=2)
    write_training(
        tmp_path, "3d_lowres", made_plans=both, folds={"0": checkpoint(theirs(first), "3d_lowres")}
    )
    folder = write_training(
        tmp_path,
        "3d_cascade_fullres",
        made_plans=both,
        folds={"0": checkpoint(theirs(second), "3d_cascade_fullres")},
    )
    return folder, first, second


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_cascade_brings_its_first_network(tmp_path: Path, as_zip: bool) -> None:
    folder, first, second = cascade(tmp_path)
    answers = ImportAnswers()
    if as_zip:
        folder = Path(shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path, DATA_SET))
        answers = ImportAnswers(configuration="3d_cascade_fullres")
        with pytest.raises(
            ModelError, match=r"holds 2 trainings \(3d_cascade_fullres, 3d_lowres\): say which with"
        ):
            add_any_model(folder)
    package = add_any_model(folder, answers)
    previous = settings(package).previous
    assert previous is not None
    assert (previous.run.spacing_mm, settings(package).run.spacing_mm) == ((2.5, 1.6, 1.6), (2.5, 0.8, 0.8))
    assert previous.arguments["in_channels"] == 1
    assert same(package, second)
    weights = package.load_weights(package.description.stages[0].weight_files[1])
    assert all(torch.equal(weights[key], first[key]) for key in weights)


def test_a_cascade_without_its_first_network_is_refused(tmp_path: Path) -> None:
    folder, _, _ = cascade(tmp_path)
    shutil.rmtree(folder.parent / "nnUNetTrainer__nnUNetPlans__3d_lowres")
    with pytest.raises(
        ModelError, match=r"second network of a cascade, and the first .*3d_lowres.* is not beside it"
    ):
        add_any_model(folder)


def test_regions_keep_their_values_and_their_order(tmp_path: Path) -> None:
    described = data_set(
        labels={"background": 0, "whole liver": [1, 2], "tumor": [2], "ignore": 3}, regions_class_order=[1, 2]
    )
    folder = write_training(tmp_path, described=described, folds={"0": checkpoint(theirs(drawn(classes=2)))})
    stage = add_any_model(folder).description.stages[0]
    assert stage.activation == "sigmoid"
    assert [(o.name, o.meaning, o.value, o.members) for o in stage.outputs] == [
        ("whole liver", "liver", 1, (1, 2)),
        ("tumor", "tumor", 2, (2,)),
    ]
    assert stage.class_groups == {"liver": (0, 1), "tumor": (1,)}


def two_phases(names: tuple[str, str]) -> dict[str, Any]:
    measured = plans(
        {"3d_fullres": configuration(normalization_schemes=["CTNormalization", "ZScoreNormalization"])}
    )
    return {
        "described": data_set(channel_names=dict(zip(("0", "1"), names, strict=True))),
        "made_plans": measured,
        "folds": {"0": checkpoint(theirs(drawn(in_channels=2)))},
    }


def test_channels_are_phases_by_their_names(tmp_path: Path) -> None:
    package = add_any_model(write_training(tmp_path, **two_phases(("arteriell", "portalvenös"))))
    stage = package.description.stages[0]
    assert [channel.phase for channel in settings(package).run.channels] == ["arterial", "portal"]
    assert [channel.normalization for channel in settings(package).run.channels] == ["ct", "zscore"]
    assert (stage.name, stage.phases) == ("liver_and_tumor", ("portal", "arterial"))
    package.description.check_finds("liver", "tumor")
    assert package.description.needed_phases == ("arterial",)
    assert any("given in the place of both" in failure for failure in package.description.known_failures)


def test_a_network_for_tumors_in_two_phases_is_a_part(tmp_path: Path) -> None:
    given = two_phases(("arterial", "portal"))
    given["described"]["labels"] = {"background": 0, "spleen": 1, "tumor": 2}
    package = add_any_model(write_training(tmp_path, **given), ImportAnswers(labels={"spleen": "ignore"}))
    with pytest.raises(ModelError, match="finds the tumors alone: compose it with one that finds the liver"):
        package.description.check_finds("liver")


def test_labels_that_are_not_used_leave_a_part_of_a_model(tmp_path: Path) -> None:
    folder = write_training(tmp_path, described=data_set(labels={"background": 0, "liver": 1, "class 2": 2}))
    with pytest.raises(
        ModelError, match=r"'class 2' does not say what it is: say it with --label 'class 2=liver'"
    ):
        add_any_model(folder)
    stage = add_any_model(folder, ImportAnswers(labels={"other": "ignore"})).description.stages[0]
    assert (stage.name, stage.outputs[2].meaning) == ("liver", "other")


def test_an_unknown_orientation_is_asked_for(tmp_path: Path) -> None:
    own = plans({"3d_fullres": configuration()}, dataset_name="Dataset501_Clinic")
    folder = write_training(tmp_path, made_plans=own)
    with pytest.raises(
        ModelError, match=r"'Dataset501_Clinic' lay, and a wrong guess mirrors the liver: .*--orientation RAS"
    ):
        add_any_model(folder)
    assert not import_questions(folder).orientation_known
    package = add_any_model(folder, ImportAnswers(orientation="LPS", id="a"))
    assert package.description.stages[0].orientation == "LPS"
    assert known_orientation("NibabelIOWithReorient", "Dataset501_Clinic") == "RAS"
    assert known_orientation("NibabelIO", "Dataset297_TotalSegmentator_total_3mm") == "RAS"
    assert known_orientation("NibabelIO", "Task008_HepaticVessel") == "RAS"
    assert known_orientation("SimpleITKIO", "Task029_LiTS") is None  # its files lie in several ways


def test_questions_come_with_guesses(tmp_path: Path) -> None:
    described = data_set(
        channel_names={"0": "ART", "1": "image"}, labels={"background": 0, "liver": 1, "class 2": 2}
    )
    asked = import_questions(write_training(tmp_path, described=described))
    assert asked.program == "nnU-Net 2"
    assert [(c.number, c.name, c.phase) for c in asked.channels] == [(0, "ART", "arterial"), (1, "image", "")]
    assert [(label.name, label.meaning) for label in asked.labels] == [("liver", "liver"), ("class 2", "")]
    assert (asked.orientation, asked.orientation_known, asked.folds) == ("RAS", True, ("0",))
    assert asked.configurations == ("3d_fullres",)
    assert asked.open
