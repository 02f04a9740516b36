"""The network that plans of nnU-Net describe: its arguments and its run, and the weights that fit it, converted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.config_parsing import from_mapping, shown
from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.conversion.checkpoints import Checkpoint, read_checkpoint
from LiverTumorAttentionLib.conversion.nnunet import parameter_names, version1, version2
from LiverTumorAttentionLib.conversion.nnunet.source import Source, on_disk
from LiverTumorAttentionLib.conversion.nnunet.trainers import CASCADE_1, changes_of
from LiverTumorAttentionLib.conversion.nnunet.trainings import Training
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.nnunet_settings import NetworkPass
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import reason

if TYPE_CHECKING:
    import torch

_TWICE = r"decoder\.encoder\.|.*\.all_modules\."
"""Parameters that a checkpoint of version 2 holds under a second name."""


@dataclass(frozen=True, kw_only=True)
class PlannedNetwork:
    """A network as plans describe it, and once it is converted, the files of its weights."""

    name: str
    """Of the network in our registry."""
    arguments: dict[str, Any]
    """Of the network."""
    run: dict[str, Any]
    """How it runs over a volume, as `NetworkPass` reads it."""
    files: tuple[dict[str, str], ...]
    """File name and checksum of each fold's weights; none before it is converted."""
    previous: str | None
    """Configuration that runs before it, in a cascade."""
    facts: Mapping[str, Any]
    """Of its training, for the model's description."""


def convert_network(
    source: Source,
    phases: tuple[str, ...],
    answers: ImportAnswers,
    folder: Path,
    prefix: str,
    progress: Progress,
) -> PlannedNetwork:
    """Write the weights of a training's network and return it. Raises `ModelError`, `Cancelled`.

    phases: of the channels, in their order. folder: where the files of weights go, with `prefix` before their names.
    """
    chosen = source.training.chosen(answers)
    _check_plans(source, phases)
    made: PlannedNetwork | None = None
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


def _check_plans(source: Source, phases: tuple[str, ...]) -> None:
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


def _planned(source: Source, phases: tuple[str, ...], checkpoint: Checkpoint, where: str) -> PlannedNetwork:
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
    return PlannedNetwork(
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
    with on_disk(training.files, name) as path:
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
    version: int, plan: PlannedNetwork, tensors: Mapping[str, torch.Tensor], where: str
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
