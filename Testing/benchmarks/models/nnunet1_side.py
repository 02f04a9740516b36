"""nnU-Net 1's side of the benchmark: its planner, its network after a short training of this file's own, its predictor.

    python -m Testing.benchmarks.models.nnunet1_side train ROOT [CASE ...]
    python -m Testing.benchmarks.models.nnunet1_side predict ROOT VOLUME LABELS CASE

Runs where `nnunet` 1.7.1 is installed (see `make benchmark-models`). Not for clinical use.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch

from Testing.benchmarks.models.cases import (
    CASES,
    LABELS,
    TRAINING_SEEDS,
    Case,
    channel_files,
    folder_of,
    number_of,
    write_training_cases,
)
from Testing.benchmarks.models.nnunet_options import read_options
from Testing.benchmarks.models.short_training import train_for_steps
from Testing.benchmarks.registration.clock import Clock

CHECKPOINT = "model_final_checkpoint"
PLANS = "nnUNetPlansv2.1"
LOW, CASCADE = "3d_lowres", "3d_cascade_fullres"
PLANNED_FOR_GB = 8
"""Memory of the graphics card that its planner has in mind."""


def main() -> None:
    """Train, or predict."""
    options = read_options(__doc__)
    names = options.rest if options.what == "train" else options.rest[2:]
    for name in names:
        set_folders(options.root, name)
        if options.what == "train":
            make_model(options.root, name)
            continue
        volume, labels, _ = options.rest
        clock = Clock()
        predict(options.root, name, Path(volume), Path(labels))
        print(json.dumps(clock.read()))


def task_of(name: str) -> str:
    """Return the name of a data set of version 1."""
    return f"Task{number_of(name):03d}_Benchmark"


def set_folders(root: Path, name: str) -> None:
    """Tell version 1 its folders, and newer versions of torch that its checkpoints hold more than weights."""
    os.environ |= {
        "nnUNet_raw_data_base": str(root / "raw"),
        "nnUNet_preprocessed": str(root / "preprocessed"),
        "RESULTS_FOLDER": str(root / "results" / folder_of(number_of(name))),
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    }


def configurations_of(case: Case) -> list[str]:
    """Return the networks of a case, in the order in which they run."""
    return [LOW, CASCADE] if case.configuration == CASCADE else [case.configuration]


def trainer_of(configuration: str) -> type:
    """Return version 1's trainer of a configuration."""
    from nnunet.training.network_training.nnUNetTrainerV2 import nnUNetTrainerV2
    from nnunet.training.network_training.nnUNetTrainerV2_CascadeFullRes import nnUNetTrainerV2CascadeFullRes

    return nnUNetTrainerV2CascadeFullRes if configuration == CASCADE else nnUNetTrainerV2


def result_folder(root: Path, name: str, configuration: str) -> Path:
    """Return the folder that holds the plans of a network and its folds."""
    results = root / "results" / folder_of(number_of(name)) / "nnUNet"
    return results / configuration / task_of(name) / f"{trainer_of(configuration).__name__}__{PLANS}"


def make_model(root: Path, name: str) -> None:
    """Plan and train the model of a case."""
    case, task = CASES[name], task_of(name)
    raw, preprocessed = root / "raw" / "nnUNet_raw_data" / task, root / "preprocessed" / task
    write_cohort(raw, case)
    preprocessed.mkdir(parents=True, exist_ok=True)
    plans = plan(task, preprocessed, case)
    for configuration in configurations_of(case):
        folder = result_folder(root, name, configuration)
        for fold in case.folds:
            train(folder, configuration, fold, plans, raw, case)
        shutil.copy(plans, folder / "plans.pkl")


def train(folder: Path, configuration: str, fold: int, plans: Path, raw: Path, case: Case) -> None:
    """Train one fold of a network."""
    torch.manual_seed(fold)
    stage = stage_of(plans, configuration)
    trainer = trainer_of(configuration)(
        str(plans), fold, str(folder), str(plans.parent), fp16=False, stage=stage
    )
    trainer.initialize(training=False)
    trainer.network.do_ds = False
    loss = train_for_steps(
        trainer.network,
        [
            preprocessed_case(trainer, image, with_labels=configuration == CASCADE)
            for image in sorted((raw / "imagesTr").glob("*_0000.nii.gz"))
        ],
        trainer.patch_size,
        torch.nn.functional.cross_entropy,
        seed=fold,
        steps=case.steps,
    )
    told = f"{folder.parts[-3]}, fold {fold}, patch {list(trainer.patch_size)}: loss {loss:.3f}"
    print(told, file=sys.stderr, flush=True)
    trainer.save_checkpoint(str(folder / f"fold_{fold}" / f"{CHECKPOINT}.model"))


def write_cohort(raw: Path, case: Case) -> None:
    """Write a data set in version 1's raw layout."""
    write_training_cases(raw, case)
    described = {
        "modality": {str(number): case.channel for number in range(case.phases)},
        "labels": {str(value): label for label, value in LABELS.items()},
        "training": [
            {"image": f"./imagesTr/case_{seed}.nii.gz", "label": f"./labelsTr/case_{seed}.nii.gz"}
            for seed in TRAINING_SEEDS
        ],
    }
    (raw / "dataset.json").write_text(json.dumps(described), encoding="utf-8")


def plan(task: str, preprocessed: Path, case: Case) -> Path:
    """Have version 1 crop and analyze a data set and plan its networks, and return the file of the plans."""
    from nnunet.experiment_planning.DatasetAnalyzer import DatasetAnalyzer
    from nnunet.experiment_planning.experiment_planner_baseline_2DUNet_v21 import ExperimentPlanner2D_v21
    from nnunet.experiment_planning.experiment_planner_baseline_3DUNet_v21 import ExperimentPlanner3D_v21
    from nnunet.experiment_planning.utils import crop
    from nnunet.network_architecture.generic_UNet import Generic_UNet
    from nnunet.paths import nnUNet_cropped_data

    crop(task, override=True, num_threads=1)
    cropped = Path(nnUNet_cropped_data) / task
    DatasetAnalyzer(str(cropped), num_processes=1).analyze_dataset(case.channel == "CT")
    Generic_UNet.use_this_for_batch_size_computation_3D *= case.memory_gb / PLANNED_FOR_GB
    kind = ExperimentPlanner2D_v21 if case.configuration == "2d" else ExperimentPlanner3D_v21
    planner = kind(str(cropped), str(preprocessed))
    planner.unet_base_num_features, planner.unet_max_num_filters = case.features, 8 * case.features
    planner.plan_experiment()
    return Path(planner.plans_fname)


def stage_of(plans: Path, configuration: str) -> int:
    """Return the number of a configuration's stage: the last is that of full resolution."""
    from batchgenerators.utilities.file_and_folder_operations import load_pickle

    stages = load_pickle(str(plans))["plans_per_stage"]
    if configuration in (LOW, CASCADE) and len(stages) < 2:
        raise SystemExit(f"{plans} has one stage: plan for less memory")
    return min(stages) if configuration == LOW else max(stages)


def preprocessed_case(
    trainer: Any, image: Path, *, with_labels: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the input of the network of a training case, and its labels.

    with_labels: the second network of a cascade sees the true labels in place of those of the first.
    """
    from nnunet.preprocessing.preprocessing import GenericPreprocessor

    truth = image.parents[1] / "labelsTr" / image.name.replace("_0000", "")
    preprocessor = GenericPreprocessor(
        trainer.normalization_schemes,
        trainer.use_mask_for_norm,
        trainer.transpose_forward,
        trainer.intensity_properties,
    )
    spacing = trainer.plans["plans_per_stage"][trainer.stage]["current_spacing"]
    files = [str(path) for path in channel_files(image)]
    data, labels, _ = preprocessor.preprocess_test_case(files, spacing, str(truth))
    truth_there = np.maximum(labels[0], 0).astype(np.int16)
    if with_labels:
        data = np.concatenate([data, *(truth_there[None] == value for value in LABELS.values() if value)])
    return data.astype(np.float32), truth_there


def predict(root: Path, name: str, volume: Path, labels: Path) -> None:
    """Have version 1 segment a volume, in one process: its trainers go the steps of its predictor.

    Of several folds the predictor takes the mean of their probabilities; the second network of a cascade sees what the
    first has found.
    """
    before = None
    for configuration in configurations_of(CASES[name]):
        found = (
            labels
            if configuration != LOW or CASES[name].configuration == LOW
            else labels.with_name("low.nii.gz")
        )
        predict_with(result_folder(root, name, configuration), CASES[name], volume, found, before)
        before = found


def predict_with(folder: Path, case: Case, volume: Path, labels: Path, before: Path | None) -> None:
    """Segment a volume with the folds of one network. before: the labels of the network before it in a cascade."""
    from batchgenerators.augmentations.utils import resize_segmentation
    from nnunet.inference.segmentation_export import save_segmentation_nifti_from_softmax
    from nnunet.training.model_restore import load_model_and_checkpoint_files
    from nnunet.utilities.one_hot_encoding import to_one_hot

    trainer, weights = load_model_and_checkpoint_files(
        str(folder), list(case.folds), mixed_precision=False, checkpoint_name=CHECKPOINT
    )
    trainer.data_aug_params["do_mirror"] = case.mirror
    data, _, properties = trainer.preprocess_patient([str(path) for path in channel_files(volume)])
    if before is not None:
        seen = sitk.GetArrayFromImage(sitk.ReadImage(str(before))).transpose(trainer.transpose_forward)
        classes = [value for value in LABELS.values() if value]
        one_hot = to_one_hot(resize_segmentation(seen, data.shape[1:], order=1), classes)
        data = np.vstack((data, one_hot)).astype(np.float32)
    found = []
    for fold in weights:
        trainer.load_checkpoint_ram(fold, False)
        _, probability = trainer.predict_preprocessed_data_return_seg_and_softmax(
            data,
            do_mirroring=case.mirror,
            mirror_axes=trainer.data_aug_params["mirror_axes"],
            mixed_precision=False,
        )
        found.append(probability.transpose([0, *(axis + 1 for axis in trainer.transpose_backward)]))
    exported = trainer.plans.get("segmentation_export_params", {})
    save_segmentation_nifti_from_softmax(
        np.mean(found, axis=0) if len(found) > 1 else found[0],
        str(labels),
        properties,
        exported.get("interpolation_order", 1),
        trainer.regions_class_order,
        force_separate_z=exported.get("force_separate_z"),
        interpolation_order_z=exported.get("interpolation_order_z", 0),
    )


if __name__ == "__main__":
    main()
