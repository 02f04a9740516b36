"""One-to-one assignment of the lesions of two time points by probability, with the odds against its runner-up.

Every lesion of the baseline is found again in one of the follow-up's, or is gone; every lesion of the follow-up has one
before it, or is new. Of all such assignments the most probable one is taken (Munkres; scipy's `linear_sum_assignment`),
as in multiple target tracking (Cox, Int. J. Comput. Vis. 10, 1993, section 3). For each part of it the most probable
assignment without that part tells how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Costs = NDArray[np.float64]
FORBIDDEN = 1e9
"""Cost of what cannot be; far above any sum of the others."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The most probable assignment.

    partner: of each baseline lesion, the index of the follow-up's, or None for one that is gone.
    odds: natural logarithm of how much more probable this is than the best assignment without it, by baseline index.
    new_odds: the same for the lesions of the follow-up without a partner, by their index.
    """

    partner: tuple[int | None, ...]
    odds: tuple[float, ...]
    new_odds: dict[int, float]

    @property
    def new(self) -> tuple[int, ...]:
        """The lesions of the follow-up without a partner."""
        return tuple(sorted(self.new_odds))


def assign(matched: Costs, gone: Costs, new: Costs) -> Assignment:
    """Return the assignment of the lowest cost.

    Costs are negative natural logarithms of probabilities (or densities, alike for all).
    matched: (baseline, follow-up); gone: (baseline,); new: (follow-up,).
    """
    rows, columns = matched.shape
    whole = np.full((rows + columns, columns + rows), FORBIDDEN)
    whole[:rows, :columns] = matched
    whole[np.arange(rows), columns + np.arange(rows)] = gone
    whole[rows + np.arange(columns), np.arange(columns)] = new
    whole[rows:, columns:] = 0.0
    best, chosen = _solved(whole)
    partner = tuple(int(c) if c < columns else None for c in chosen[:rows])
    odds = tuple(_without(whole, row, int(chosen[row])) - best for row in range(rows))
    unmatched = [column for column in range(columns) if column not in partner]
    return Assignment(
        partner=partner,
        odds=odds,
        new_odds={column: _without(whole, rows + column, column) - best for column in unmatched},
    )


def _solved(costs: Costs) -> tuple[float, NDArray[np.intp]]:
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].sum()), columns


def _without(costs: Costs, row: int, column: int) -> float:
    """Return the lowest cost of an assignment that does not hold one part."""
    banned = costs.copy()
    banned[row, column] = FORBIDDEN
    return _solved(banned)[0]
