"""Deterministic sampling: each sample is a function of its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling.hard_places import hard_places
from training.sampling.order import Mixed, Shuffled
from training.sampling.patches import PatchSampling
from training.sampling.slices import SliceSampling
from training.sampling.view import Sample, check_case


class Sampler:
    """Gives the sample of a number, which depends on (cases, recipe, seed, number) alone.

    So a training that is resumed, or shared between processes, draws the samples that an unbroken one draws.
    Cases (3D) or slices (2D) come in a random order, all of them once before any comes again; with `sampling.mix_by`,
    a value of that fact is drawn for each sample, and then a case or slice that has it.
    A share `sampling.hard_share` of the samples lies around hard negatives instead, see `HardPlaces`.
    Only what a sample shows is read, from where the cases lie; nothing is kept between samples.

    hard: the hard negatives, by name of the case the voxels (n, 3) of each; None for a recipe without them.
    Raises `InputError` when a case lacks what the recipe needs, nothing can be drawn, or there are hard negatives
    without a share or a share without them.
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        recipe: Recipe,
        seed: int,
        hard: Mapping[str, Sequence[NDArray[np.int32]]] | None = None,
    ) -> None:
        if not cases:
            raise InputError("there is no training case: prepare some, or choose another part of the split")
        if seed < 0:
            raise InputError(f"the seed must not be negative, got {seed}: give 0 or more")
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
        self._cases, self._hard = tuple(cases), hard_places(cases, hard, recipe.sampling, seed)
        self._seed = seed
        self.samples_an_epoch: int = recipe.sampling.samples_an_epoch or self._sampling.items

    def __call__(self, number: int) -> Sample:
        """Return sample `number`, counted from 0 without end."""
        rng = np.random.default_rng((self._seed, number))
        hard = None if self._hard is None else self._hard.of(number)
        if hard is None:
            item = self._order[number]
            case, cut = self._sampling.case_of(item), partial(self._sampling, item, rng)
        else:
            case, cut = self._cases[hard[0]], partial(self._sampling.around, *hard, rng)
        try:
            return cut()
        except LiverTumorAttentionError:
            raise
        except Exception as error:
            raise RuntimeError(f"sample {number} could not be cut from the case {case.name!r}") from error
