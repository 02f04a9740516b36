"""`model.json` is read strictly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models import (
    ModelPackage,
)
from Testing.Library.classifiers import by_size
from Testing.Library.model_folder import change_description

SOURCE = {
    "title": "LiTS",
    "licence": "CC-BY-SA-4.0",
    "attribution": "Bilic et al.",
    "stages": ["liver", "tumor"],
    "patients": 2,
    "cases": 3,
    "slices": 12,
}


def set_stage(index: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["stages"][index].update(values)


def set_slices(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["stages"][1]["slices"].update(values)


def set_grid(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["stages"][1]["grid"].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(colour="red"), "unknown key 'colour'"),
        (lambda d: d.update(titel="x"), "unknown key 'titel'; did you mean 'title'"),
        (lambda d: d.pop("licence"), "the key 'licence' is missing"),
        (lambda d: d.update(format=1), "format 1 is not known to this version"),
        (lambda d: d.update(id="../x"), r"id must be lower-case letters.*'\.\./x'"),
        (
            lambda d: d["stages"].reverse(),
            r"expected the stages 'liver' and 'tumor', in this order.* got \['tumor', 'liver'\]",
        ),
        (set_stage(0, weights="../liver.safetensors"), "weights must be the name of a .safetensors file"),
        (set_stage(0, weights="liver.pth"), "weights must be the name of a .safetensors file"),
        (set_stage(0, sha256="abc"), "sha256 must be 64 hexadecimal digits"),
        (set_stage(0, phases=["portal", "arterial"]), "finds the liver takes the portal phase alone"),
        (set_stage(1, phases=["arterial"]), "must begin with 'portal'"),
        (set_stage(1, phases=["venous"]), "phases must be taken from"),
        (set_stage(1, phases=["portal", "delayed"]), "phases must be taken from"),
        (set_stage(1, intensity={"window_hu": [180, -70]}), "window_hu must rise"),
        (set_stage(1, intensity={}), "either window_hu or percentiles"),
        (set_stage(1, intensity={"percentiles": [99, 101]}), "between 0 and 100"),
        (
            set_stage(1, intensity={"liver_window_hu": [-150, 250], "liver_erosion_mm": 5}),
            "format 2 knows no liver_window_hu: a model with it has format 3",
        ),
        (set_stage(1, intensity={"liver_window_hu": [-150, 250]}), "liver_erosion_mm are given together"),
        (
            set_stage(1, intensity={"window_hu": [-70, 180], "liver_erosion_mm": 5}),
            "liver_erosion_mm are given together",
        ),
        (
            set_stage(1, intensity={"window_hu": [-70, 180], "liver_window_hu": [-150, 250]}),
            "and only one of them",
        ),
        (
            set_stage(1, intensity={"liver_window_hu": [20, 250], "liver_erosion_mm": 5}),
            r"must rise from below the liver's median.*\[-150, 250\], got \(20.0, 250.0\)",
        ),
        (
            set_stage(1, intensity={"liver_window_hu": [-150, 250], "liver_erosion_mm": -1}),
            "between 0 and 30 mm, got -1",
        ),
        (
            set_stage(0, intensity={"liver_window_hu": [-150, 250], "liver_erosion_mm": 5}),
            "liver_window_hu is for a tumor stage",
        ),
        (
            lambda values: values.update(known_failures=["veins"]),
            "format 2 knows no sources, never_seen and known_failures: a model with them has format 3",
        ),
        (
            lambda values: values.update(format=3, sources=[{**SOURCE, "licence": ""}]),
            "sources: 'LiTS' needs a title, a licence and counts from 0, got the licence ''",
        ),
        (
            lambda values: values.update(format=3, sources=[{**SOURCE, "patient": 3}]),
            "unknown key 'patient'; did you mean 'patients'",
        ),
        (
            lambda d: d.update(format=3, candidates=asdict(by_size(20.0))),
            "format 3 knows no candidates: a model with it has format 4: write that",
        ),
        (
            lambda d: d.update(format=4, candidates={**asdict(by_size(20.0)), "curve": []}),
            "candidates: unknown key 'curve'; did you mean 'curves'",
        ),
        (
            lambda d: d.update(format=7),
            "format 7 is not known to this version, which reads format 2, 3, 4, 5 or 6",
        ),
        (set_slices(overlap=1.0), "overlap must lie between 0 and 0.95"),
        (set_slices(tile=[16, 64]), "tile must be 32 to 2048 pixels"),
        (set_slices(scales=[]), "scales must be given"),
        (set_slices(scales=[9.0]), "between 0.1 and 4"),
        (set_slices(neighbours="one"), "neighbours: expected int, got str 'one'"),
        (set_slices(neighbours=2), "gives the network 5 channels a phase, and the network is built with 3"),
        (set_stage(1, patches={"patch": [64, 64, 64]}), "give either slices .* or patches"),
        (set_stage(1, slices=None), "give either slices .* or patches"),
        (set_stage(1, slices=None, patches={"patch": [16, 64, 64]}), "patch must be at least 32 voxels"),
        (set_grid(slice_spacing_range_mm=[7, 3]), "slice_spacing_range_mm must be at least 0.2 and rise"),
        (set_grid(in_plane_pixels=[448, 448]), "in_plane_spacing_mm or in_plane_pixels, not both"),
        (set_grid(in_plane_spacing_mm=0), "in_plane_spacing_mm must be at least 0.2"),
        (
            set_stage(1, arguments={"classes": 3}),
            "its classes are background, tumor, and the network is built with 3",
        ),
        (set_stage(1, box_margin_mm=-1.0), "must lie between 0 and 500 mm"),
        (set_stage(1, name="lesion"), "a stage is named 'liver' or 'tumor' or 'liver_and_tumor'"),
        (set_stage(1, missing_phase="guess"), "missing_phase must be 'refuse' or 'portal'"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(
    model: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    change_description(model, change)
    with pytest.raises(ModelError, match=message):
        ModelPackage(model)


def test_format_3_names_the_sources(model: Path) -> None:
    change_description(model, lambda values: values.update(format=3, sources=[SOURCE]))
    (source,) = ModelPackage(model).description.sources
    assert (source.title, source.patients, source.stages) == ("LiTS", 2, ("liver", "tumor"))


def test_text_that_is_no_json_is_refused(model: Path) -> None:
    (model / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"random/model\.json is not valid JSON"):
        ModelPackage(model)


def test_format_3_says_intensities_relative_to_the_liver(model: Path) -> None:
    def relative(values: dict[str, Any]) -> None:
        values["format"] = 3
        values["stages"][1]["intensity"] = {"liver_window_hu": [-150, 250], "liver_erosion_mm": 5}

    change_description(model, relative)
    intensity = ModelPackage(model).description.tumor_stage.intensity
    assert (intensity.liver_window_hu, intensity.liver_erosion_mm) == ((-150.0, 250.0), 5.0)


def test_models_of_format_2_are_read_as_before(model: Path) -> None:
    description = ModelPackage(model).description
    assert description.format == 2
    assert description.tumor_stage.intensity.window_hu == (-70.0, 180.0)


def candidate_network() -> dict:
    return {
        "network": "candidate_net",
        "arguments": {},
        "weights": "candidates.safetensors",
        "sha256": "0" * 64,
    }


def test_format_6_gives_it_with_a_network(model: Path) -> None:
    curve = replace(by_size(20.0).curves[0], feature="network_logit")
    told = {
        "format": 6,
        "candidates": asdict(replace(by_size(20.0), curves=(curve,))),
        "candidate_network": candidate_network(),
    }
    change_description(model, lambda values: values.update(told))
    package = ModelPackage(model)
    assert package.description.checksums["candidates"] == "0" * 64
    assert "candidates.safetensors" in package.files()
    for wrong, message in (
        ({"format": 5}, "format 5 knows no candidate_network: a model with it has format 6"),
        ({"candidates": asdict(by_size(20.0))}, "candidate_network are given together or not at all"),
        ({"candidate_network": None}, "candidate_network are given together or not at all"),
        (
            {"candidate_network": {**candidate_network(), "weights": "tumor.safetensors"}},
            "two networks share a file of weights",
        ),
        (
            {"candidate_network": {**candidate_network(), "network": "unet3d"}},
            "candidate_network: its network must be 'candidate_net' or 'candidate_ensemble', got 'unet3d'",
        ),
        (
            {"candidate_network": {**candidate_network(), "arguments": {"in_channels": 3}}},
            "candidate_network: its network takes width, dropout, got",
        ),
        (
            {"candidate_network": {**candidate_network(), "arguments": {"members": 3}}},
            "candidate_network: its network takes width, dropout, got",
        ),
        ({"candidate_network": {**candidate_network(), "sha256": "0"}}, "candidate_network: sha256 must be"),
    ):
        change_description(model, lambda values, wrong=wrong: values.update({**told, **wrong}))
        with pytest.raises(ModelError, match=message):
            ModelPackage(model)


def test_format_4_gives_a_lesion_probability(model: Path) -> None:
    classifier = by_size(20.0, averaging="flips")
    assert ModelPackage(model).description.candidates is None
    change_description(model, lambda values: values.update(format=4, candidates=asdict(classifier)))
    assert ModelPackage(model).description.candidates == classifier
