"""Result folders as nnU-Net, versions 1 and 2, writes them, with tiny networks of seeded random weights."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from LiverTumorAttentionLib.networks import build_network

Weights = dict[str, torch.Tensor]

DATA_SET = "Dataset003_Liver"
LABELS = {"background": 0, "liver": 1, "tumor": 2}
STATISTICS = {"mean": 99.4, "std": 39.36, "percentile_00_5": -17.0, "percentile_99_5": 201.0, "median": 101.0}
SIZES = {
    3: {
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "spacing": [2.5, 0.8, 0.8],
        "patch_size": [8, 16, 16],
    },
    2: {
        "kernel_sizes": [[3, 3]] * 3,
        "strides": [[1, 1], [2, 2], [2, 2]],
        "spacing": [0.8, 0.8],
        "patch_size": [32, 16],
    },
}


def resampling(order: int, *, is_seg: bool = False) -> dict[str, Any]:
    return {"is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None}


def configuration(dimensions: int = 3, *, residual: bool = False, **changes: Any) -> dict[str, Any]:
    """Return a configuration of plans.json of a network of three levels; `changes` replace its keys."""
    sizes = SIZES[dimensions]
    counts = "n_blocks_per_stage" if residual else "n_conv_per_stage"
    name = "ResidualEncoderUNet" if residual else "PlainConvUNet"
    function = "resample_data_or_seg_to_shape"
    return {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": sizes["patch_size"],
        "spacing": sizes["spacing"],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        **{f"resampling_fn_{of}": function for of in ("data", "seg", "probabilities")},
        "resampling_fn_data_kwargs": resampling(3),
        "resampling_fn_seg_kwargs": resampling(1, is_seg=True),
        "resampling_fn_probabilities_kwargs": resampling(1),
        "architecture": {
            "network_class_name": f"dynamic_network_architectures.architectures.unet.{name}",
            "arch_kwargs": {
                "n_stages": 3,
                "features_per_stage": [4, 6, 8],
                "conv_op": f"torch.nn.modules.conv.Conv{dimensions}d",
                "kernel_sizes": sizes["kernel_sizes"],
                "strides": sizes["strides"],
                counts: [1, 2, 2],
                "n_conv_per_stage_decoder": [2, 1],
                "conv_bias": True,
                "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimensions}d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": True,
        **changes,
    }


def plans(configurations: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "dataset_name": DATA_SET,
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": configurations,
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": STATISTICS},
        **changes,
    }


def data_set(**changes: Any) -> dict[str, Any]:
    return {
        "channel_names": {"0": "CT"},
        "labels": LABELS,
        "numTraining": 131,
        "file_ending": ".nii.gz",
        "licence": "CC-BY-SA 4.0",
        "reference": "Somebody et al.",
        **changes,
    }


def drawn(
    dimensions: int = 3,
    *,
    residual: bool = False,
    in_channels: int = 1,
    classes: int = 3,
    features: tuple[int, ...] = (4, 6, 8),
    normalization: str = "instance",
    seed: int = 1,
) -> Weights:
    """Return weights of the network of `configuration`, under our names."""
    sizes = SIZES[dimensions]
    network = build_network(
        "residual_encoder_unet" if residual else "plain_conv_unet",
        in_channels=in_channels,
        classes=classes,
        features=features,
        kernels=sizes["kernel_sizes"],
        strides=sizes["strides"],
        decoder_convolutions=[2, 1],
        normalization=normalization,
        **{"blocks" if residual else "convolutions": [1, 2, 2]},
    )
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randn(value.shape, generator=draw) for name, value in network.state_dict().items()}


def theirs(ours: Weights) -> Weights:
    """Return weights under the names of version 2, with all that its checkpoints hold twice or besides."""
    found: Weights = {}
    for name, value in ours.items():
        part = name.split(".")
        layer = {"convolution": "conv", "normalization": "norm"}.get(part[-2], "")
        place = {"convolution": "0", "normalization": "1"}.get(part[-2], "")
        if part[:2] == ["decoder", "output"]:
            found[f"decoder.seg_layers.1.{part[-1]}"] = value
            found[f"decoder.seg_layers.0.{part[-1]}"] = torch.zeros(3)
            continue
        if part[:2] == ["decoder", "up"]:
            found[f"decoder.transpconvs.{part[2]}.{part[-1]}"] = value
            continue
        if part[0] == "stem":
            block = "encoder.stem.convs.0"
        elif part[0] == "decoder":
            block = f"decoder.stages.{part[2]}.convs.{part[3]}"
        elif len(part) == 6:
            inner = {"first": "conv1", "second": "conv2", "projection": "skip.1"}[part[3]]
            block = f"encoder.stages.{part[1]}.blocks.{part[2]}.{inner}"
        else:
            block = f"encoder.stages.{part[1]}.0.convs.{part[2]}"
        for prefix in ("", "decoder.") if block.startswith("encoder") else ("",):
            found[f"{prefix}{block}.{layer}.{part[-1]}"] = value
            found[f"{prefix}{block}.all_modules.{place}.{part[-1]}"] = value
    return found


def checkpoint(weights: Weights, name: str = "3d_fullres", **changes: Any) -> dict[str, Any]:
    """Return what version 2 saves: with numpy's scalars among the values, as real ones have them."""
    return {
        "network_weights": weights,
        "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01, "params": [0]}]},
        "grad_scaler_state": None,
        "logging": {
            "mean_fg_dice": [np.float64(0.5)],
            "train_losses": [np.float32(0.1)],
            "epoch": [np.int64(3)],
        },
        "_best_ema": np.float64(0.9),
        "current_epoch": 1000,
        "init_args": {"configuration": name, "fold": 0, "device": torch.device("cpu")},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2) if not name.startswith("2d") else (0, 1),
        **changes,
    }


def write_training(
    parent: Path,
    name: str = "3d_fullres",
    *,
    made_plans: Mapping[str, Any] | None = None,
    described: Mapping[str, Any] | None = None,
    folds: Mapping[str, Mapping[str, Any]] | None = None,
    file: str = "checkpoint_final.pth",
) -> Path:
    """Write the result folder of one configuration below `parent`/DATA_SET and return it."""
    folder = parent / DATA_SET / f"nnUNetTrainer__nnUNetPlans__{name}"
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(
        json.dumps(made_plans or plans({name: configuration()})), encoding="utf-8"
    )
    (folder / "dataset.json").write_text(json.dumps(described or data_set()), encoding="utf-8")
    for fold, content in (folds or {"0": checkpoint(theirs(drawn()), name)}).items():
        (folder / f"fold_{fold}").mkdir()
        torch.save(content, folder / f"fold_{fold}" / file)
    return folder


def version_1_plans(**changes: Any) -> dict[str, Any]:
    """Return plans as version 1 pickles them: numpy's arrays and scalars among its values, whole numbers as keys."""
    return {
        "num_stages": 1,
        "num_modalities": 1,
        "modalities": {0: "CT"},
        "normalization_schemes": {0: "CT"},
        "dataset_properties": {"intensityproperties": {0: {**STATISTICS, "sd": np.float64(39.36)}}},
        "num_classes": 2,
        "all_classes": [1, 2],
        "base_num_features": 4,
        "use_mask_for_norm": {0: False},
        "transpose_forward": [np.int64(0), 1, 2],
        "transpose_backward": [np.int64(0), np.int64(1), np.int64(2)],
        "preprocessor_name": "GenericPreprocessor",
        "conv_per_stage": 2,
        "plans_per_stage": {
            0: {
                "batch_size": 2,
                "num_pool_per_axis": [1, 2, 2],
                "patch_size": np.array([8, 16, 16]),
                "current_spacing": np.array([2.5, 0.8, 0.8]),
                "do_dummy_2D_data_aug": np.bool_(False),
                "pool_op_kernel_sizes": [[1, 2, 2], [2, 2, 2]],
                "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 1, 1]],
            }
        },
        **changes,
    }


def version_1_weights(
    in_channels: int = 1,
    *,
    batch: bool = False,
    output_bias: bool = False,
    kernels: Sequence[tuple[int, int, int]] = ((1, 3, 3), (3, 3, 3), (3, 1, 1)),
) -> Weights:
    """Return weights under the names of version 1: 4, 8 and 16 channels, two convolutions a level.

    batch: with the running means of a batch normalization, which version 1 calls alike.
    """
    draw = torch.Generator().manual_seed(4)
    found: Weights = {}

    def block(name: str, before: int, after: int, kernel: tuple[int, int, int]) -> None:
        found[f"{name}.conv.weight"] = torch.randn((after, before, *kernel), generator=draw)
        for key in ("conv.bias", "instnorm.weight", "instnorm.bias"):
            found[f"{name}.{key}"] = torch.randn(after, generator=draw)
        if batch:
            found[f"{name}.instnorm.running_mean"] = torch.randn(after, generator=draw)
            found[f"{name}.instnorm.running_var"] = torch.rand(after, generator=draw) + 0.5
            found[f"{name}.instnorm.num_batches_tracked"] = torch.tensor(250)

    block("conv_blocks_context.0.blocks.0", in_channels, 4, kernels[0])
    block("conv_blocks_context.0.blocks.1", 4, 4, kernels[0])
    block("conv_blocks_context.1.blocks.0", 4, 8, kernels[1])
    block("conv_blocks_context.1.blocks.1", 8, 8, kernels[1])
    block("conv_blocks_context.2.0.blocks.0", 8, 16, kernels[2])
    block("conv_blocks_context.2.1.blocks.0", 16, 16, kernels[2])
    block("conv_blocks_localization.0.0.blocks.0", 16, 8, kernels[2])
    block("conv_blocks_localization.0.1.blocks.0", 8, 8, kernels[2])
    block("conv_blocks_localization.1.0.blocks.0", 8, 4, kernels[1])
    block("conv_blocks_localization.1.1.blocks.0", 4, 4, kernels[1])
    found["tu.0.weight"] = torch.randn((16, 8, 2, 2, 2), generator=draw)
    found["tu.1.weight"] = torch.randn((8, 4, 1, 2, 2), generator=draw)
    found["seg_outputs.0.weight"] = torch.randn((3, 8, 1, 1, 1), generator=draw)
    found["seg_outputs.1.weight"] = torch.randn((3, 4, 1, 1, 1), generator=draw)
    if output_bias:
        found["seg_outputs.1.bias"] = torch.randn(3, generator=draw)
    return found


def write_version_1(
    parent: Path,
    trainer: str = "nnUNetTrainerV2",
    configuration: str = "3d_fullres",
    weights: Weights | None = None,
    **changes: Any,
) -> Path:
    """Write a result folder of version 1 and return it; `changes` replace keys of its plans."""
    folder = parent / "nnUNet" / configuration / "Task003_Liver" / f"{trainer}__nnUNetPlansv2.1"
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.pkl").write_bytes(pickle.dumps(version_1_plans(**changes), protocol=4))
    saved = {
        "epoch": 1000,
        "state_dict": version_1_weights() if weights is None else weights,
        "optimizer_state_dict": None,
        "plot_stuff": ([np.float32(0.1)], [], [], [np.float64(0.8)]),
        "best_stuff": (np.float64(0.1), 0.2, 0.3),
    }
    torch.save(saved, folder / "fold_0" / "model_final_checkpoint.model")
    return folder
