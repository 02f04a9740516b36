"""What the outputs of a network of nnU-Net stand for: its labels and regions, and what they mean here.

Source: nnU-Net's documentation of dataset.json and of region-based training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown, whole_number
from LiverTumorAttentionLib.conversion.meanings import meanings_of
from LiverTumorAttentionLib.errors import ModelError

BACKGROUND = "background"
IGNORED = "ignore"
_MEANINGS = {"ignore": "other"}


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of a data set."""

    names: tuple[str, ...]
    """Of each output but the background, in order."""
    values: tuple[tuple[int, ...], ...]
    """The label values of each; one, or several for a region."""
    claims: tuple[int, ...]
    """Of regions the value that a voxel of each gets; () for classes."""

    @property
    def outputs(self) -> int:
        """Channels of the network's output: regions have none for the background."""
        return len(self.names) + (0 if self.claims else 1)

    @property
    def foreground(self) -> int:
        """Label values other than 0."""
        return len({value for values in self.values for value in values if value})

    def described(self, given: Mapping[str, str]) -> tuple[list[dict[str, Any]], str]:
        """Return the outputs as model.json has them, and their activation. Raises `ModelError`, which may ask."""
        meanings = meanings_of(self.names, given)
        told = [(name, _MEANINGS.get(meanings[name], meanings[name])) for name in self.names]
        if self.claims:
            regions = zip(told, self.values, self.claims, strict=True)
            return [
                {"name": name, "meaning": meaning, "value": claim, "members": list(values)}
                for (name, meaning), values, claim in regions
            ], "sigmoid"
        classes = [(BACKGROUND, BACKGROUND), *told]
        return [
            {"name": name, "meaning": meaning, "value": value}
            for value, (name, meaning) in enumerate(classes)
        ], "softmax"


def labels_of(description: Mapping[str, Any], where: str) -> Labels:
    """Return the labels of dataset.json of version 2 or 1 ({"liver": 1}, {"liver": [1, 2]} or {"1": "liver"}).

    Raises `ModelError` where they are no labels that nnU-Net trains with.
    """
    named = _named(description.get("labels"), where)
    background = named.pop(BACKGROUND, (0,))
    named.pop(IGNORED, None)
    named = {name: values for name, values in named.items() if set(values) != {0}}
    if background != (0,) or not named:
        raise ModelError(
            f"{where}: the background must be 0 and other labels follow, got {shown(named)}: correct them"
        )
    order = description.get("regions_class_order")
    if all(len(values) == 1 for values in named.values()):
        return classes(named, where)
    if not isinstance(order, Sequence) or len(order) != len(named) or not all(map(_is_label, order)):
        raise ModelError(
            f"{where}: regions need regions_class_order with a value for each of {len(named)}, got {shown(order)}: "
            "get the "
            "model again with its own dataset.json"
        )
    return Labels(names=tuple(named), values=tuple(named.values()), claims=tuple(order))


def classes(named: Mapping[str, tuple[int, ...]], where: str) -> Labels:
    """Return labels of one value each. Raises `ModelError` unless the values are 1, 2, 3, … without a gap."""
    rising = sorted(named, key=lambda name: named[name])
    if [named[name] for name in rising] != [(value,) for value in range(1, len(rising) + 1)]:
        raise ModelError(
            f"{where}: labels must have the values 1, 2, 3, … once each, got {shown(dict(named))}: get the model "
            "again with "
            "its own dataset.json"
        )
    return Labels(names=tuple(rising), values=tuple(named[name] for name in rising), claims=())


def _named(labels: object, where: str) -> dict[str, tuple[int, ...]]:
    if not isinstance(labels, Mapping):
        raise ModelError(f"{where} has no labels: get the model again with its own dataset.json")
    found: dict[str, tuple[int, ...]] = {}
    for key, value in labels.items():
        values: tuple[Any, ...] = tuple(value) if isinstance(value, list) else (value,)
        if all(map(_is_label, values)) and values:
            found[key] = values
        elif isinstance(value, str) and whole_number(key) is not None:
            found[value] = (int(key),)
        elif isinstance(value, str) and whole_number(value) is not None:
            found[key] = (int(value),)
        else:
            raise ModelError(
                f"{where}: the label {shown(key)} has values that are no labels, got {shown(value)}: correct it there"
            )
    return found


def _is_label(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65_535
