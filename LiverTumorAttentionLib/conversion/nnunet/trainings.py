"""Trainings of nnU-Net among the files of a folder or a zip: where their plans and checkpoints lie."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from LiverTumorAttentionLib.config_parsing import nearest, shown
from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.conversion.nnunet.trainers import BEFORE_1
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.model_files import ModelFiles

CHECKPOINTS = {
    2: {"final": "checkpoint_final.pth", "best": "checkpoint_best.pth"},
    1: {"final": "model_final_checkpoint.model", "best": "model_best.model"},
}
PLANS = {2: "plans.json", 1: "plans.pkl"}
DATA_SET_FILE = "dataset.json"
CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres")


@dataclass(frozen=True, kw_only=True)
class Training:
    """The result folder of one configuration."""

    version: int
    """1 or 2, of nnU-Net."""
    files: ModelFiles
    """Its files."""
    place: str
    """Its folder within what the user gave: "" or "…/"."""
    checkpoints: dict[str, dict[str, str]]
    """{fold: {"final" or "best": file name}}."""
    trainer_told: str = ""
    """Name of the trainer where the folder does not have it, as its own files say."""
    configuration_told: str = ""
    """Name of the configuration likewise, or as the user says."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders that lead to it, its own last."""
        path = self.files.path.absolute()
        given = path if self.files.is_folder else path.with_suffix("")  # a folder's name may end in "v2.1"
        return (*given.parts, *PurePosixPath(self.place).parts)

    @property
    def trainer(self) -> str:
        """Name of the trainer, as the folder has it or as it is told; "" where nothing says it."""
        return self.parts[-1].split("__")[0] if "__" in self.parts[-1] else self.trainer_told

    @property
    def configuration(self) -> str:
        """Name of the configuration, as the folders have it or as it is told; "" where nothing says it."""
        return self.configuration_of_folders or self.configuration_told

    @property
    def configuration_of_folders(self) -> str:
        """Name of the configuration, as the folders have it; "" where they are called otherwise."""
        named = self.parts[-1].split("__")
        if self.version == 2:
            return named[2] if len(named) == 3 else ""
        return next((part for part in reversed(self.parts) if part in CONFIGURATIONS), "")

    @property
    def data_set(self) -> str:
        """Name of the data set, as the folders have it; "" where they are called otherwise."""
        return next((p for p in reversed(self.parts) if re.match(r"(Dataset|Task)\d+_.", p)), "")

    def chosen(self, answers: ImportAnswers) -> list[tuple[str, str]]:
        """Return fold and checkpoint file of the networks that are averaged. Raises `ModelError` for a missing one.

        A network that was trained on all cases is no fold: as in nnU-Net, it is taken where it is alone or asked for.
        """
        kinds = (answers.checkpoint,) if answers.checkpoint else ("final", "best")
        for fold in answers.folds:
            if fold not in self.checkpoints:
                there = ", ".join(self.checkpoints) or "none"
                raise ModelError(
                    f"fold {shown(fold)} has no weights in {self.where}; there are {there}: give one of these"
                )
        numbered = tuple(fold for fold in self.checkpoints if fold.isdecimal())
        folds = answers.folds or numbered or tuple(self.checkpoints)
        for kind in kinds:
            found = [(fold, self.checkpoints[fold][kind]) for fold in folds if kind in self.checkpoints[fold]]
            if found and (len(found) == len(folds) or not answers.folds):
                return found
        wanted = CHECKPOINTS[self.version][kinds[0]]
        raise ModelError(
            f"{self.where} has no {wanted} in {'each fold' if answers.folds else 'any fold'}: give the whole result "
            "folder of a training that has ended, or choose with --fold and --checkpoint"
        )

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"{self.files.path.name}/{self.place}".rstrip("/")


def trainings(files: ModelFiles, version: int) -> list[Training]:
    """Return the trainings of one version among files, in the order of their names."""
    names = files.names()
    found = []
    for name in names:
        place, _, base = name.rpartition("/")
        if base != PLANS[version]:
            continue
        prefix = f"{place}/" if place else ""
        checkpoints: dict[str, dict[str, str]] = {}
        for other in names:
            fold = re.fullmatch(re.escape(prefix) + r"(?:fold_)?(\w+)/([\w.]+)", other)
            if fold is None:
                continue
            for kind, file in CHECKPOINTS[version].items():
                if fold[2] == file:
                    checkpoints.setdefault(fold[1], {})[kind] = other[len(prefix) :]
        if checkpoints:
            found.append(
                Training(version=version, files=files.folder(prefix), place=prefix, checkpoints=checkpoints)
            )
    return found


def planned_alone(files: ModelFiles, version: int) -> str | None:
    """Return the folder of plans beside which no weights lie, "" for the one that was given; None without any."""
    names = set(files.names())
    for name in sorted(names):
        place, _, base = name.rpartition("/")
        beside = f"{place}/{DATA_SET_FILE}" if place else DATA_SET_FILE
        if base == PLANS[version] and (version == 1 or beside in names):
            return place
    return None


def chosen_training(found: list[Training], answers: ImportAnswers) -> Training:
    """Return the training to convert. Raises `ModelError`, which asks, where several could be meant."""
    names = [each.configuration or each.place.rstrip("/") for each in found]
    wanted = answers.configuration
    if wanted is None and len(found) > 1:
        raise ModelError(
            f"{found[0].files.path} holds {len(found)} trainings ({', '.join(names)}): say which with --configuration "
            f"{names[0]}"
        )
    if wanted in CONFIGURATIONS and len(found) == 1 and found[0].version == 1 and not found[0].configuration:
        return replace(found[0], configuration_told=wanted)
    fitting = [each for each, name in zip(found, names, strict=True) if wanted in (None, name)]
    if not fitting:
        raise ModelError(
            f"there is no training of the configuration {shown(wanted)}{nearest(wanted or '', names)}"
        )
    if len(fitting) > 1:
        raise ModelError(
            f"{found[0].files.path} holds {len(fitting)} trainings of {wanted} ({fitting[0].place}, "
            f"{fitting[1].place}): give the folder of one of them"
        )
    return fitting[0]


def training_before(found: list[Training], training: Training, configuration: str) -> Training:
    """Return the training whose labels the one of a cascade needs. Raises `ModelError` where it is not there.

    It is looked for among `found`, and beside the folder that the user gave: version 2 keeps the configurations of a
    data set side by side, version 1 has a folder of data sets for each configuration.
    """
    *_, task, own = training.parts
    if training.version == 2:
        wanted: tuple[str, ...] = ("__".join((*own.split("__")[:2], configuration)),)
    else:
        wanted = (configuration, task, "__".join((BEFORE_1, *own.split("__")[1:])))
    around = list(found)
    if not training.place and training.files.is_folder:
        beside = training.files.path.absolute().parents[len(wanted) - 1].joinpath(*wanted)
        if beside.is_dir():
            around += trainings(ModelFiles(beside), training.version)
    for each in around:
        if each.parts[-len(wanted) :] == wanted:
            return each
    raise ModelError(
        f"{training.where} is the second network of a cascade, and the first ({'/'.join(wanted)}) is not beside it: "
        "give the folder or the zip that holds both"
    )
