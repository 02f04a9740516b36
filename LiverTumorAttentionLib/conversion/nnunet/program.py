"""Models of nnU-Net as one of the programs that `models add` knows: recognized, asked about, converted."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.conversion.answers import ImportAnswers
from LiverTumorAttentionLib.conversion.description import imported_description
from LiverTumorAttentionLib.conversion.meanings import guessed_meaning, guessed_phase, phases_of
from LiverTumorAttentionLib.conversion.nnunet.orientation import USUAL, known_orientation, orientation_of
from LiverTumorAttentionLib.conversion.nnunet.planned_network import convert_network
from LiverTumorAttentionLib.conversion.nnunet.source import Source, read_source
from LiverTumorAttentionLib.conversion.nnunet.trainings import (
    CHECKPOINTS,
    PLANS,
    Training,
    chosen_training,
    planned_alone,
    training_before,
    trainings,
)
from LiverTumorAttentionLib.conversion.questions import ChannelQuestion, ImportQuestions, LabelQuestion
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.limits import LONGEST_NAME
from LiverTumorAttentionLib.models.model_files import ModelFiles
from LiverTumorAttentionLib.progress import Progress

POSTPROCESSING = "postprocessing.json"
"""What version 1 found to help after its networks, beside its plans; its predictor does it by itself."""


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
        source = read_source(chosen_training(found, answers))
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
        source = read_source(chosen_training(found, answers))
        phases = phases_of(source.channels, answers.channels)
        outputs, activation = source.labels.described(answers.labels)
        orientation = orientation_of(source.reader, source.data_set, answers)
        network = convert_network(source, phases, answers, folder, "", progress.part(0.0, 0.7))
        nnunet: dict[str, Any] = {
            "transposition": source.transposition,
            "run": network.run,
        }
        if network.previous is not None:
            before = read_source(training_before(found, source.training, network.previous))
            first = convert_network(
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
        values["known_failures"] += _not_done(source)
        (folder / "model.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        progress.update(1.0)


def _not_done(source: Source) -> list[str]:
    """Return what version 1's predictor does beyond this program, as known failures of the model."""
    files = source.training.files
    if source.training.version != 1 or not files.has(POSTPROCESSING):
        return []
    return [
        "nnU-Net 1 keeps the largest connected part alone of the labels that its postprocessing.json names; this "
        "program keeps all parts, so that it may find more"
    ]


def _title(source: Source, answers: ImportAnswers) -> str:
    configuration = source.training.configuration or answers.configuration or ""
    name = source.data_set or source.training.parts[-1]
    return answers.title or f"{name} {configuration}".strip()[:LONGEST_NAME]


def _id(title: str) -> str:
    words = re.findall(r"[a-z0-9.]+", title.lower())
    return "-".join(words).strip("-.")[:LONGEST_NAME] or "nnunet"
