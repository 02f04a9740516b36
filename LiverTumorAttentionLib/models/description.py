"""`model.json`: its stages, the second look, and what a user should know of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping, shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.lesion_classifier import NETWORK_FEATURE, LesionClassifier
from LiverTumorAttentionLib.models.base_description import BaseDescription, description_values
from LiverTumorAttentionLib.models.candidate_network import CandidateNetworkDescription
from LiverTumorAttentionLib.models.stage_description import IntensitySettings, StageDescription
from LiverTumorAttentionLib.models.weights_file import WeightsFile

FORMATS = (2, 3, 4, 5, 6)
"""Versions of `model.json` that are read; 3 adds intensities relative to the liver, and the model card, 4 the lesion
probability, 5 networks of other programs, 6 a network for the lesion probability."""
CARD_FORMAT = 3
"""The first with sources, never_seen and known_failures."""
CANDIDATES_FORMAT = 4
"""The first with candidates."""
IMPORTED_FORMAT = 5
"""The first with networks of other programs, and with models that find the liver or the tumors alone."""
CANDIDATE_NETWORK_FORMAT = 6
"""The first with candidate_network."""
STAGE_ORDERS = (["liver", "tumor"], ["liver_and_tumor"])
"""Stages of a whole model."""
PART_ORDERS = (["liver"], ["tumor"])
"""Stages of a model that has to be composed with another one before it segments a case."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """One label that the model finds, with its code in a standard terminology."""

    value: int
    """Value in a semantic label map: 1 liver, 2 tumor."""
    name: str
    """Name shown to the user."""
    scheme: str
    """Coding scheme, such as "SCT" (SNOMED CT)."""
    code: str
    """Code in that scheme."""
    meaning: str
    """The code's meaning in words."""


@dataclass(frozen=True, kw_only=True)
class ModelDescription(BaseDescription):
    """The whole of `model.json` of a model that segments. Formats: see FORMATS.

    Format 3 is the first with sources, never_seen and known_failures.
    """

    stages: tuple[StageDescription, ...]
    """The liver stage and then the tumor stage, or one stage that finds both; one of the two alone in format 5, for a
    model that is a part of one."""
    labels: tuple[Label, ...]
    """The labels it finds."""
    postprocessing: dict[str, Any] = field(default_factory=dict)
    """Settings of the step from probabilities to tumors where they differ from the defaults."""
    candidates: LesionClassifier | None = None
    """Second look at each tumor that this step gives: its lesion probability. None for a model without. Format 4."""
    candidate_network: CandidateNetworkDescription | None = None
    """Network whose logit is a feature of the second look. None for a second look without. Format 6."""

    def __post_init__(self) -> None:
        check_format(self.format)
        super().__post_init__()
        needed = oldest_format(
            (stage.intensity for stage in self.stages),
            candidates=self.candidates is not None,
            candidate_network=self.candidate_network is not None,
            imported=any(stage.is_imported for stage in self.stages),
        )
        if self.format < needed:
            key = _SINCE[needed]
            raise ModelError(
                f"model.json: format {self.format} knows no {key}: a model with it has format {needed}: write that"
            )
        if self.format < CARD_FORMAT and (self.sources or self.never_seen or self.known_failures):
            raise ModelError(
                f"model.json: format {self.format} knows no sources, never_seen and known_failures: a model with them "
                f"has format {CARD_FORMAT}: write that"
            )
        names = [stage.name for stage in self.stages]
        if names not in STAGE_ORDERS and not (names in PART_ORDERS and self.format >= IMPORTED_FORMAT):
            raise ModelError(
                "model.json: expected the stages 'liver' and 'tumor', in this order, or the one stage "
                f"'liver_and_tumor'; got {shown(names)}: correct it there"
            )
        files = [file.weights for file in self.weight_files]
        if len(set(files)) < len(files):
            raise ModelError(
                f"model.json: two networks share a file of weights, got {shown(files)}: correct it there"
            )
        asked = self.candidates is not None and NETWORK_FEATURE in self.candidates.features
        if asked != (self.candidate_network is not None):
            raise ModelError(
                f"model.json: candidates with a curve of {NETWORK_FEATURE!r} and candidate_network are given together "
                "or not at all: correct it there"
            )

    @property
    def weight_files(self) -> tuple[WeightsFile, ...]:
        """All files of weights: those of the stages, and that of the second look's network."""
        stages = tuple(file for stage in self.stages for file in stage.weight_files)
        return stages if self.candidate_network is None else (*stages, self.candidate_network.file)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of the first file of weights of each stage, and of the second look's network, by what they are of."""
        found = {stage.name: stage.sha256 for stage in self.stages}
        return (
            found
            if self.candidate_network is None
            else {**found, "candidates": self.candidate_network.sha256}
        )

    @property
    def liver_stage(self) -> StageDescription:
        """The stage that finds the liver. Raises `ModelError` for a model that is a part without one."""
        self.check_finds("liver")
        return self.stages[0]

    @property
    def tumor_stage(self) -> StageDescription:
        """The stage that finds the tumors; the same one where one stage finds both. Raises `ModelError` as above."""
        self.check_finds("tumor")
        return self.stages[-1]

    def check_finds(self, *kinds: str) -> None:
        """Raise `ModelError` where the model does not find "liver" or "tumor", as a part of a model may not."""
        for kind in kinds:
            if not any(kind in stage.class_groups for stage in self.stages):
                own, missing = ("tumors", "liver") if kind == "liver" else ("liver", "tumors")
                raise ModelError(
                    f"the model {self.id!r} finds the {own} alone: compose it with one that finds the {missing} "
                    f"(models compose), or choose another model"
                )

    def stage(self, name: str) -> StageDescription:
        """Return the stage of that name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise ModelError(f"the model {self.id!r} has no stage {name!r}: choose another model")

    @property
    def takes_arterial(self) -> bool:
        """Whether the tumors are found in the arterial phase too, where there is one."""
        return "arterial" in self.taken_phases

    @property
    def taken_phases(self) -> tuple[str, ...]:
        """Phases beside the portal one in which the tumors are found, where they are given."""
        return self.stages[-1].phases[1:]

    @property
    def needed_phases(self) -> tuple[str, ...]:
        """Those without which the model cannot run."""
        return self.taken_phases if self.stages[-1].missing_phase == "refuse" else ()


_SINCE = {
    3: "liver_window_hu",
    CANDIDATES_FORMAT: "candidates",
    IMPORTED_FORMAT: "network of another program",
    CANDIDATE_NETWORK_FORMAT: "candidate_network",
}
"""What each format knows that those before it do not."""


def oldest_format(
    intensities: Iterable[IntensitySettings],
    *,
    candidates: bool = False,
    candidate_network: bool = False,
    imported: bool = False,
) -> int:
    """Return the oldest format of `model.json` that can say these intensities of its stages.

    candidates: whether it gives a lesion probability too; candidate_network: with a network. imported: whether a
    network comes from another program.
    """
    if candidate_network:
        return CANDIDATE_NETWORK_FORMAT
    if imported:
        return IMPORTED_FORMAT
    if candidates:
        return CANDIDATES_FORMAT
    return 2 if all(intensity.liver_window_hu is None for intensity in intensities) else 3


def check_format(version: int) -> None:
    """Raise `ModelError` for a format of `model.json` that this version does not read."""
    if version not in FORMATS:
        raise ModelError(
            f"model.json: format {version} is not known to this version, which reads format "
            f"{', '.join(map(str, FORMATS[:-1]))} or {FORMATS[-1]}: get the model and LiverTumorAttention in versions "
            "that fit each other"
        )


def read_description(text: bytes, where: str) -> ModelDescription:
    """Read `model.json`. Raises `ModelError` naming what is unknown, missing or of the wrong type."""
    values = description_values(text, where)
    if isinstance(values, dict) and values.get("kind") is not None:
        raise ModelError(
            f"{where} is of a model of the kind {shown(values['kind'])}, which segments no whole case: "
            "choose another model"
        )
    if isinstance(values, dict) and isinstance(values.get("format"), int):
        check_format(values["format"])  # before the keys, which differ in other formats
    return from_mapping(ModelDescription, values, where=where, error=ModelError)
