"""Models of nnU-Net as one of the programs that `models add` knows: recognized, asked about, converted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.config_parsing import from_mapping, shown
from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.conversion.checkpoints import Checkpoint, read_checkpoint, read_plain_pickle
from LiverTumorAttentionLib.conversion.description import imported_description
from LiverTumorAttentionLib.conversion.meanings import guessed_meaning, guessed_phase, phases_of
from LiverTumorAttentionLib.conversion.nnunet import parameter_names, version1, version2
from LiverTumorAttentionLib.conversion.nnunet.labels import Labels, classes, labels_of
from LiverTumorAttentionLib.conversion.nnunet.orientation import USUAL, known_orientation, orientation_of
from LiverTumorAttentionLib.conversion.nnunet.trainers import CASCADE_1, changes_of
from LiverTumorAttentionLib.conversion.nnunet.trainings import (
    CHECKPOINTS,
    DATA_SET_FILE,
    PLANS,
    Training,
    chosen_training,
    planned_alone,
    training_before,
    trainings,
)
from LiverTumorAttentionLib.conversion.questions import ChannelQuestion, ImportQuestions, LabelQuestion
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.limits import LONGEST_NAME
from LiverTumorAttentionLib.models.model_files import LARGEST_TEXT_BYTES, ModelFiles
from LiverTumorAttentionLib.models.nnunet_settings import NetworkPass
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import MIB, reason

if TYPE_CHECKING:
    import torch

LARGEST_CHECKPOINT_BYTES = 8 * 1024 * MIB
"""With the optimizer's state, which takes twice as much as the weights."""
_TWICE = r"decoder\.encoder\.|.*\.all_modules\."
"""Parameters that a checkpoint of version 2 holds under a second name."""


@dataclass(frozen=True, kw_only=True)
class _Source:
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
    def reader(self) -> str:
        """What read its training data; version 1 knew one reader."""
        return (
            str(self.plans.get("image_reader_writer", "SimpleITKIO"))
            if self.training.version == 2
            else "SimpleITKIO"
        )


@dataclass(frozen=True, kw_only=True)
class _Network:
    """A converted network: its part of model.json, and its weights by file name."""

    name: str
    arguments: dict[str, Any]
    run: dict[str, Any]
    files: tuple[dict[str, str], ...]
    previous: str | None
    facts: Mapping[str, Any]


class NNUNet:
    """Models of one version of nnU-Net."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.name = f"nnU-Net {version}"
        self.marks = f"{PLANS[version]} beside fold_0"

    def recognizes(self, files: ModelFiles) -> bool:
        """Return whether the files are those of a training, or of several, with weights or without."""
        return bool(trainings(files, self.version)) or planned_alone(files, self.version) is not None

    def _trainings(self, files: ModelFiles) -> list[Training]:
        """Return the trainings among files. Raises `ModelError` where there are plans alone."""
        found = trainings(files, self.version)
        if not found:
            where = f"{files.path.name}/{planned_alone(files, self.version) or ''}".rstrip("/")
            names = " or ".join(CHECKPOINTS[self.version].values())
            raise ModelError(
                f"{where} has {PLANS[self.version]}, and no weights beside it (fold_0 with {names}): give the whole "
                "result folder of a training that has ended"
            )
        return found

    def questions(self, files: ModelFiles, answers: ImportAnswers) -> ImportQuestions:
        """Return what the model leaves open, with guesses. Raises `ModelError` where it cannot be read."""
        found = self._trainings(files)
        names = tuple(each.configuration or each.place.rstrip("/") for each in found)
        if len(found) > 1 and answers.configuration is None:
            preferred = next(
                (name for name in ("3d_cascade_fullres", "3d_fullres") if name in names), names[0]
            )
            answers = replace(answers, configuration=preferred)
        source = _read(chosen_training(found, answers))
        known = known_orientation(source.reader, source.data_set)
        return ImportQuestions(
            program=self.name,
            title=_title(source, answers),
            channels=tuple(
                ChannelQuestion(number=number, name=name, phase=guessed_phase(name, len(source.channels)))
                for number, name in sorted(source.channels.items())
            ),
            labels=tuple(
                LabelQuestion(name=name, meaning=guessed_meaning(name)) for name in source.labels.names
            ),
            orientation=known or USUAL,
            orientation_known=known is not None,
            configurations=names,
            configuration=answers.configuration or names[0],
            folds=tuple(source.training.checkpoints),
        )

    def convert(self, files: ModelFiles, answers: ImportAnswers, folder: Path, progress: Progress) -> None:
        """Write the model in this program's format into an empty folder.

        Raises `ModelError`, which asks or says what cannot be read or is not known, and `Cancelled`.
        """
        found = self._trainings(files)
        source = _read(chosen_training(found, answers))
        phases = phases_of(source.channels, answers.channels)
        outputs, activation = source.labels.described(answers.labels)
        orientation = orientation_of(source.reader, source.data_set, answers)
        network = _converted(source, phases, answers, folder, "", progress.part(0.0, 0.7))
        nnunet: dict[str, Any] = {
            "transposition": source.plans.get("transpose_forward", [0, 1, 2]),
            "run": network.run,
        }
        if network.previous is not None:
            before = _read(training_before(found, source.training, network.previous))
            first = _converted(
                before, phases, replace(answers, folds=()), folder, "previous-", progress.part(0.7, 1.0)
            )
            nnunet["previous"] = {
                "network": first.name,
                "arguments": first.arguments,
                **first.files[0],
                "ensemble": list(first.files[1:]),
                "run": first.run,
            }
        stage = {
            "network": network.name,
            "arguments": network.arguments,
            **network.files[0],
            "ensemble": list(network.files[1:]),
            "nnunet": nnunet,
            "outputs": outputs,
            "activation": activation,
            "orientation": orientation,
        }
        title = _title(source, answers)
        values = imported_description(
            stage,
            phases,
            program=self.name,
            id=answers.id or _id(title),
            title=title,
            data_set=source.data_set or "a data set without a name",
            cases=source.description.get("numTraining"),
            licence=source.description.get("licence") or source.description.get("license"),
            reference=source.description.get("reference"),
            training={**network.facts, "orientation_of_training_data": orientation},
        )
        (folder / "model.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        progress.update(1.0)


def _read(training: Training) -> _Source:
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
        return _Source(training=training, plans=plans, description=described, channels=names, labels=labels)
    with _on_disk(files, PLANS[1]) as path:
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
    return _Source(training=training, plans=plans, description=described, channels=channels_1, labels=labels)


def _converted(
    source: _Source,
    phases: tuple[str, ...],
    answers: ImportAnswers,
    folder: Path,
    prefix: str,
    progress: Progress,
) -> _Network:
    """Write the weights of a training's network and return it. Raises `ModelError`, `Cancelled`."""
    chosen = source.training.chosen(answers)
    _check_plans(source, phases)
    made: _Network | None = None
    files: list[dict[str, str]] = []
    for number, (fold, name) in enumerate(chosen):
        progress.update(number / len(chosen), f"reading fold {fold}")
        where = f"{source.training.where}/{name}"
        checkpoint = _checkpoint(source.training, name, where)
        plan = _planned(source, phases, checkpoint, where)
        if made is not None and (plan.name, plan.arguments, plan.run) != (
            made.name,
            made.arguments,
            made.run,
        ):
            raise ModelError(f"{where} was trained otherwise than the fold before it: choose one with --fold")
        weights = _fitting(source.training.version, plan, checkpoint.tensors, where)
        files.append(_written(folder, f"{prefix}fold-{fold}.safetensors", weights))
        made = made or plan
    if made is None:
        raise ModelError(f"{source.training.where} has no weights: give the whole folder")
    progress.update(1.0)
    facts = {**made.facts, "folds": [fold for fold, _ in chosen]}
    return replace(made, files=tuple(files), facts=facts)


def _check_plans(source: _Source, phases: tuple[str, ...]) -> None:
    """Raise `ModelError` for plans that are not known, before checkpoints of gigabytes are read.

    A checkpoint of version 2 names trainer and configuration itself; what the folder's name says is enough here.
    """
    training = source.training
    if training.version == 2 and not (training.trainer and training.configuration):
        return
    facts = {"trainer": training.trainer, "configuration": training.configuration}
    plan = _planned(
        source,
        phases,
        Checkpoint(tensors={}, facts={**facts, "mirror_axes": None, "epochs": None}),
        training.where,
    )
    try:
        from_mapping(NetworkPass, plan.run, where=source.where, error=ModelError)
    except ModelError as error:
        raise ModelError(str(error).replace("model.json", source.where)) from error


def _planned(source: _Source, phases: tuple[str, ...], checkpoint: Checkpoint, where: str) -> _Network:
    """Return the network of a checkpoint as it is planned, without files. Raises `ModelError`."""
    plans, facts = source.plans, checkpoint.facts
    if source.training.version == 2:
        trainer = facts["trainer"]
        changes = changes_of(trainer, 2, where)
        name = facts["configuration"] or source.training.configuration
        configuration = version2.configuration_of(plans, name, source.where)
        architecture = version2.architecture_of(configuration, source.where)
        run = version2.run_of(configuration, plans, name, phases, facts["mirror_axes"], source.where)
        previous = configuration.get("previous_stage")
    else:
        trainer = source.training.trainer
        changes = changes_of(trainer, 1, source.training.where)
        stage = version1.stage_of(plans, source.training.configuration, source.where)
        architecture = version1.architecture_of(plans, stage, source.where)
        run = version1.run_of(
            plans,
            stage,
            source.training.configuration,
            phases,
            source.where,
            mirrored=changes.mirrored,
        )
        previous = "3d_lowres" if trainer.startswith(CASCADE_1) else None
    if any(side % step for side, step in zip(run["patch"], architecture.stride, strict=True)):
        raise ModelError(
            f"{source.where}: the patch {shown(run['patch'])} is no multiple of the network's strides "
            f"{architecture.stride}: get the model again with its own plans"
        )
    channels = len(phases) + (source.labels.foreground if previous is not None else 0)
    return _Network(
        name=architecture.network,
        arguments={
            "in_channels": channels,
            "classes": source.labels.outputs,
            **changes.applied(architecture.arguments),
        },
        run=run,
        files=(),
        previous=previous if isinstance(previous, str) else None,
        facts={
            "program": f"nnU-Net {source.training.version}",
            "trainer": trainer,
            "plans": str(plans.get("plans_name", "")),
            "configuration": run["configuration"],
            "epochs": facts["epochs"],
        },
    )


def _checkpoint(training: Training, name: str, where: str) -> Checkpoint:
    with _on_disk(training.files, name) as path:
        if training.version == 2:
            return read_checkpoint(
                path,
                where,
                tensors=[("network_weights",)],
                facts={
                    "trainer": ("trainer_name",),
                    "configuration": ("init_args", "configuration"),
                    "mirror_axes": ("inference_allowed_mirroring_axes",),
                    "epochs": ("current_epoch",),
                },
                leave_out=_TWICE,
            )
        return read_checkpoint(path, where, tensors=[("state_dict",)], facts={"epochs": ("epoch",)})


def _fitting(
    version: int, plan: _Network, tensors: Mapping[str, torch.Tensor], where: str
) -> dict[str, torch.Tensor]:
    """Return the weights under our names. Raises `ModelError` where they are not those of the planned network."""
    from LiverTumorAttentionLib.networks import build_network

    depth = len(plan.arguments["features"])
    rename = parameter_names.names_of_version_2 if version == 2 else parameter_names.names_of_version_1
    renamed = {ours: tensors[theirs] for theirs, ours in rename(tensors, depth).items()}
    most = sum(tensor.numel() for tensor in renamed.values())
    try:
        wanted = build_network(plan.name, most_parameters=most, **plan.arguments).state_dict()
    except ModelError as error:
        why = "it has fewer parameters" if "more than" in str(error) else reason(error)[:200]
        raise _other_network(where, why) from error
    differing = sorted(wanted.keys() ^ renamed.keys())
    differing += [
        name for name in wanted.keys() & renamed.keys() if wanted[name].shape != renamed[name].shape
    ]
    if differing:
        raise _other_network(where, f"{len(differing)} parameters differ, the first is {differing[0]}")
    return {name: tensor.float() for name, tensor in renamed.items()}


def _other_network(where: str, why: str) -> ModelError:
    return ModelError(
        f"{where} does not hold the network that the plans beside it describe ({why}): get plans and weights of one "
        "training"
    )


def _written(folder: Path, name: str, weights: Mapping[str, torch.Tensor]) -> dict[str, str]:
    import safetensors.torch

    content = safetensors.torch.save({key: weights[key].contiguous() for key in sorted(weights)})
    (folder / name).write_bytes(content)
    return {"weights": name, "sha256": hashlib.sha256(content).hexdigest()}


@contextlib.contextmanager
def _on_disk(files: ModelFiles, name: str) -> Iterator[Path]:
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


def _title(source: _Source, answers: ImportAnswers) -> str:
    configuration = source.training.configuration or answers.configuration or ""
    name = source.data_set or source.training.parts[-1]
    return answers.title or f"{name} {configuration}".strip()[:LONGEST_NAME]


def _id(title: str) -> str:
    words = re.findall(r"[a-z0-9.]+", title.lower())
    return "-".join(words).strip("-.")[:LONGEST_NAME] or "nnunet"
