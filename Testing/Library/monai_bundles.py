"""Bundles as the package MONAI makes them: tiny networks, and what MONAI itself finds with them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch

NETWORKS: dict[str, dict[str, Any]] = {
    "UNet": {
        "spatial_dims": 3,
        "channels": [4, 8, 8],
        "strides": [2, 2],
        "num_res_units": 1,
        "norm": "batch",
    },
    "SegResNet": {
        "spatial_dims": 3,
        "init_filters": 8,
        "blocks_down": [1, 1],
        "blocks_up": [1],
        "dropout_prob": 0.2,
    },
    "DynUNet": {
        "spatial_dims": 3,
        "kernel_size": [3, 3, 3],
        "strides": [1, 2, 2],
        "upsample_kernel_size": [2, 2],
        "filters": [4, 8, 8],
        "deep_supervision": True,
        "res_block": True,
    },
    "SwinUNETR": {"feature_size": 12, "img_size": 32, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2]},
    "UNETR": {"img_size": 32, "feature_size": 4, "hidden_size": 48, "mlp_dim": 48, "num_heads": 2},
}
"""The known networks, as small as they are built."""
CLASSES = {"0": "background", "1": "liver", "2": "liver tumor"}


def configuration(architecture: str = "UNet", **changes: Any) -> dict[str, Any]:
    """Return a configuration for inference as bundles have them; `changes` replace entries of it."""
    settings = {"in_channels": 1, "out_channels": 3, **NETWORKS[architecture]}
    values: dict[str, Any] = {
        "imports": ["$import glob", "$import os"],
        "displayable_configs": {"fine": False, "overlap": 0.5},
        "bundle_root": ".",
        "image_key": "image",
        "datalist": "$list(sorted(glob.glob('*.nii.gz')))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "pixdim": "$[1.0, 1.0, 1.0] if @displayable_configs#fine else [1.5, 1.5, 2.0]",
        "modelname": "model.pt",
        "network_def": {"_target_": architecture, **settings},
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "@image_key"},
                {"_target_": "EnsureChannelFirstd", "keys": "@image_key"},
                {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
                {"_target_": "Spacingd", "keys": "@image_key", "pixdim": "@pixdim", "mode": "bilinear"},
                {
                    "_target_": "ScaleIntensityRanged",
                    "keys": "@image_key",
                    "a_min": -100,
                    "a_max": 300,
                    "b_min": 0.0,
                    "b_max": 1.0,
                    "clip": True,
                },
                {"_target_": "EnsureTyped", "keys": "@image_key"},
            ],
        },
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": [64, 32, 32] if architecture == "SwinUNETR" else [32, 32, 32],
            "sw_batch_size": 4,
            "overlap": "@displayable_configs#overlap",
            "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "softmax": True},
                {
                    "_target_": "Invertd",
                    "keys": "pred",
                    "transform": "@preprocessing",
                    "orig_keys": "@image_key",
                    "nearest_interp": False,
                    "to_tensor": True,
                },
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
                {"_target_": "SaveImaged", "keys": "pred", "output_dir": "$@bundle_root + '/eval'"},
            ],
        },
        "checkpointloader": {
            "_target_": "CheckpointLoader",
            "load_path": "$@bundle_root + '/models/' + @modelname",
            "load_dict": {"model": "@network"},
        },
        "run": ["$@evaluator.run()"],
    }
    return {**values, **changes}


def metadata(**changes: Any) -> dict[str, Any]:
    """Return what a bundle says of itself; `changes` replace entries of it."""
    values = {
        "version": "0.1.0",
        "name": "Tiny liver",
        "description": "Random weights, for tests",
        "authors": "nobody",
        "data_source": "phantoms",
        "intended_use": "tests",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 1, "channel_def": {"0": "image"}}},
            "outputs": {"pred": {"num_channels": 3, "channel_def": CLASSES}},
        },
    }
    return {**values, **changes}


def network(config: dict[str, Any], seed: int = 0) -> torch.nn.Module:
    """Return the network of a configuration from MONAI, its weights drawn so that every class is found somewhere."""
    import inspect

    import monai.networks.nets

    values = dict(config["network_def"])
    build = getattr(monai.networks.nets, values.pop("_target_"))
    known = inspect.signature(build).parameters
    torch.manual_seed(seed)
    made = build(**{key: value for key, value in values.items() if key in known})
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1.5)
    return made.eval()


def write_bundle(
    folder: Path, config: dict[str, Any] | None = None, about: dict[str, Any] | None = None, seed: int = 0
) -> Path:
    """Write a bundle with weights of MONAI's network and return its folder."""
    config = config if config is not None else configuration()
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "configs" / "metadata.json").write_text(json.dumps(about or metadata()), encoding="utf-8")
    torch.save(network(config, seed).state_dict(), folder / "models" / "model.pt")
    return folder


def threshold_bundle(folder: Path) -> Path:
    """Write a bundle whose network knows what it finds: above 0 HU lies liver, above 150 HU tumor.

    A U-Net of one-voxel kernels: its first channel hands the input through, its logits are straight lines of it.
    """
    config = configuration(
        network_def={
            "_target_": "UNet",
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 3,
            "channels": [2, 2],
            "strides": [1],
            "kernel_size": 1,
            "up_kernel_size": 1,
            "norm": None,
            "act": "relu",
        },
        pixdim=[2.0, 2.0, 2.0],
    )
    write_bundle(folder, config)
    state = {
        key: torch.zeros_like(value) for key, value in torch.load(folder / "models" / "model.pt").items()
    }
    first = next(key for key in state if key.startswith("model.0") and key.endswith("weight"))
    last = next(key for key in state if key.startswith("model.2") and key.endswith("weight"))
    state[first][0, 0] = 1.0
    # 0 HU is 0.25 of the window, 150 HU 0.625
    for value, (slope, offset) in enumerate(((0.0, 0.0), (40.0, -10.0), (120.0, -60.0))):
        state[last][0, value] = slope
        state[last.replace("weight", "bias")][value] = offset
    torch.save(state, folder / "models" / "model.pt")
    return folder


def phantom(
    shape: tuple[int, int, int] = (24, 40, 44), spacing: tuple[float, float, float] = (0.9, 1.1, 2.3)
) -> sitk.Image:
    """Return a small CT in LPS order, HU: a body with a liver of 100 HU and a tumor of 200 HU in it, and noise."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    hu = np.full(shape, -1000.0)
    hu[x**2 + y**2 < 0.95] = -50.0
    hu[(x + 0.2) ** 2 + y**2 + z**2 < 0.45] = 100.0
    hu[(x + 0.3) ** 2 + (y - 0.1) ** 2 + z**2 < 0.06] = 200.0
    hu += np.random.default_rng(0).normal(0.0, 8.0, shape)
    image = sitk.GetImageFromArray(hu.astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin((-20.0, 30.0, 400.0))
    return image


def monai_labels(folder: Path, image: sitk.Image) -> np.ndarray:
    """Return the labels (z, y, x) that MONAI itself finds with a bundle in an image of LPS order.

    MONAI's own reading of the configuration, transforms, window and way back are used. Files are neither read nor
    written; and where nibabel, which MONAI turns volumes with, is not installed, the volume is turned beforehand.
    """
    from monai.bundle import ConfigParser
    from monai.data import MetaTensor

    config = json.loads((folder / "configs" / "inference.json").read_text(encoding="utf-8"))
    before = config["preprocessing"]["transforms"]
    axes = next((step["axcodes"] for step in before if step["_target_"] == "Orientationd"), "LPS")
    left_out = ["LoadImaged", "SaveImaged", "EnsureChannelFirstd"]
    turned = importlib.util.find_spec("nibabel") is None
    for name in ("preprocessing", "postprocessing"):
        steps = config[name]["transforms"]
        config[name]["transforms"] = [
            step
            for step in steps
            if step["_target_"] not in (*left_out, *(["Orientationd"] if turned else []))
        ]
    parser = ConfigParser(config)
    array = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    signs = np.array([-1.0, -1.0, 1.0])
    if turned:
        assert axes == "RAS", "only this turn is done by hand"
        array, signs = array[::-1, ::-1], np.ones(3)
    affine = np.diag([*(signs * image.GetSpacing()), 1.0])
    affine[:3, 3] = (10.0, -20.0, 30.0)
    tensor = MetaTensor(torch.from_numpy(np.ascontiguousarray(array))[None], affine=torch.from_numpy(affine))
    made = network(config)
    made.load_state_dict(torch.load(folder / "models" / "model.pt", weights_only=True))
    data = parser.get_parsed_content("preprocessing")({"image": tensor})
    with torch.no_grad():
        logits = parser.get_parsed_content("inferer")(data["image"].as_tensor()[None], made)
    data["pred"] = MetaTensor(logits[0], affine=data["image"].affine)
    found = parser.get_parsed_content("postprocessing")(data)["pred"].as_tensor()[0].numpy()
    if turned:
        found = found[::-1, ::-1]
    return found.transpose(2, 1, 0).astype(int)
