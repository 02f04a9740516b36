"""What the channels of a network's output stand for, and how its training data lay, for networks of other programs."""

from __future__ import annotations

from dataclasses import dataclass

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.limits import MOST_OUTPUTS

OUTPUT_MEANINGS = ("background", "liver", "tumor", "cyst", "vessel", "other")
"""What an output can be: "cyst" lies in the liver and is no tumor, "other" is what this program has no use for."""
PARTS_OF_LIVER = ("liver", "tumor", "cyst")
"""Outputs that make up the liver together."""
ACTIVATIONS = ("softmax", "sigmoid")
LARGEST_LABEL = 65_535

ORIENTATION_PAIRS = ("LR", "PA", "SI")


@dataclass(frozen=True, kw_only=True)
class NetworkOutput:
    """One channel of a network's output."""

    name: str
    """What the training data calls it."""
    meaning: str
    """What it is here, one of OUTPUT_MEANINGS."""
    value: int
    """Value of a voxel that this output claims: of classes the number of the channel, of regions the value that the
    training data gives it, a later region over an earlier one."""
    members: tuple[int, ...] = ()
    """The label values that a region is made of, such as 1 and 2 for the whole liver; () for a class, which is its
    value alone."""

    def __post_init__(self) -> None:
        if self.meaning not in OUTPUT_MEANINGS:
            raise ModelError(
                f"model.json: outputs: {shown(self.name)} must mean one of {', '.join(OUTPUT_MEANINGS)}, got "
                f"{shown(self.meaning)}: correct it there"
            )
        values = (self.value, *self.members)
        if not all(0 <= value <= LARGEST_LABEL for value in values):
            raise ModelError(
                f"model.json: outputs: {shown(self.name)} has values from 0 to {LARGEST_LABEL}, got {shown(values)}: "
                "correct it there"
            )

    @property
    def labels(self) -> tuple[int, ...]:
        """The label values that it covers."""
        return self.members or (self.value,)


def orientation_problem(orientation: str) -> str | None:
    """Say what is wrong with the name of an orientation such as "RAS", or None."""
    if len(orientation) == 3 and all(
        any(letter in pair for letter in orientation) for pair in ORIENTATION_PAIRS
    ):
        return None
    return (
        "orientation names where the columns, rows and slices of the training data run to, such as 'RAS' or 'LPS' (one "
        f"of L and R, one of P and A, one of S and I), got {shown(orientation)}"
    )


def outputs_problem(outputs: tuple[NetworkOutput, ...], activation: str) -> str | None:
    """Say where the outputs of a network contradict each other or its activation, or None."""
    if activation not in ACTIVATIONS:
        return f"activation must be {' or '.join(map(repr, ACTIVATIONS))}, got {shown(activation)}"
    if len(outputs) > MOST_OUTPUTS:
        return f"outputs must be at most {MOST_OUTPUTS}, got {len(outputs)}"
    if activation == "softmax" and any(
        output.value != i or output.members for i, output in enumerate(outputs)
    ):
        return (
            "outputs of a softmax are classes with the values 0, 1, 2, … in this order, and have no members"
        )
    return None
