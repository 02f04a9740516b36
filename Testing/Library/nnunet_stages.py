"""Stages of model.json whose network nnU-Net trained, as JSON values, for tests."""

from __future__ import annotations

from typing import Any

LIVER_AND_TUMOR = [
    {"name": "background", "meaning": "background", "value": 0},
    {"name": "liver", "meaning": "liver", "value": 1},
    {"name": "tumor", "meaning": "tumor", "value": 2},
]
CT = {"normalization": "ct", "clip_hu": [-17.0, 201.0], "mean_hu": 99.4, "spread_hu": 39.36}


def network_pass(**changes: Any) -> dict[str, Any]:
    """Return a 3D pass on the portal phase; `changes` replace its keys."""
    return {
        "configuration": "3d_fullres",
        "channels": [{"phase": "portal", **CT}],
        "normalize_first": True,
        "spacing_mm": [2.5, 0.8, 0.8],
        "image_resampling": {"order": 3},
        "label_resampling": {"order": 1},
        "output_resampling": {"order": 1},
        "patch": [16, 32, 32],
        "mirror_axes": [0, 1, 2],
        **changes,
    }


def arguments(in_channels: int = 1, classes: int = 3) -> dict[str, Any]:
    """Return the arguments of a tiny plain U-Net of two levels."""
    return {
        "in_channels": in_channels,
        "classes": classes,
        "features": [4, 8],
        "kernels": [[1, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2]],
        "convolutions": [2, 2],
        "decoder_convolutions": [2],
    }


def stage(**changes: Any) -> dict[str, Any]:
    """Return a stage that finds liver and tumors; `changes` replace its keys."""
    return {
        "name": "liver_and_tumor",
        "network": "plain_conv_unet",
        "arguments": arguments(),
        "weights": "fold-0.safetensors",
        "sha256": "0" * 64,
        "phases": ["portal"],
        "orientation": "RAS",
        "outputs": LIVER_AND_TUMOR,
        "nnunet": {"transposition": [0, 1, 2], "run": network_pass()},
        **changes,
    }


def description(*stages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a model.json of these stages, of one that finds liver and tumors where none is given."""
    return {
        "format": 5,
        "id": "imported",
        "title": "Imported",
        "version": "1",
        "licence": "NOASSERTION",
        "statement": "imported, not for clinical use",
        "intended_use": "tests",
        "stages": list(stages) or [stage()],
        "labels": [],
        **changes,
    }
