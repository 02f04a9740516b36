"""Trained stages as a model that the command line and 3D Slicer take."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.io.atomic_write import making_folder, replacing, replacing_all
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.card import LICENCE_FILE, README_FILE, licence_note, model_card
from LiverTumorAttentionLib.models.description import (
    CARD_FORMAT,
    ModelDescription,
    oldest_format,
    read_description,
)
from LiverTumorAttentionLib.models.stage_description import IntensitySettings
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from training.candidates.build import ClassifierFile, check_weights
from training.runs.weights_content import weights_content

LABELS = [
    {"value": 1, "name": "Liver", "scheme": "SCT", "code": "10200004", "meaning": "Liver"},
    {"value": 2, "name": "Tumor", "scheme": "SCT", "code": "4147007", "meaning": "Mass"},
]
NOT_CLINICAL = "not for clinical use"


@dataclass(frozen=True, kw_only=True)
class TrainedStage:
    """One stage of a model, trained."""

    description: Mapping[str, Any]
    """The stage as model.json has it, without the name and the checksum of its weights."""
    weights: Mapping[str, torch.Tensor]
    """Of its network, by parameter name."""

    @property
    def file(self) -> str:
        """Name of the file of weights."""
        return f"{self.description['name']}.safetensors"


def write_model(
    output: Path,
    stages: Sequence[TrainedStage],
    *,
    identity: Mapping[str, str],
    training: Mapping[str, Any],
    scores: Mapping[str, Any] | None = None,
    postprocessing: Mapping[str, float] | None = None,
    card: Mapping[str, Any] | None = None,
    candidates: ClassifierFile | None = None,
    candidate_weights: bytes = b"",
    half: bool = True,
) -> ModelDescription:
    """Write a model folder, or a .zip of one, and return its description: model.json, weights, card and licence note.

    identity: id, title, version, licence, statement and intended_use. training: where the weights come from. scores:
    what was measured. card: sources, never_seen and known_failures as model.json has them. postprocessing: its settings
    where they differ from the defaults. candidates: the classifier that gives the lesion probability, fitted on
    candidates of these weights. candidate_weights: the file of its network, where it has one. half: keep the weights in
    float16; they are run in the device's precision either way.
    Raises `ModelError` when the description or the weights would not be accepted, `OutputError` when it cannot be
    written; then nothing is.
    """
    if NOT_CLINICAL not in identity["statement"]:
        raise InputError(
            f"the statement must say {NOT_CLINICAL!r}, got {identity['statement']!r}: add it to the statement"
        )
    files = {stage.file: _weights(stage, half=half) for stage in stages}
    if candidates is not None:
        digests = [hashlib.sha256(files[stage.file]).hexdigest() for stage in stages]
        check_weights(candidates, digests, [stage.description for stage in stages])
    network = None if candidates is None else candidates.candidate_network
    if network is not None:
        files[network.weights] = candidate_weights
    told = {key: value for key, value in (card or {}).items() if value}
    oldest = oldest_format(
        (_intensity(stage) for stage in stages),
        candidates=candidates is not None,
        candidate_network=network is not None,
    )
    values = {
        "format": max(oldest, CARD_FORMAT if told else 0),
        **identity,
        "stages": [
            {
                **stage.description,
                "weights": stage.file,
                "sha256": hashlib.sha256(files[stage.file]).hexdigest(),
            }
            for stage in stages
        ],
        "labels": LABELS,
        "postprocessing": dict(postprocessing or {}),
        **({} if candidates is None else {"candidates": asdict(candidates.candidates)}),
        **({} if network is None else {"candidate_network": asdict(network)}),
        "training": dict(training),
        "scores": dict(scores or {}),
        **told,
    }
    from_mapping(PostprocessingSettings, values["postprocessing"], where="postprocessing")
    files[DESCRIPTION_FILE] = (json.dumps(values, indent=1) + "\n").encode()
    description = read_description(files[DESCRIPTION_FILE], where=DESCRIPTION_FILE)
    files[README_FILE] = model_card(description).encode()
    files[LICENCE_FILE] = licence_note(description).encode()
    write_files(output, description.id, files)
    return description


def weights_digests(stages: Sequence[TrainedStage], *, half: bool) -> list[str]:
    """Return the SHA-256 that the file of each stage's weights has in a model. half: as in `write_model`."""
    return [hashlib.sha256(_weights(stage, half=half)).hexdigest() for stage in stages]


def _intensity(stage: TrainedStage) -> IntensitySettings:
    return from_mapping(
        IntensitySettings, stage.description["intensity"], where="intensity", error=ModelError
    )


def _weights(stage: TrainedStage, *, half: bool) -> bytes:
    """Return a stage's weights as a file, once they were seen to fit its network."""
    return weights_content(
        stage.description["network"],
        stage.description["arguments"],
        stage.weights,
        f"the {stage.description['name']} stage",
        half=half,
    )


def check_new(output: Path) -> None:
    """Raise `InputError` where a model cannot be written because something is there; an empty folder may be."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is there already: name a new folder or .zip for the model")


def write_files(output: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write the files of a model into a new folder, or into a .zip with one folder of that name: all, or nothing."""
    if output.suffix == ".zip":
        _write_zip(output, name, files)
        return
    with (
        making_folder(output, name="model", parents=True),
        replacing_all([output / f for f in files], name="model") as parts,
    ):
        for file, content in files.items():
            parts[output / file].write_bytes(content)


def _write_zip(output: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write a zip with one folder; the same files give the same bytes."""
    with replacing(output, name="model") as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file, content in files.items():
            entry = zipfile.ZipInfo(f"{name}/{file}")  # dated 1980, so that nothing depends on the clock
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
