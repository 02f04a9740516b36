"""What the user says of a model that another program trained, where its files do not say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from LiverTumorAttentionLib.config_parsing import nearest, shown, whole_number
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.imported_outputs import orientation_problem
from LiverTumorAttentionLib.models.stage_description import PHASES

LABEL_MEANINGS = ("liver", "tumor", "cyst", "vessel", "ignore")
"""What a label can be said to be; "ignore" is what this program has no use for."""
ALL_OTHERS = "other"
"""Name that stands for all labels whose own names say nothing."""
CHECKPOINTS = ("final", "best")


@dataclass(frozen=True, kw_only=True)
class ImportAnswers:
    """Answers to `ImportQuestions`; what is left out is taken from the model's own files."""

    channels: Mapping[str, int] = field(default_factory=dict)
    """Number of the channel, from 0, that each phase is given to."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Meaning (LABEL_MEANINGS) of labels by name; ALL_OTHERS stands for those whose names say nothing."""
    orientation: str | None = None
    """Where columns, rows and slices of the training data ran to, such as "RAS"."""
    configuration: str | None = None
    """Which of several trainings of one data set, such as "3d_fullres"."""
    folds: tuple[str, ...] = ()
    """Folds whose networks are averaged, such as "0" or "all"; () takes all that are there."""
    checkpoint: str | None = None
    """Which weights of a training, one of CHECKPOINTS; None takes the final ones, else the best."""
    id: str | None = None
    """The model's id here; None makes one of its own names."""
    title: str | None = None
    """Its title, likewise."""

    def __post_init__(self) -> None:
        for meaning in self.labels.values():
            if meaning not in LABEL_MEANINGS:
                raise ModelError(
                    f"a label is {', '.join(LABEL_MEANINGS[:-1])} or {LABEL_MEANINGS[-1]}, got {shown(meaning)}: say "
                    "one of these"
                )
        for phase in self.channels:
            if phase not in PHASES:
                raise ModelError(f"--channel {phase}: unknown phase{nearest(phase, PHASES)}")
        if self.orientation is not None:
            problem = orientation_problem(self.orientation)
            if problem:
                raise ModelError(f"{problem}: give such a name")
        if self.checkpoint not in (None, *CHECKPOINTS):
            raise ModelError(
                f"--checkpoint is final or best, got {shown(self.checkpoint)}: give one of these"
            )


def channels_from(texts: Iterable[str]) -> dict[str, int]:
    """Return {phase: number} of texts such as "portal=0". Raises `ModelError` for any other text."""
    found: dict[str, int] = {}
    for text in texts:
        phase, equals, digits = (part.strip() for part in text.partition("="))
        number = whole_number(digits)
        if not equals or number is None:
            raise ModelError(
                f"the channel {shown(text)} cannot be read: write PHASE=NUMBER, such as portal=0"
            )
        if phase in found:
            raise ModelError(f"the channel of the {phase} phase is given twice: say it once")
        found[phase] = number
    return found


def labels_from(texts: Iterable[str]) -> dict[str, str]:
    """Return {name: meaning} of texts such as "lesion=tumor". Raises `ModelError` for any other text."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, meaning = (part.strip() for part in text.rpartition("="))
        if not equals or not name:
            raise ModelError(
                f"the label {shown(text)} cannot be read: write NAME=MEANING, where the meaning is one of "
                f"{', '.join(LABEL_MEANINGS)}"
            )
        if name in found:
            raise ModelError(f"the label {shown(name)} is given twice: say once what it is")
        found[name] = meaning
    return found
