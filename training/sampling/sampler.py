"""Deterministic sampling: each sample is a function of its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling.patches import PatchSampling
from training.sampling.slices import SliceSampling
from training.sampling.view import Sample, check_case


class Sampler:
    """Gives the sample of a number, which depends on (cases, recipe, seed, number) alone.

    So a training that is resumed, or shared between processes, draws the samples that an unbroken one draws.
    Cases (3D) or slices (2D) come in a random order, all of them once before any comes again; with `sampling.mix_by`,
    a value of that fact is drawn for each sample, and then a case or slice that has it.
    Only what a sample shows is read, from where the cases lie; nothing is kept between samples.

    Raises `InputError` when a case lacks what the recipe needs, or nothing can be drawn.
    """

    def __init__(self, cases: Sequence[PreparedCase], recipe: Recipe, seed: int) -> None:
        if not cases:
            raise InputError("there is no training case: prepare some, or choose another part of the split")
        if seed < 0:
            raise InputError(f"the seed must not be negative, got {seed}")
        for case in cases:
            check_case(case, recipe.stage)
        kind = PatchSampling if recipe.stage.slices is None else SliceSampling
        self._sampling = kind(tuple(cases), recipe)
        self._order: Shuffled | Mixed = Shuffled(self._sampling.items, seed)
        if recipe.sampling.mix_by is not None:
            fact = recipe.sampling.mix_by
            values = [
                self._sampling.case_of(item).facts.get(fact, "") for item in range(self._sampling.items)
            ]
            self._order = Mixed(values, recipe.sampling.mix, fact, seed)
        self._seed = seed
        self.samples_an_epoch: int = recipe.sampling.samples_an_epoch or self._sampling.items

    def __call__(self, number: int) -> Sample:
        """Return sample `number`, counted from 0 without end."""
        item = self._order[number]
        try:
            return self._sampling(item, np.random.default_rng((self._seed, number)))
        except LiverTumorAttentionError:
            raise
        except Exception as error:
            name = self._sampling.case_of(item).name
            raise RuntimeError(f"sample {number} could not be cut from the case {name!r}") from error


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
