"""Damaged and hostile models of other programs: one sentence, nothing run, nothing installed."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model
from LiverTumorAttentionLib.errors import ModelError
from Testing.Library.nnunet_folders import (
    checkpoint,
    configuration,
    data_set,
    drawn,
    plans,
    theirs,
    version_1_plans,
    write_training,
    write_version_1,
)


class Runs:
    """What runs a program when it is unpickled by whoever allows it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.mark}'",)


def refused(path: Path, user_folder: Path, message: str, answers: ImportAnswers | None = None) -> None:
    with pytest.raises(ModelError, match=message) as told:
        add_any_model(path, answers)
    assert "\n" not in str(told.value)
    assert not user_folder.exists() or not any(user_folder.iterdir())


@pytest.mark.parametrize("key", ["optimizer_state", "network_weights"])
def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path: Path, user_folder: Path, key: str) -> None:
    mark = tmp_path / "ran"
    content = checkpoint(theirs(drawn()))
    content[key] = {**content[key], "x": Runs(mark)}
    folder = write_training(tmp_path, folds={"0": content})
    refused(folder, user_folder, r"holds '(posix|nt)\.system', which is neither a tensor nor a plain value")
    assert not mark.exists()


def test_a_pickle_of_plans_with_code_in_it_is_not_run(tmp_path: Path, user_folder: Path) -> None:
    mark = tmp_path / "ran"
    folder = write_version_1(tmp_path)
    (folder / "plans.pkl").write_bytes(pickle.dumps({**version_1_plans(), "x": Runs(mark)}))
    refused(folder, user_folder, r"plans\.pkl holds '(posix|nt)\.system', which is neither")
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\nload\n.",
        b"cbuiltins\neval\n.",
        b"cnumpy.core.multiarray\nfromfile\n.",
        b"cnumpy\nndarray.tofile\n.",
    ],
)
def test_names_beside_those_of_arrays_are_refused(tmp_path: Path, user_folder: Path, content: bytes) -> None:
    folder = write_version_1(tmp_path)
    (folder / "plans.pkl").write_bytes(content)
    refused(folder, user_folder, "which is neither a tensor nor a plain value|is damaged")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_checkpoint(path: Path) -> None:
    path.write_bytes(b"this is no checkpoint" * 100)


def without_weights(path: Path) -> None:
    torch.save({"trainer_name": "nnUNetTrainer"}, path)


def not_finite(path: Path) -> None:
    weights = theirs(drawn())
    weights["decoder.seg_layers.1.bias"] = torch.tensor([0.0, float("nan"), 0.0])
    torch.save(checkpoint(weights), path)


def other_network(path: Path) -> None:
    torch.save(checkpoint(theirs(drawn(classes=4))), path)


def foreign_parameters(path: Path) -> None:
    torch.save(checkpoint({**theirs(drawn()), "encoder.attention.weight": torch.zeros(3)}), path)


def not_tensors(path: Path) -> None:
    torch.save({**checkpoint(theirs(drawn())), "network_weights": {"a": [1, 2]}}, path)


def own_trainer(path: Path) -> None:
    torch.save(checkpoint(theirs(drawn()), trainer_name="nnUNetTrainerOfMine"), path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "is damaged or no such file"),
        (no_checkpoint, "is damaged or no such file"),
        (without_weights, r"holds no weights of a network under network_weights \(it has '.*'\)"),
        (not_finite, "holds numbers that are not finite"),
        (other_network, "does not hold the network that the plans beside it describe"),
        (
            foreign_parameters,
            "'encoder.attention.weight', which no plain or residual-encoder U-Net of nnU-Net has",
        ),
        (not_tensors, "'a of type list among its parameters', which is neither"),
        (own_trainer, "trained by 'nnUNetTrainerOfMine', which is not one of nnU-Net's own trainers"),
    ],
)
def test_checkpoints_that_are_none(
    tmp_path: Path, user_folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = write_training(tmp_path)
    damage(folder / "fold_0" / "checkpoint_final.pth")
    refused(folder, user_folder, message)


def arch(**changes: Any) -> dict[str, Any]:
    """Return plans whose network has other arguments."""
    made = configuration()
    made["architecture"]["arch_kwargs"] |= changes
    return plans({"3d_fullres": made})


def of(**changes: Any) -> dict[str, Any]:
    return plans({"3d_fullres": configuration(**changes)})


OTHER = {"network_class_name": "dynamic_network_architectures.architectures.primus.Primus", "arch_kwargs": {}}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            of(resampling_fn_data="no_resampling_hack"),
            "resampling_fn_data is 'no_resampling_hack', which this",
        ),
        (
            of(resampling_fn_data_kwargs={"order": 3, "mode": "x"}),
            "resampling_fn_data_kwargs: mode is 'x', which this",
        ),
        (
            of(
                resampling_fn_data="resample_torch_fornnunet",
                resampling_fn_data_kwargs={"aniso_axis_mode": "linear"},
            ),
            "resampling_fn_data_kwargs: aniso_axis_mode is 'linear', which this",
        ),
        (
            of(normalization_schemes=["MyNormalization"]),
            "the normalization is 'MyNormalization', which this program",
        ),
        (of(normalization_schemes=[["CT"]]), r"the normalization is \['CT'\], which this program"),
        (of(resampling_fn_seg={}), "resampling_fn_seg is {}, which this program"),
        (of(preprocessor_name="MyPreprocessor"), "preprocessor_name is 'MyPreprocessor', which this program"),
        (of(architecture=OTHER), "the network is '.*Primus', which this program does not know"),
        (
            arch(attention=True),
            "the argument attention of the network is True, which this program does not know",
        ),
        (
            arch(norm_op="torch.nn.modules.normalization.GroupNorm"),
            "norm_op is '.*GroupNorm', which this program",
        ),
        (arch(nonlin="os.system"), "nonlin is 'os.system', which this program does not know"),
        (arch(n_stages=10**9), "n_stages is 1000000000, which this program does not know"),
        (
            of(patch_size=[8, 16, 17]),
            r"the patch \[8, 16, 17\] is no multiple of the network's strides \(2, 4, 4\)",
        ),
        (of(spacing=[0.8, 0.8]), "patch and spacing_mm have three numbers"),
        (of(spacing="fine"), "spacing must be a list, got 'fine'"),
        (of(inherits_from="3d_fullres"), "the configuration '3d_fullres' inherits from itself"),
        (of(inherits_from="nothing"), "has no configuration 'nothing'"),
        (plans({}), "has no configuration '3d_fullres'"),
        (plans({"3d_fullres": configuration()}, label_manager="Mine"), "label_manager is 'Mine', which this"),
        (
            plans({"3d_fullres": configuration()}, image_reader_writer="Tiff3DIO"),
            "the reader 'Tiff3DIO', which reads no CT",
        ),
        (
            plans({"3d_fullres": configuration()}, foreground_intensity_properties_per_channel={}),
            "foreground intensities of channel 0 must have named fields, got None",
        ),
    ],
)
def test_plans_that_are_not_known(
    tmp_path: Path, user_folder: Path, made: dict[str, Any], message: str
) -> None:
    refused(write_training(tmp_path, made_plans=made), user_folder, message)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (data_set(labels={"liver": 1}, channel_names={}), "has no channel_names"),
        (data_set(labels=[1, 2]), "dataset.json has no labels"),
        (data_set(labels={"background": 0}), "the background must be 0 and other labels follow"),
        (data_set(labels={"background": 1, "liver": 0}), "the background must be 0 and other labels follow"),
        (
            data_set(labels={"background": 0, "liver": 1, "tumor": 3}),
            "labels must have the values 1, 2, 3, … once each",
        ),
        (data_set(labels={"background": 0, "liver": [1, 2], "tumor": 2}), "regions need regions_class_order"),
        (
            data_set(labels={"background": 0, "liver": 1, "tumor": "x"}),
            "has values that are no labels, got 'x'",
        ),
        (
            data_set(labels={"background": 0, "spleen": 1, "kidney": 2}),
            "none of the labels is liver or tumor",
        ),
    ],
)
def test_data_sets_that_are_not_known(
    tmp_path: Path, user_folder: Path, described: dict[str, Any], message: str
) -> None:
    refused(write_training(tmp_path, described=described), user_folder, message)


def test_files_that_are_not_json(tmp_path: Path, user_folder: Path) -> None:
    folder = write_training(tmp_path)
    (folder / "plans.json").write_text("{", encoding="utf-8")
    refused(folder, user_folder, r"plans\.json is not valid JSON")
    (folder / "plans.json").write_text(json.dumps([1]), encoding="utf-8")
    refused(folder, user_folder, r"plans\.json must have named fields, got \[1\]")


def test_folders_that_hold_no_model(tmp_path: Path, user_folder: Path) -> None:
    folder = write_training(tmp_path)
    refused(
        folder / "fold_0",
        user_folder,
        "holds no model that is known here .*nnU-Net 2 plans.json beside fold_0",
    )
    refused(folder / "fold_0" / "checkpoint_final.pth", user_folder, "holds no model that is known here")
    (folder / "plans.json").unlink()
    refused(folder, user_folder, "holds no model that is known here")
    refused(tmp_path / "nothing", user_folder, "is neither a model folder nor a zip of one")


def test_plans_without_weights(tmp_path: Path, user_folder: Path) -> None:
    folder = write_training(tmp_path / "2")
    (folder / "fold_0" / "checkpoint_final.pth").rename(folder / "fold_0" / "checkpoint_latest.pth")
    refused(
        folder,
        user_folder,
        r"plans.json, and no weights beside it \(fold_0 with checkpoint_final.pth or checkp",
    )
    folder = write_version_1(tmp_path / "1")
    (folder / "fold_0" / "model_final_checkpoint.model").unlink()
    refused(
        folder, user_folder, r"plans.pkl, and no weights beside it \(fold_0 with model_final_checkpoint.model"
    )


def test_a_zip_that_leads_out_of_itself(tmp_path: Path, user_folder: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../plans.json", "{}")
    refused(path, user_folder, "leads out of the model's folder")


def test_options_of_other_programs_are_not_for_our_own_models(tmp_path: Path, user_folder: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "model.json").write_text("{}", encoding="utf-8")
    refused(
        folder,
        user_folder,
        "is a model of LiverTumorAttention, which says everything itself",
        ImportAnswers(id="x"),
    )


def test_weights_of_other_widths_are_kept_as_float32(tmp_path: Path) -> None:
    weights = {name: value.half() for name, value in theirs(drawn()).items()}
    package = add_any_model(write_training(tmp_path, folds={"0": checkpoint(weights)}))
    found = package.load_weights(package.description.stages[0])
    assert found["decoder.output.bias"].dtype == torch.float32
    expected = drawn()["decoder.output.bias"]
    assert np.allclose(found["decoder.output.bias"], expected, atol=1e-2)
