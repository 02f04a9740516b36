"""nnU-Net's side of the benchmark: its planner, its networks after a short training of this file's own, its predictor.

    python -m Testing.benchmarks.models.nnunet_side train ROOT [CASE ...]
    python -m Testing.benchmarks.models.nnunet_side predict ROOT VOLUME LABELS CASE

Runs where `nnunetv2` is installed (see `make benchmark-models`). Not for clinical use.
"""

from __future__ import annotations

import json
import os
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


def main() -> None:
    """Train, or predict."""
    options = read_options(__doc__)
    for folder in ("raw", "preprocessed", "results"):
        os.environ[f"nnUNet_{folder}"] = str(options.root / folder)
        (options.root / folder).mkdir(parents=True, exist_ok=True)
    if options.what == "train":
        for name in options.rest or CASES:
            make_model(options.root, name)
        return
    volume, labels, name = options.rest
    clock = Clock()
    for configuration, folder in result_folders(options.root, name):
        predict(folder, CASES[name], Path(volume), Path(labels), configuration)
    print(json.dumps(clock.read()))


def result_folders(root: Path, name: str) -> list[tuple[str, Path]]:
    """Return the configurations of a case with their result folders, in the order in which they are run."""
    results = root / "results" / folder_of(number_of(name))
    chain = [CASES[name].configuration]
    if chain == ["3d_cascade_fullres"]:
        chain.insert(0, "3d_lowres")
    return [(configuration, next(results.glob(f"*__{configuration}"))) for configuration in chain]


def make_model(root: Path, name: str) -> None:
    """Plan and train the model of a case."""
    case, data_set = CASES[name], folder_of(number_of(name))
    raw = root / "raw" / data_set
    write_cohort(raw, case)
    (root / "preprocessed" / data_set).mkdir(exist_ok=True)
    write_fingerprint(root / "preprocessed" / data_set / "dataset_fingerprint.json", raw)

    from nnunetv2.experiment_planning.experiment_planners import default_experiment_planner
    from nnunetv2.experiment_planning.experiment_planners.residual_unets import (
        residual_encoder_unet_planners as residual,
    )
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    kind = getattr(default_experiment_planner, case.planner, None) or getattr(residual, case.planner)
    planner = kind(number_of(name), case.memory_gb)
    planner.UNet_base_num_features = case.features
    planner.UNet_max_features_2d = planner.UNet_max_features_3d = 8 * case.features
    planner.UNet_vram_target_GB = case.memory_gb
    planned = planner.plan_experiment()
    plans = PlansManager(planned)
    chain = [case.configuration]
    before = plans.get_configuration(case.configuration).previous_stage_name
    for configuration in ([before] if before else []) + chain:
        folder = root / "results" / data_set / f"nnUNetTrainer__{plans.plans_name}__{configuration}"
        for fold in case.folds:
            (folder / f"fold_{fold}").mkdir(parents=True, exist_ok=True)
            torch.save(
                {
                    "network_weights": train(plans, configuration, raw, seed=fold, steps=case.steps),
                    "trainer_name": "nnUNetTrainer",
                    "init_args": {"configuration": configuration, "fold": fold},
                    "inference_allowed_mirroring_axes": tuple(
                        range(len(plans.get_configuration(configuration).patch_size))
                    ),
                    "current_epoch": 1,
                },
                folder / f"fold_{fold}" / "checkpoint_final.pth",
            )
        saved = root / "preprocessed" / data_set / f"{plans.plans_name}.json"
        (folder / "plans.json").write_bytes(saved.read_bytes())
        (folder / "dataset.json").write_bytes((raw / "dataset.json").read_bytes())


def write_cohort(raw: Path, case: Case) -> None:
    """Write a data set in nnU-Net's raw layout."""
    write_training_cases(raw, case)
    described: dict[str, Any] = {
        "channel_names": {str(number): case.channel for number in range(case.phases)},
        "labels": LABELS,
        "numTraining": len(TRAINING_SEEDS),
        "file_ending": ".nii.gz",
    }
    if case.regions:
        described["labels"] = {"background": 0, "liver": [1, 2], "tumor": 2}
        described["regions_class_order"] = [1, 2]
    (raw / "dataset.json").write_text(json.dumps(described), encoding="utf-8")


def write_fingerprint(path: Path, raw: Path) -> None:
    """Write what nnU-Net's planner wants to know of a data set, for which its own extractor takes minutes."""
    labels = [sitk.ReadImage(str(place)) for place in sorted((raw / "labelsTr").glob("*.nii.gz"))]
    first = sorted((raw / "imagesTr").glob("*_0000.nii.gz"))
    statistics = {}
    for number in range(len(channel_files(first[0]))):
        images = [sitk.ReadImage(str(channel_files(place)[number])) for place in first]
        statistics[str(number)] = _statistics(images, labels)
    content = {
        "spacings": [image.GetSpacing()[::-1] for image in labels],
        "shapes_after_crop": [image.GetSize()[::-1] for image in labels],
        "foreground_intensity_properties_per_channel": statistics,
        "median_relative_size_after_cropping": 1.0,
    }
    path.write_text(json.dumps(content), encoding="utf-8")


def _statistics(images: list[sitk.Image], labels: list[sitk.Image]) -> dict[str, float]:
    """Return what the planner wants to know of a channel: statistics of its values inside the labels."""
    inside = np.concatenate(
        [
            sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(truth) > 0]
            for image, truth in zip(images, labels, strict=True)
        ]
    )
    low, median, high = np.percentile(inside, (0.5, 50, 99.5))
    numbers = {
        "mean": inside.mean(),
        "median": median,
        "std": inside.std(),
        "min": inside.min(),
        "max": inside.max(),
        "percentile_00_5": low,
        "percentile_99_5": high,
    }
    return {key: float(value) for key, value in numbers.items()}


def train(plans: Any, configuration: str, raw: Path, *, seed: int, steps: int) -> dict[str, torch.Tensor]:
    """Train the network of a configuration for a few steps, on patches about the liver, and return its weights."""
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.label_handling.label_handling import (
        convert_labelmap_to_one_hot,
        determine_num_input_channels,
    )

    described = json.loads((raw / "dataset.json").read_text(encoding="utf-8"))
    manager = plans.get_configuration(configuration)
    labels = plans.get_label_manager(described)
    torch.manual_seed(seed)
    network = get_network_from_plans(
        manager.network_arch_class_name,
        manager.network_arch_init_kwargs,
        manager.network_arch_init_kwargs_req_import,
        determine_num_input_channels(plans, manager, described),
        labels.num_segmentation_heads,
        deep_supervision=False,
    )
    cases = []
    for image in sorted((raw / "imagesTr").glob("*_0000.nii.gz")):
        truth = raw / "labelsTr" / image.name.replace("_0000", "")
        data, found, _ = manager.preprocessor_class(verbose=False).run_case_npy(
            *_arrays(image, truth), plans, manager, described
        )
        if manager.previous_stage_name is not None:
            hot = convert_labelmap_to_one_hot(found[0], labels.foreground_labels, data.dtype)
            data = np.vstack([data, hot])
        cases.append((data, np.maximum(found[0], 0)))
    loss = train_for_steps(
        network,
        cases,
        manager.patch_size,
        lambda logits, truth: _loss(logits, truth, labels),
        seed=seed,
        steps=steps,
    )
    print(
        f"{configuration}, patch {list(manager.patch_size)}: loss {loss:.3f}",
        file=sys.stderr,
        flush=True,
    )
    return network.state_dict()


def _arrays(image: Path, truth: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    channels = [sitk.ReadImage(str(path)) for path in channel_files(image)]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(truth))).astype(np.int16)
    values = np.stack([sitk.GetArrayFromImage(channel).astype(np.float32) for channel in channels])
    return values, labels[None], {"spacing": list(channels[0].GetSpacing()[::-1])}


def _loss(logits: torch.Tensor, truth: torch.Tensor, labels: Any) -> torch.Tensor:
    if labels.has_regions:
        members = [region if isinstance(region, tuple) else (region,) for region in labels.foreground_regions]
        wanted = torch.stack([torch.isin(truth, torch.tensor(region)) for region in members], dim=1)
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted.float())
    return torch.nn.functional.cross_entropy(logits, truth)


def predict(folder: Path, case: Case, volume: Path, labels: Path, configuration: str) -> None:
    """Have nnU-Net's own predictor segment a volume.

    Where `labels` is there, it holds what the first network of a cascade found, and is replaced.
    """
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(
        use_mirroring=case.mirror,
        device=torch.device("cpu"),
        allow_tqdm=False,
        perform_everything_on_device=False,
    )
    predictor.initialize_from_trained_model_folder(str(folder), case.folds, "checkpoint_final.pth")
    cascade = configuration == "3d_cascade_fullres"
    found = predictor.predict_from_files_sequential(
        [[str(path) for path in channel_files(volume)]],
        None,
        folder_with_segs_from_prev_stage=str(labels.parent) if cascade else None,
    )
    image = sitk.GetImageFromArray(found[0].astype(np.uint8))
    image.CopyInformation(sitk.ReadImage(str(volume)))
    sitk.WriteImage(image, str(labels))


if __name__ == "__main__":
    main()
