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
        predict(result_folder(options.root, name), CASES[name], Path(volume), Path(labels))
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


def result_folder(root: Path, name: str) -> Path:
    """Return the folder that holds the plans of a case and its folds."""
    results = root / "results" / folder_of(number_of(name)) / "nnUNet"
    return results / CASES[name].configuration / task_of(name) / f"nnUNetTrainerV2__{PLANS}"


def make_model(root: Path, name: str) -> None:
    """Plan and train the model of a case."""
    case, task, folder = CASES[name], task_of(name), result_folder(root, name)
    raw, preprocessed = root / "raw" / "nnUNet_raw_data" / task, root / "preprocessed" / task
    write_cohort(raw, case)
    preprocessed.mkdir(parents=True, exist_ok=True)
    plans = plan(task, preprocessed, case)

    from nnunet.training.network_training.nnUNetTrainerV2 import nnUNetTrainerV2

    trainer = nnUNetTrainerV2(
        str(plans), 0, str(folder), str(preprocessed), fp16=False, stage=stage_of(plans)
    )
    trainer.initialize(training=False)
    trainer.network.do_ds = False
    cases = [preprocessed_case(trainer, image) for image in sorted((raw / "imagesTr").glob("*_0000.nii.gz"))]
    loss = train_for_steps(
        trainer.network,
        cases,
        trainer.patch_size,
        torch.nn.functional.cross_entropy,
        seed=0,
        steps=case.steps,
    )
    print(f"{name}, patch {list(trainer.patch_size)}: loss {loss:.3f}", file=sys.stderr, flush=True)
    trainer.save_checkpoint(str(folder / "fold_0" / f"{CHECKPOINT}.model"))
    shutil.copy(plans, folder / "plans.pkl")


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
    from nnunet.experiment_planning.experiment_planner_baseline_3DUNet_v21 import ExperimentPlanner3D_v21
    from nnunet.experiment_planning.utils import crop
    from nnunet.network_architecture.generic_UNet import Generic_UNet
    from nnunet.paths import nnUNet_cropped_data

    crop(task, override=True, num_threads=1)
    cropped = Path(nnUNet_cropped_data) / task
    DatasetAnalyzer(str(cropped), num_processes=1).analyze_dataset(case.channel == "CT")
    Generic_UNet.use_this_for_batch_size_computation_3D *= case.memory_gb / PLANNED_FOR_GB
    planner = ExperimentPlanner3D_v21(str(cropped), str(preprocessed))
    planner.unet_base_num_features, planner.unet_max_num_filters = case.features, 8 * case.features
    planner.plan_experiment()
    return Path(planner.plans_fname)


def stage_of(plans: Path) -> int:
    """Return the number of the stage of full resolution."""
    from batchgenerators.utilities.file_and_folder_operations import load_pickle

    return max(load_pickle(str(plans))["plans_per_stage"])


def preprocessed_case(trainer: Any, image: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the input of the network of a training case, and its labels."""
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
    return data.astype(np.float32), np.maximum(labels[0], 0).astype(np.int16)


def predict(folder: Path, case: Case, volume: Path, labels: Path) -> None:
    """Have version 1 segment a volume, in one process: its trainer goes the steps of its predictor."""
    from nnunet.training.model_restore import load_model_and_checkpoint_files

    trainer, weights = load_model_and_checkpoint_files(
        str(folder), list(case.folds), mixed_precision=False, checkpoint_name=CHECKPOINT
    )
    trainer.load_checkpoint_ram(weights[0], False)
    trainer.data_aug_params["do_mirror"] = case.mirror
    files = [str(path) for path in channel_files(volume)]
    trainer.preprocess_predict_nifti(files, str(labels), mixed_precision=False)


if __name__ == "__main__":
    main()
