"""What a model of another program leaves open, with guesses, for a dialog to ask."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ChannelQuestion:
    """One channel of the input."""

    number: int
    """Its number, from 0."""
    name: str
    """What the model calls it."""
    phase: str
    """The phase that its name tells, or ""."""


@dataclass(frozen=True, kw_only=True)
class LabelQuestion:
    """One label that the model finds."""

    name: str
    """What the model calls it."""
    meaning: str
    """What its name tells, one of LABEL_MEANINGS, or ""."""


@dataclass(frozen=True, kw_only=True)
class ImportQuestions:
    """What a model says of itself; an empty guess has to be answered."""

    program: str
    """Which program trained it, such as "nnU-Net 2"; "" for a model of this program, which leaves nothing open."""
    title: str = ""
    """What it is called."""
    channels: tuple[ChannelQuestion, ...] = ()
    """Channels of its input, in order."""
    labels: tuple[LabelQuestion, ...] = ()
    """What it finds, without the background."""
    orientation: str = ""
    """Where columns, rows and slices of its training data ran to, such as "RAS"; a guess unless `orientation_known`."""
    orientation_known: bool = True
    """Whether the model's files tell the orientation."""
    configurations: tuple[str, ...] = ()
    """Trainings to choose from; one where there is nothing to choose."""
    configuration: str = ""
    """The one that the other answers are about."""
    folds: tuple[str, ...] = ()
    """Folds that have weights."""

    @property
    def open(self) -> bool:
        """Whether something has to be answered before the model can be converted."""
        unclear = [channel.phase for channel in self.channels] + [label.meaning for label in self.labels]
        several = len(self.configurations) > 1 and not self.configuration
        return several or not self.orientation_known or not all(unclear)
