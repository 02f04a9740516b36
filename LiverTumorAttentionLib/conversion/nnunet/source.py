"""A training of nnU-Net with what its plans and its data set's description say of it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.conversion.checkpoints import read_plain_pickle
from LiverTumorAttentionLib.conversion.nnunet import version1
from LiverTumorAttentionLib.conversion.nnunet.labels import Labels, classes, labels_of
from LiverTumorAttentionLib.conversion.nnunet.trainings import DATA_SET_FILE, PLANS, Training
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.model_files import LARGEST_TEXT_BYTES, ModelFiles
from LiverTumorAttentionLib.regular_file import MIB, reason

LARGEST_CHECKPOINT_BYTES = 8 * 1024 * MIB
"""With the optimizer's state, which takes twice as much as the weights."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A training with its plans."""

    training: Training
    plans: Mapping[str, Any]
    description: Mapping[str, Any]
    """Of the data set; empty where version 1 has none."""
    channels: Mapping[int, str]
    """Names of the channels by number."""
    labels: Labels

    @property
    def where(self) -> str:
        """How messages call its plans."""
        return f"{self.training.where}/{PLANS[self.training.version]}"

    @property
    def data_set(self) -> str:
        """Name of the data set."""
        return str(
            self.plans.get("dataset_name") or self.training.data_set or self.description.get("name") or ""
        )

    @property
    def transposition(self) -> object:
        """Which of slices, rows and columns becomes the first, second and third axis."""
        if self.training.version == 1:
            return version1.transposition_of(self.plans)
        return self.plans.get("transpose_forward", [0, 1, 2])

    @property
    def reader(self) -> str:
        """What read its training data; version 1 knew one reader."""
        return (
            str(self.plans.get("image_reader_writer", "SimpleITKIO"))
            if self.training.version == 2
            else "SimpleITKIO"
        )


def read_source(training: Training) -> Source:
    """Return a training with its plans and data set. Raises `ModelError`."""
    files, where = training.files, training.where
    described = _json(files, DATA_SET_FILE, where) if files.has(DATA_SET_FILE) else {}
    if training.version == 2:
        if not described:
            raise ModelError(
                f"{where} has no {DATA_SET_FILE}, which names channels and labels: give the whole folder"
            )
        channels = described.get("channel_names", described.get("modality"))
        if not isinstance(channels, Mapping) or not channels:
            raise ModelError(
                f"{where}/{DATA_SET_FILE} has no channel_names: get the model again with its own"
            )
        names = {number: str(channels.get(str(number), "")) for number in range(len(channels))}
        labels = labels_of(described, f"{where}/{DATA_SET_FILE}")
        plans = _json(files, PLANS[2], where)
        return Source(training=training, plans=plans, description=described, channels=names, labels=labels)
    with on_disk(files, PLANS[1]) as path:
        plans = read_plain_pickle(path, f"{where}/{PLANS[1]}", facts={"plans": ()})["plans"]
    if not isinstance(plans, Mapping):
        raise ModelError(f"{where}/{PLANS[1]} holds no plans, got {shown(plans)}: get the model again")
    numbers = plans.get(version1.CLASSES_OF)
    if described:
        labels = labels_of(described, f"{where}/{DATA_SET_FILE}")
    elif isinstance(numbers, list) and all(isinstance(number, int) for number in numbers):
        labels = classes({str(number): (number,) for number in numbers}, f"{where}/{PLANS[1]}")
    else:
        raise ModelError(f"{where}/{PLANS[1]} has no classes, got {shown(numbers)}: get the model again")
    channels_1 = version1.channel_names(plans, f"{where}/{PLANS[1]}")
    training = _as_told(training, plans)
    return Source(training=training, plans=plans, description=described, channels=channels_1, labels=labels)


def _as_told(training: Training, plans: Mapping[str, Any]) -> Training:
    """Return a training of version 1 with what the notes beside its weights say where its folders do not.

    Version 1 goes by these notes alone. Raises `ModelError` where they contradict what the training is said to be.
    """
    stages = plans.get("plans_per_stage")
    several = isinstance(stages, Mapping) and len(stages) > 1
    if training.trainer and (training.configuration_of_folders or not several):
        return training
    files = (f"{file}{version1.NOTES}" for each in training.checkpoints.values() for file in each.values())
    name = next((file for file in files if training.files.has(file)), None)
    if name is None:
        return training
    with on_disk(training.files, name) as path:
        told = read_plain_pickle(
            path, f"{training.where}/{name}", facts={"trainer": ("name",), "given": ("init",)}
        )
    trainer = training.trainer or str(told["trainer"] or "")
    configuration = version1.trained_configuration(trainer, told["given"], plans)
    if configuration and training.configuration not in ("", configuration):
        raise ModelError(
            f"{training.where} is called {training.configuration}, and its own files say {configuration}: give the "
            "folder as nnU-Net wrote it, or leave out --configuration"
        )
    return replace(
        training, trainer_told=trainer, configuration_told=configuration or training.configuration_told
    )


@contextlib.contextmanager
def on_disk(files: ModelFiles, name: str) -> Iterator[Path]:
    """Yield the path of a file that a child can read: a copy, so that what is checked is what is read."""
    files.size(name, most=LARGEST_CHECKPOINT_BYTES)
    with tempfile.TemporaryDirectory(prefix="liver-tumor-attention-") as folder:
        path = Path(folder) / "copy"
        files.copy(name, path, most=LARGEST_CHECKPOINT_BYTES)
        yield path


def _json(files: ModelFiles, name: str, where: str) -> dict[str, Any]:
    try:
        values = json_values(files.read(name, most=8 * LARGEST_TEXT_BYTES))
    except ValueError as error:
        raise ModelError(
            f"{where}/{name} is not valid JSON ({reason(error)}): get the model again"
        ) from error
    if not isinstance(values, dict):
        raise ModelError(f"{where}/{name} must have named fields, got {shown(values)}: get the model again")
    return values
