"""Stages whose network nnU-Net trained: what they say of liver and tumors, their files, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.description import ModelDescription, read_description
from Testing.Library.nnunet_stages import CT, LIVER_AND_TUMOR, arguments, description, network_pass, stage

CYST = {"name": "Zyste", "meaning": "cyst", "value": 3}
VESSEL = {"name": "vessel", "meaning": "vessel", "value": 4}
FILE = {"weights": "fold-1.safetensors", "sha256": "1" * 64}


def read(*stages: dict[str, Any], **changes: Any) -> ModelDescription:
    return read_description(json.dumps(description(*stages, **changes)).encode(), "model.json")


def previous(**changes: Any) -> dict[str, Any]:
    return {
        "network": "plain_conv_unet",
        "arguments": arguments(),
        "weights": "before.safetensors",
        "sha256": "2" * 64,
        "run": network_pass(configuration="3d_lowres", spacing_mm=[2.5, 1.6, 1.6]),
        **changes,
    }


def with_run(**changes: Any) -> dict[str, Any]:
    return stage(nnunet={"transposition": [0, 1, 2], "run": network_pass(**changes)})


def test_liver_is_all_that_lies_in_it_and_tumor_is_tumor_alone() -> None:
    found = read(stage(outputs=[*LIVER_AND_TUMOR, CYST, VESSEL], arguments=arguments(classes=5))).stages[0]
    assert found.class_groups == {"liver": (1, 2, 3), "tumor": (2,)}
    assert found.is_imported
    assert found.orientation == "RAS"


def test_stage_taken_for_its_liver_alone_keeps_tumors_in_the_liver() -> None:
    assert read(stage(name="liver")).stages[0].class_groups == {"liver": (1, 2)}
    assert read(stage(name="tumor")).stages[0].class_groups == {"tumor": (2,)}


def test_every_file_of_weights_belongs_to_the_stage() -> None:
    cascade = {"transposition": [0, 1, 2], "run": network_pass(), "previous": previous()}
    found = read(stage(ensemble=[FILE], nnunet=cascade, arguments=arguments(in_channels=3))).stages[0]
    assert [file.weights for file in found.weight_files] == [
        "fold-0.safetensors",
        "fold-1.safetensors",
        "before.safetensors",
    ]


def test_part_of_a_model_says_what_it_lacks() -> None:
    liver = read(stage(name="liver"))
    assert liver.liver_stage is liver.stages[0]
    with pytest.raises(ModelError, match="finds the liver alone: compose it with one that finds the tumors"):
        _ = liver.tumor_stage
    with pytest.raises(ModelError, match="finds the tumors alone: compose it with one that finds the liver"):
        read(stage(name="tumor")).check_finds("liver", "tumor")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (stage(orientation="RAX"), "orientation names where .* such as 'RAS' or 'LPS'.*got 'RAX'"),
        (stage(orientation="RLS"), "orientation names where"),
        (stage(activation="relu"), "activation must be 'softmax' or 'sigmoid', got 'relu'"),
        (
            stage(outputs=LIVER_AND_TUMOR[:2], arguments=arguments(classes=2)),
            "none of its outputs is the tumor",
        ),
        (stage(outputs=LIVER_AND_TUMOR[::-1]), "are classes with the values 0, 1, 2, … in this order"),
        (
            stage(outputs=[{**CYST, "meaning": "kidney"}]),
            "'Zyste' must mean one of background, liver, .*got 'kidney'",
        ),
        (stage(outputs=[{**CYST, "value": -1}]), "'Zyste' has values from 0 to 65535"),
        (stage(arguments=arguments(classes=2)), "its networks need classes 3, got 2"),
        (stage(arguments=arguments(in_channels=2)), "its networks need in_channels 1, got 2"),
        (stage(arguments={}), "its networks need classes 3, got None"),
        (
            stage(intensity={"window_hu": [0, 100]}),
            "intensity and grid are for networks of LiverTumorAttention alone",
        ),
        (
            stage(ensemble=[{**FILE, "weights": "fold-0.safetensors"}]),
            "its files of weights have different names",
        ),
        (stage(ensemble=[{**FILE, "weights": "../x.safetensors"}]), "weights must be the name of"),
        (stage(ensemble=[{**FILE, "sha256": "x"}]), "sha256 must be 64 hexadecimal digits"),
        (
            stage(nnunet={"transposition": [0, 0, 2], "run": network_pass()}),
            r"transposition must hold 0, 1 and 2 once each, got \(0, 0, 2\)",
        ),
        (
            stage(nnunet={"transposition": [0, 1, 2], "run": network_pass(), "previous": previous()}),
            "its networks need in_channels 3, got 1",
        ),
        (with_run(patch=[16, 32]), "patch and spacing_mm have three numbers, or two for slices"),
        (with_run(patch=[512, 512, 512]), "at most 32768000 voxels"),
        (with_run(spacing_mm=[0.0, 1.0, 1.0]), "spacing_mm must lie between 0.1 and 30 mm"),
        (with_run(mirror_axes=[0, 3]), "mirror_axes are axes of the patch"),
        (with_run(averaged="votes"), "averaged must be 'logits' or 'probabilities', got 'votes'"),
        (with_run(step=0.0), "step must lie between 0.1 and 1"),
        (with_run(image_resampling={"order": 6}), "resampling needs orders from 0 to 5"),
        (
            with_run(channels=[{"phase": "arterial", **CT}]),
            "its channels show arterial, and its phases are portal",
        ),
        (with_run(channels=[{"phase": "portal", **CT}] * 2), "each channel shows another phase"),
        (with_run(channels=[]), "channels must be 1 to 16, got 0"),
        (
            with_run(channels=[{"phase": "portal", "normalization": "ct"}]),
            "needs clip_hu, mean_hu and spread_hu",
        ),
        (
            with_run(channels=[{"phase": "portal", **CT, "normalization": "zscore"}]),
            "for the normalization 'ct' alone",
        ),
        (with_run(channels=[{"phase": "portal", **CT, "clip_hu": [9, -9]}]), "clip_hu must rise"),
        (
            with_run(channels=[{"phase": "portal", **CT, "only_nonzero": True}]),
            "for the normalization 'zscore' alone",
        ),
        (
            with_run(channels=[{"phase": "portal", "normalization": "minmax"}]),
            "must be one of ct, zscore, rescale, none",
        ),
    ],
)
def test_refused(made: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read(made)


def test_older_formats_know_no_network_of_another_program() -> None:
    with pytest.raises(ModelError, match=r"format 4 knows no network of another program: .* has format 5"):
        read(format=4)


def test_two_stages_do_not_share_a_file() -> None:
    with pytest.raises(ModelError, match="two networks share a file of weights"):
        read(stage(name="liver"), stage(name="tumor"))
