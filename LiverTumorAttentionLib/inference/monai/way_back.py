"""From a network's logits, plane by plane, to labels and probabilities on the grid of the volume.

MONAI brings every output back onto the volume's grid and takes the highest one there. Here this is done a few planes at
a time, so that the outputs are never kept whole, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from LiverTumorAttentionLib.inference.monai.axes import Axis, Taps
from LiverTumorAttentionLib.models.imported_outputs import NetworkOutput
from LiverTumorAttentionLib.models.monai_settings import LargestParts, MonaiSettings

Planes = NDArray[np.float32]
"""(outputs or maps, planes along i, j, k)."""
PAINTED = ("other", "vessel", "liver", "cyst", "tumor")
"""Outputs that overlap are painted in this order of their meanings, a later one over an earlier one."""


HIGHEST_OUTSIDE = np.nextafter(np.float16(0.5), np.float16(0))
"""The highest probability of a voxel whose label says that it does not belong to the group."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a network found, on the grid of the volume, (i, j, k)."""

    labels: NDArray[np.uint16]
    """Value of the output that each voxel belongs to; 0 for the background."""
    probability: NDArray[np.float16] | None
    """Probability of the group; a half or more just where the labels say so. None where there is no group."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How logits become labels and the probabilities of groups of outputs."""

    settings: MonaiSettings
    outputs: tuple[NetworkOutput, ...]
    activation: str
    group: tuple[int, ...]
    """The outputs whose probability is wanted: of classes their sum, of overlapping outputs the highest; () is none."""

    def probabilities(self, logits: Planes) -> Planes:
        """Return the probability of every output."""
        if self.activation == "sigmoid":
            return special.expit(logits).astype(np.float32, copy=False)
        return special.softmax(logits, axis=0).astype(np.float32, copy=False)

    @property
    def group_values(self) -> list[int]:
        """The label values of the group."""
        return [self.outputs[number].value for number in self.group]

    def grouped(self, probabilities: Planes) -> NDArray[np.float32]:
        """Return the probability of the group, without the axis of the outputs."""
        chosen = probabilities[list(self.group)]
        return chosen.max(axis=0) if self.activation == "sigmoid" else chosen.sum(axis=0)

    def labels(self, values: Planes) -> NDArray[np.uint16]:
        """Return the value of each voxel: of the highest output, or of those that reach the threshold.

        values: probabilities, or for outputs that do not overlap logits.
        """
        if self.activation == "softmax":
            numbers = np.asarray([output.value for output in self.outputs], dtype=np.uint16)
            return numbers[values.argmax(axis=0)]
        painted = np.zeros(values.shape[1:], dtype=np.uint16)
        for meaning in PAINTED:
            for number, output in enumerate(self.outputs):
                if output.meaning == meaning:
                    painted[values[number] >= self.settings.threshold] = output.value
        return painted


def bring_back(planes: Iterable[Planes], axes: tuple[Axis, Axis, Axis], decision: Decision) -> Found:
    """Return what a network found on the grid of the volume.

    planes: its logits over the whole input, in order of i, some planes at a time. axes: what was done to the volume.
    """
    shape = tuple(axis.length for axis in axes)
    labels = np.zeros(shape, dtype=np.uint16)
    probability = np.zeros(shape, dtype=np.float16) if decision.group else None
    inner = (Taps.of(axes[1]), Taps.of(axes[2]))
    kept = _unpadded(planes, axes)
    returned = decision.settings.returned
    if returned == "labels":
        _labels_back(kept, axes, inner, decision, labels, probability)
    else:
        activated = (
            kept if returned == "logits" else ((start, decision.probabilities(one)) for start, one in kept)
        )
        for number, values in _interpolated(activated, axes[0], inner):
            probabilities = decision.probabilities(values) if returned == "logits" else values
            labels[number] = decision.labels(values if decision.activation == "softmax" else probabilities)
            if probability is not None:
                probability[number] = decision.grouped(probabilities)
    for part in decision.settings.largest_parts:
        keep_largest(labels, part)
    if probability is not None:
        for number, plane in enumerate(probability):
            inside = np.isin(labels[number], decision.group_values)
            np.maximum(plane, np.float16(0.5), out=plane, where=inside)
            np.minimum(plane, HIGHEST_OUTSIDE, out=plane, where=~inside)
    return Found(labels=labels, probability=probability)


def keep_largest(labels: NDArray[np.uint16], part: LargestParts) -> None:
    """Make background, in place, of all components of the values but the largest; of equal ones the first stays."""
    values = part.values or tuple(int(value) for value in np.unique(labels) if value)
    structure = ndimage.generate_binary_structure(3, part.connectivity)
    for together in [(value,) for value in values] if part.independent else [values]:
        inside = np.isin(labels, together)
        components, count = ndimage.label(inside, structure=structure)
        if count > 1:
            sizes = np.bincount(components.ravel())
            sizes[0] = 0
            labels[inside & (components != sizes.argmax())] = 0


def _unpadded(planes: Iterable[Planes], axes: Sequence[Axis]) -> Iterator[tuple[int, Planes]]:
    """Yield planes without the padding, and the number of the first one among those that the crop kept."""
    at = -axes[0].before
    inner = tuple(slice(axis.before, axis.before + axis.kept) for axis in axes[1:])
    for group in planes:
        first, last = max(at, 0), min(at + group.shape[1], axes[0].kept)
        if first < last:
            yield first, group[:, first - at : last - at, inner[0], inner[1]]
        at += group.shape[1]


def _interpolated(
    planes: Iterable[tuple[int, Planes]], axis: Axis, inner: tuple[Taps, Taps]
) -> Iterator[tuple[int, Planes]]:
    """Yield (i, values (outputs, j, k)) on the grid of the volume; planes that the crop took away are left out."""
    taps = Taps.of(axis)
    used = (taps.low_weight > 0) | (taps.high_weight > 0)
    waiting = [int(number) for number in np.flatnonzero(used)]
    held: dict[int, Planes] = {}
    for start, group in planes:
        for offset in range(group.shape[1]):
            plane = np.ascontiguousarray(group[:, offset])
            held[start + offset] = inner[1].along(inner[0].along(plane, 1), 2)
            while waiting and _last_needed(taps, waiting[0]) <= start + offset:
                number = waiting.pop(0)
                yield number, _mixed(taps, number, held)
            first = min((_first_needed(taps, number) for number in waiting[:1]), default=start + offset + 1)
            for done in [index for index in held if index < first]:
                del held[done]


def _first_needed(taps: Taps, number: int) -> int:
    return int(taps.low[number] if taps.low_weight[number] else taps.high[number])


def _last_needed(taps: Taps, number: int) -> int:
    return int(taps.high[number] if taps.high_weight[number] else taps.low[number])


def _mixed(taps: Taps, number: int, held: dict[int, Planes]) -> Planes:
    low_weight, high_weight = taps.low_weight[number], taps.high_weight[number]
    if high_weight == 0:
        low = held[int(taps.low[number])]
        return low if low_weight == 1 else low * low_weight
    high = held[int(taps.high[number])] * high_weight
    return high if low_weight == 0 else high + held[int(taps.low[number])] * low_weight


def _labels_back(
    planes: Iterable[tuple[int, Planes]],
    axes: Sequence[Axis],
    inner: tuple[Taps, Taps],
    decision: Decision,
    labels: NDArray[np.uint16],
    probability: NDArray[np.float16] | None,
) -> None:
    """Fill labels from the nearest voxel, and the probability linearly."""
    near = [axis.nearest for axis in axes]
    inside = np.ix_(near[1] >= 0, near[2] >= 0)
    take = np.ix_(near[1][near[1] >= 0], near[2][near[2] >= 0])

    def chosen() -> Iterator[tuple[int, Planes]]:
        for start, logits in planes:
            probabilities = decision.probabilities(logits)
            decided = decision.labels(logits if decision.activation == "softmax" else probabilities)
            for offset, plane in enumerate(decided):
                for number in np.flatnonzero(near[0] == start + offset):
                    labels[number][inside] = plane[take]
            yield start, decision.grouped(probabilities)[None] if decision.group else logits[:0]

    for number, values in _interpolated(chosen(), axes[0], inner):
        if probability is not None:
            probability[number] = values[0]
