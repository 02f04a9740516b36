"""Samples around hard negatives: a share of all samples, each drawn from its number alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from training.data.case import PreparedCase
from training.recipes.settings import SamplingSettings
from training.sampling.order import Mixed


class HardPlaces:
    """Which samples lie around a hard negative, and around which.

    Source: bootstrapping of false positives, Sung and Poggio, Example-based learning for view-based human face
        detection, TPAMI 1998: the network's own mistakes on the training cases are added to what it is shown.
    Every false positive is drawn as often as any other; with `sampling.mix_by`, a value of that fact first, in the
    proportions of `sampling.mix`, among those whose cases have any.
    mined: by name of the case, voxels (n, 3) of each false positive; cases that do not train are passed over.
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        mined: Mapping[str, Sequence[NDArray[np.int32]]],
        settings: SamplingSettings,
        seed: int,
    ) -> None:
        of_case = [(which, one) for which, case in enumerate(cases) for one in mined.get(case.name, ())]
        fact, shares = settings.mix_by, {value: share for value, share in settings.mix.items() if share > 0}
        if fact is not None:
            values = [cases[which].facts.get(fact, "") for which, _ in of_case]
            of_case = [one for one, value in zip(of_case, values, strict=True) if value in shares]
            values = [value for value in values if value in shares]
            mix = {value: share for value, share in shares.items() if value in values}
            self._order = Mixed(values, mix, fact, seed) if mix else None
        else:
            self._order = None
        self._share, self._seed = settings.hard_share, seed
        self._case = np.array([which for which, _ in of_case], np.int64)
        self._ends = np.cumsum([len(voxels) for _, voxels in of_case], dtype=np.int64)
        self._voxels = np.concatenate([np.zeros((0, 3), np.int32), *(voxels for _, voxels in of_case)])

    def of(self, number: int) -> tuple[int, tuple[int, int, int]] | None:
        """Return the number of the case and the voxel (z, y, x) of a sample; None for one that is drawn as ever."""
        if not len(self._case):
            return None
        # a third number keeps this stream apart from the others of the sampler
        rng = np.random.default_rng((self._seed, number, 3))
        if rng.random() >= self._share:
            return None
        which = int(rng.integers(len(self._case))) if self._order is None else self._order[number]
        first = int(self._ends[which - 1]) if which else 0
        z, y, x = (int(at) for at in self._voxels[int(rng.integers(first, self._ends[which]))])
        return int(self._case[which]), (z, y, x)


def hard_places(
    cases: Sequence[PreparedCase],
    mined: Mapping[str, Sequence[NDArray[np.int32]]] | None,
    settings: SamplingSettings,
    seed: int,
) -> HardPlaces | None:
    """Return where hard samples lie; None for a recipe without them.

    Raises `InputError` for a share without hard negatives, and for hard negatives without a share.
    """
    if mined is None and settings.hard_share:
        raise InputError(
            f"sampling.hard_share is {settings.hard_share:g}, but no hard negatives are given: name the folder that "
            "`mine` filled with --hard-negatives, or set sampling.hard_share=0"
        )
    if mined is not None and not settings.hard_share:
        raise InputError(
            "hard negatives are given, but sampling.hard_share is 0, so that none is sampled: set it, such as "
            "--set sampling.hard_share=0.2, or leave out --hard-negatives"
        )
    return None if mined is None else HardPlaces(cases, mined, settings, seed)
