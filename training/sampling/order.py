"""The order in which cases or slices are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError


class Shuffled:
    """The numbers below `count` in a random order, then again in another, without end."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self._round, self._shuffled = -1, np.empty(0, np.int64)

    def __getitem__(self, number: int) -> int:
        rounds, place = divmod(number, self._count)
        if rounds != self._round:
            self._round, self._shuffled = rounds, self._shuffle(rounds)
        return int(self._shuffled[place])

    def _shuffle(self, rounds: int) -> NDArray[np.int64]:
        # a third number keeps this stream apart from those of the samples
        return np.random.default_rng((self._seed, rounds, 1)).permutation(self._count)


class Mixed:
    """Numbers of items, drawn in given proportions by the value that each has.

    values: of a fact, one an item. mix: relative shares by value. Raises `InputError` when no item has a value of
    `mix`.
    """

    def __init__(self, values: Sequence[str], mix: Mapping[str, float], fact: str, seed: int) -> None:
        mix = {name: share for name, share in mix.items() if share > 0}
        self._items = [np.flatnonzero([value == name for value in values]) for name in mix]
        for name, items in zip(mix, self._items, strict=True):
            if not len(items):
                known = ", ".join(repr(value) for value in sorted(set(values)))
                raise InputError(
                    f"no training case has {fact} {name!r}, which sampling.mix draws; there are {known}: prepare such "
                    "cases with --fact, or change sampling.mix"
                )
        shares = np.array([float(share) for share in mix.values()])
        self._ends, self._seed = np.cumsum(shares / shares.sum()), seed

    def __getitem__(self, number: int) -> int:
        rng = np.random.default_rng(
            (self._seed, number, 2)
        )  # apart from the streams of samples and of `Shuffled`
        which = min(int(np.searchsorted(self._ends, rng.random(), side="right")), len(self._items) - 1)
        return int(rng.choice(self._items[which]))
