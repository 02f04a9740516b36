"""Output of a network of nnU-Net on the volume's grid, slab by slab: labels, and the probability of a group of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.inference.nnunet.resampling import GridChange
from LiverTumorAttentionLib.models.imported_outputs import NetworkOutput

MOST_AT_ONCE = 2**22
"""Values that are brought back at a time: what fits the processor's cache."""
CLEAR = 2.0**-9
"""How far from a half a probability stays, so that half precision and an interpolation leave it on its side."""
UNSEEN = 20.0
"""The logit of background against all else where no patch lies."""


class OutputMeaning:
    """What the channels of a network's output stand for.

    outputs, activation: as `StageDescription` has them. group: the channels whose probability is kept; () keeps none.
    averaged: what the network's output was made to before it was averaged, "logits" or "probabilities".
    """

    def __init__(
        self, outputs: Sequence[NetworkOutput], activation: str, group: Sequence[int], averaged: str
    ) -> None:
        self.outputs = tuple(outputs)
        self.group = list(group)
        self._overlapping = activation == "sigmoid"
        self._probabilities = averaged == "probabilities"

    @property
    def label_type(self) -> type[np.uint8] | type[np.uint16]:
        """The smallest type that holds the labels."""
        return np.uint8 if max(output.value for output in self.outputs) < 256 else np.uint16

    def activated(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what is averaged of (1, maps, ...) logits."""
        if not self._probabilities:
            return logits
        return torch.sigmoid(logits) if self._overlapping else torch.softmax(logits, dim=1)

    def unseen(self) -> torch.Tensor:
        """Return the averaged output that means background, (maps,)."""
        low, high = (0.0, 1.0) if self._probabilities else (-UNSEEN, UNSEEN)
        values = torch.full((len(self.outputs),), low)
        if not self._overlapping:
            values[0] = high
        return values

    def labels(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the number of the output, from 1, that each voxel of (maps, ...) belongs to; 0 where to none."""
        whole = torch.uint8 if len(self.outputs) < 255 else torch.int16
        if self._overlapping:
            border = 0.5 if self._probabilities else 0.0
            number = torch.zeros(maps.shape[1:], dtype=whole, device=maps.device)
            for k, values in enumerate(maps, start=1):
                number = torch.where(values > border, k, number)
            return number
        best = maps[0]
        number = torch.ones(maps.shape[1:], dtype=whole, device=maps.device)
        for k, values in enumerate(maps[1:], start=2):
            number = torch.where(values > best, k, number)
            best = torch.maximum(values, best)
        return number

    def group_probability(self, maps: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
        """Return the probability of the group, which is a half or more just where the network decided for it.

        maps: (maps, ...). number: what `labels` returned. Where several outputs share the probability, the largest may
        be below a half; the decision is the network's.
        """
        if self._overlapping:
            chosen = maps[self.group].amax(0)
            probability = chosen if self._probabilities else torch.sigmoid(chosen)
        else:
            shares = maps if self._probabilities else torch.exp(maps - maps.amax(0))
            probability = shares[self.group].sum(0)
            probability = probability if self._probabilities else probability / shares.sum(0)
        decided = torch.zeros_like(number, dtype=torch.bool)
        for channel in self.group:
            decided |= number == channel + 1
        return torch.where(decided, probability.clamp(min=0.5 + CLEAR), probability.clamp(max=0.5 - CLEAR))


class VolumeOutput:
    """Labels and the probability of the group on the volume's grid, filled from rows of the network's grid.

    change: from the network's grid to the volume's. labels, probability: arrays of the volume's shape in the network's
    axis order, or views of such, which are written to; `probability` is float16, None where it is not wanted.
    """

    def __init__(
        self,
        change: GridChange,
        meaning: OutputMeaning,
        labels: NDArray[np.unsignedinteger],
        probability: NDArray[np.float16] | None,
    ) -> None:
        self._change = change
        self._meaning = meaning
        self._labels = labels
        self._probability = probability
        self._values = np.array([0, *(output.value for output in meaning.outputs)], dtype=labels.dtype)
        self._done = 0
        self._first = 0
        self._rows: torch.Tensor | None = None
        voxels = len(meaning.outputs) * labels.shape[1] * labels.shape[2]
        self._at_once = max(1, MOST_AT_ONCE // voxels)

    def add(self, rows: torch.Tensor) -> None:
        """Take the next rows (maps, n, y, x) of the network's grid, and fill what can be filled."""
        waiting = rows if self._rows is None else torch.cat([self._rows, rows], dim=1)
        there = self._first + waiting.shape[1]
        length = self._labels.shape[0]
        while self._done < length:
            stop = min(self._done + self._at_once, length)
            while stop > self._done and self._change.needed(self._done, stop).stop > there:
                stop -= 1
            if stop == self._done:
                break
            needed = self._change.needed(self._done, stop)
            part = waiting[:, needed.start - self._first : needed.stop - self._first]
            self._write(self._change.rows(part, self._done, stop), slice(self._done, stop))
            self._done = stop
        if self._done < length:
            over = self._change.needed(self._done, self._done + 1).start - self._first
            over = min(max(0, over), waiting.shape[1])  # the next row may need none of those that are there
            self._rows = waiting[:, over:].clone()
            self._first += over

    def _write(self, maps: torch.Tensor, rows: slice) -> None:
        number = self._meaning.labels(maps)
        self._labels[rows] = self._values[number.cpu().numpy()]
        if self._probability is not None:
            found = self._meaning.group_probability(maps, number)
            self._probability[rows] = found.cpu().numpy()
