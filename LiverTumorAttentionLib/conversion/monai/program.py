"""MONAI as one of the programs that `models add` knows: bundles recognized, asked about, converted."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.conversion.checkpoints import read_checkpoint
from LiverTumorAttentionLib.conversion.description import imported_description
from LiverTumorAttentionLib.conversion.meanings import guessed_meaning, guessed_phase, meanings_of, phases_of
from LiverTumorAttentionLib.conversion.monai.bundle import bundle_folder
from LiverTumorAttentionLib.conversion.monai.convert import (
    PLACES,
    TWICE,
    WEIGHTS_FILE,
    checked_weights,
    monai_block,
    network_arguments,
)
from LiverTumorAttentionLib.conversion.monai.reading import MonaiModel
from LiverTumorAttentionLib.conversion.questions import ChannelQuestion, ImportQuestions, LabelQuestion
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.limits import LONGEST_NAME
from LiverTumorAttentionLib.models.model_files import ModelFiles
from LiverTumorAttentionLib.networks.imported.monai_network import check_packages
from LiverTumorAttentionLib.progress import Progress

USUAL = "RAS"
"""The orientation that bundles ask for where they ask for one."""
_TRAININGS = ("configuration", "folds", "checkpoint")
"""Answers that are about the trainings of nnU-Net."""


class Monai:
    """Models that were made with MONAI, as bundles."""

    name = "MONAI"
    marks = "configs/inference.json beside models/model.pt"

    def recognizes(self, files: ModelFiles) -> bool:
        """Return whether the files are a bundle."""
        return bundle_folder(files) is not None

    def questions(self, files: ModelFiles, answers: ImportAnswers) -> ImportQuestions:
        """Return what the bundle leaves open, with guesses. Raises `ModelError` where it is not understood."""
        model = MonaiModel.read(files)
        return ImportQuestions(
            program=self.name,
            title=answers.title or model.title,
            channels=tuple(
                ChannelQuestion(number=number, name=name, phase=guessed_phase(name, len(model.channels)))
                for number, name in enumerate(model.channels)
            ),
            labels=tuple(
                LabelQuestion(name=name, meaning=guessed_meaning(name)) for name in model.label_names
            ),
            orientation=model.before.orientation or USUAL,
            orientation_known=model.before.orientation is not None,
        )

    def convert(self, files: ModelFiles, answers: ImportAnswers, folder: Path, progress: Progress) -> None:
        """Write the model in this program's format into an empty folder.

        Raises `ModelError`, which asks or says what is not understood or not installed, and `Cancelled`.
        """
        import hashlib

        import safetensors.torch

        for name in _TRAININGS:
            if getattr(answers, name):
                raise ModelError(f"a bundle of MONAI is one training: leave out {name}")
        model = MonaiModel.read(files)
        check_packages(model.network.architecture)
        phases = phases_of(dict(enumerate(model.channels)), answers.channels)
        outputs = _outputs(model, answers)
        orientation = _orientation(model, answers)
        progress.update(0.1, "reading the weights")
        weights = checked_weights(model, _tensors(model))
        content = safetensors.torch.save({name: weights[name].contiguous() for name in sorted(weights)})
        (folder / WEIGHTS_FILE).write_bytes(content)
        title = (answers.title or model.title)[:LONGEST_NAME]
        stage: dict[str, Any] = {
            "network": "monai",
            "arguments": network_arguments(model),
            "weights": WEIGHTS_FILE,
            "sha256": hashlib.sha256(content).hexdigest(),
            "monai": monai_block(model, phases),
            "outputs": outputs,
            "activation": model.after.activation,
            "orientation": orientation,
        }
        values = imported_description(
            stage,
            phases,
            program=self.name,
            id=answers.id or _id(title),
            title=title,
            data_set=str(model.bundle.metadata.get("data_source") or "data that the bundle does not name")[
                :300
            ],
            cases=None,
            licence=None,
            reference=model.bundle.metadata.get("authors"),
            training=model.about,
        )
        values["licence"] = model.licence
        (folder / "model.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        progress.update(1.0)


def _outputs(model: MonaiModel, answers: ImportAnswers) -> list[dict[str, Any]]:
    """Return the outputs as model.json has them. Raises `ModelError`, which may ask."""
    meanings = meanings_of(model.label_names, answers.labels)
    values = range(len(model.outputs)) if model.has_background else range(1, len(model.outputs) + 1)
    outputs = []
    for value, name in zip(values, model.outputs, strict=True):
        meaning = meanings.get(name, "background")
        outputs.append({"name": name, "meaning": "other" if meaning == "ignore" else meaning, "value": value})
    return outputs


def _orientation(model: MonaiModel, answers: ImportAnswers) -> str:
    """Return the orientation in which the network is run. Raises `ModelError`, which asks, where it is not known."""
    known = model.before.orientation
    if known is None and answers.orientation is None:
        raise ModelError(
            f"{model.bundle.config.where} does not say how volumes lie when the network is given them (it has no "
            "Orientationd), and a wrong guess mirrors the liver: say it with --orientation RAS (most public NIfTI "
            "data) or LPS (written from DICOM by SimpleITK, 3D Slicer or ITK-SNAP)"
        )
    return known or str(answers.orientation)


def _tensors(model: MonaiModel) -> Any:
    """Return the tensors of a bundle's checkpoint, read from a copy in a child process. Raises `ModelError`."""
    with tempfile.TemporaryDirectory(prefix="liver-tumor-attention-") as temporary:
        path = Path(temporary) / "copy"
        model.bundle.files.copy(model.weights, path)
        where = f"{model.bundle.name}/{model.weights}"
        return read_checkpoint(path, where, tensors=PLACES, facts={}, leave_out=TWICE).tensors


def _id(title: str) -> str:
    words = re.findall(r"[a-z0-9.]+", title.lower())
    return "-".join(words).strip("-.")[:LONGEST_NAME] or "monai"
