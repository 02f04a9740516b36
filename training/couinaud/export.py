"""From a run of the network of segments to its model folder: model.json and weights in half precision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch

from LiverTumorAttentionLib.io.atomic_write import making_folder
from LiverTumorAttentionLib.models.couinaud_model import CouinaudDescription
from training.runs.checkpoint import read_weights
from training.runs.run_folder import BEST, read_run_file

KIND = CouinaudDescription.KIND
LICENCE = "CC-BY-SA-4.0"
SOURCES = (
    {
        "title": "Couinaud segments of livers of LiTS (Medical Segmentation Decathlon, Task03), by their annotators",
        "licence": LICENCE,
        "attribution": "Bilic et al., The Liver Tumor Segmentation Benchmark; Antonelli et al., The Medical "
        "Segmentation Decathlon",
        "prefix": "LiTS-",
    },
    {
        "title": "Couinaud segments of livers of the Medical Segmentation Decathlon, Task08",
        "licence": LICENCE,
        "attribution": "Antonelli et al., The Medical Segmentation Decathlon",
        "prefix": "MSD-",
    },
)
KNOWN_FAILURES = (
    "livers after a resection, and livers of which a part lies outside of the volume: it shares out what it sees",
    "variants of the vessels, which the shape does not show; borders between segments may be off by centimeters",
    "livers that lie mirrored (situs inversus): none was trained on",
)


def export(run: Path, output: Path, scores: Mapping[str, Any] | None = None, version: str = "1") -> None:
    """Write the model of a run to a folder, whole or not at all. Raises `InputError` and `OutputError`."""
    values = read_run_file(run)
    weights, about = read_weights(run / BEST)
    content = safetensors.torch.save(
        {name: (t.half() if t.is_floating_point() else t).contiguous() for name, t in weights.items()}
    )
    names = [*values["cases"]["training"], *values["cases"]["validation"]]
    sources = []
    for source in SOURCES:
        count = sum(name.startswith(source["prefix"]) for name in names)
        if count:
            told = {key: value for key, value in source.items() if key != "prefix"}
            sources.append({**told, "stages": [KIND], "patients": count, "cases": count, "slices": 0})
    description = {
        "kind": KIND,
        "format": CouinaudDescription.FORMAT,
        "id": KIND,
        "title": "Couinaud segments from the liver's shape and vessels",
        "version": version,
        "licence": LICENCE,
        "statement": "a proposal, trained on label maps of real livers, not for clinical use",
        "intended_use": "Research: a first proposal of the segments, for a reader to correct. It was not tested for "
        "decisions about patients and must not guide any.",
        "network": values["network"],
        "arguments": values["arguments"],
        "size_zyx": values["grid"]["size_zyx"],
        "liver_voxels": values["grid"]["liver_voxels"],
        "weights": f"{KIND}.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "training": {
            "command": "python -m training segments",
            "step": about["step"],
            "seed": values["seed"],
            "epochs": values["schedule"]["epochs"],
            "cases": len(values["cases"]["training"]),
            "choosing": len(values["cases"]["validation"]),
        },
        "scores": dict(scores or {}),
        "sources": sources,
        "known_failures": list(KNOWN_FAILURES),
    }
    with making_folder(output, name="model", parents=True) as folder:
        (folder / f"{KIND}.safetensors").write_bytes(content)
        text = json.dumps(description, indent=1, ensure_ascii=False)
        (folder / "model.json").write_text(text + "\n", encoding="utf-8")
        (folder / "README.md").write_text(_card(description), encoding="utf-8")


def _card(description: Mapping[str, Any]) -> str:
    """Return what lies beside the weights in words."""
    told = description["training"]
    lines = [
        f"# {description['title']}",
        "",
        f"Version {description['version']}: {description['statement']}. {description['intended_use']}",
        "",
        f"Trained by `{told['command']}` on {told['cases']} livers, {told['choosing']} more chose among the "
        "checkpoints. Measured: `training/results/segments`.",
        "",
        "Made from:",
        "",
        *(
            f"- {each['title']}: {each['cases']} livers. {each['licence']}. {each['attribution']}."
            for each in description["sources"]
        ),
        "",
        "Known failures:",
        "",
        *(f"- {text}" for text in description["known_failures"]),
        "",
        f"The weights (`*.safetensors` and `model.json`) are published under {description['licence']}; the code of "
        "LiverTumorAttention is licensed under Apache-2.0.",
    ]
    return "\n".join(lines) + "\n"
