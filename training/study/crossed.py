"""The difference of two rows over cases and seeds, both of which are drawn from many.

A training is to a network what a reader is to a modality: other cases and another start would both change the result.
So the interval is that of studies with many readers and many cases (MRMC).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from training.tables.significance import LEVEL

POWER = 0.8
NORMAL = 200
"""Degrees of freedom from which the noncentral t is taken for the normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """The mean of a table of differences, seeds x cases, with its standard error.

    Source: Dorfman, Berbaum, Metz, Investigative Radiology 1992, with the degrees of freedom of Hillis, Statistics in
        Medicine 2007, of two modalities: with mean squares of seeds, cases and what is left of the differences,
        variance = (MS_seed + max(MS_case - MS_rest, 0)) / (seeds x cases),
        degrees of freedom = (that numerator / MS_seed)^2 x (seeds - 1).
    """

    mean: float
    """nan without any difference."""
    error: float
    """Of the mean; nan for fewer than two seeds or two cases."""
    freedom: float
    """Degrees of freedom; many where the seeds agree."""

    @classmethod
    def of(cls, differences: NDArray[np.float64]) -> Crossed:
        """Return that of a table (seeds, cases) without gaps."""
        seeds, cases = differences.shape
        if min(seeds, cases) < 2:
            mean = float(differences.mean()) if differences.size else math.nan
            return cls(mean=mean, error=math.nan, freedom=math.nan)
        mean = float(differences.mean())
        of_seed, of_case = differences.mean(1) - mean, differences.mean(0) - mean
        rest = differences - mean - of_seed[:, None] - of_case[None]
        seed_square = cases * float(of_seed @ of_seed) / (seeds - 1)
        case_square = seeds * float(of_case @ of_case) / (cases - 1)
        rest_square = float((rest**2).sum()) / ((seeds - 1) * (cases - 1))
        both = seed_square + max(case_square - rest_square, 0.0)
        return cls(
            mean=mean,
            error=math.sqrt(both / (seeds * cases)),
            freedom=(both / seed_square) ** 2 * (seeds - 1) if seed_square > 0 else math.inf,
        )

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval of the mean."""
        return self.error * float(stats.t.ppf(1 - LEVEL / 2, self.freedom))

    @property
    def detectable(self) -> float:
        """The true difference whose interval would leave out 0 in four studies of five of this size and scatter."""
        if math.isnan(self.error):
            return math.nan
        if self.freedom > NORMAL:
            return self.error * float(stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER))
        limit = float(stats.t.ppf(1 - LEVEL / 2, self.freedom))

        def missing(shift: float) -> float:  # on the other side next to nothing would be seen
            return float(stats.nct.sf(limit, self.freedom, shift)) - POWER

        return self.error * float(optimize.brentq(missing, limit / 2, 2 * limit + 2))
