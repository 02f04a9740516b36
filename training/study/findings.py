"""What the papers found, as comparisons that can come out either way, and what the study says of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.wording import counted
from training.study.crossed import Crossed
from training.tables.significance import Paired, paired

SeedScores = Mapping[str, float]
"""Of one training with one seed: the score of each case."""
CaseScores = Mapping[str, Mapping[str, SeedScores]]
"""Of each training by name, of each seed."""

LEARNED_NOTHING = 0.01
"""A mean Dice below this is that of a network that draws no tumor; no verdict rests on it."""
FEWEST_SEEDS = 3
"""Pairs of trainings that a verdict needs."""
SMALL = 0.02
"""A gain of Dice below this is called none."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A row of a paper that is better than another.

    better, worse: names of trainings. where: the paper's table.
    """

    says: str
    better: str
    worse: str
    where: str


PA, DPC = "PA-ResSeg, Table", "DPC-Net, Table"
CLAIMS = (
    Claim(says="two phases (MSF) are better than one", better="msf", worse="single", where=f"{PA} 4"),
    Claim(says="Intra-PA helps a single phase", better="single-intra", worse="single", where=f"{PA} 4"),
    Claim(says="Intra-PA helps two phases", better="msf-intra", worse="msf", where=f"{PA} 4"),
    Claim(says="Inter-PA helps beside Intra-PA", better="msf-pa", worse="msf-intra", where=f"{PA} 4"),
    Claim(says="the whole PA block is better than MSF alone", better="msf-pa", worse="msf", where=f"{PA} 4"),
    Claim(says="the 3D BE-loss helps", better="msf-pa-be", worse="msf-pa", where=f"{PA} 4"),
    Claim(says="PA is better than stacked phases (DMP)", better="msf-pa", worse="dmp", where=f"{PA} 6"),
    Claim(says="PA is better than added outputs (MPF)", better="msf-pa", worse="mpf", where=f"{PA} 6"),
    Claim(says="MSF is better than DMP", better="msf", worse="dmp", where=f"{PA} 6"),
    Claim(says="MSF is better than MPF", better="msf", worse="mpf", where=f"{PA} 6"),
    Claim(
        says="registration helps",
        better="msf-pa",
        worse="msf-pa-unregistered",
        where="PA-ResSeg, Discussion, which names it as what limits it",
    ),
    Claim(
        says="the true field is better than our registration",
        better="msf-pa-true-field",
        worse="msf-pa",
        where="ours",
    ),
    Claim(
        says="SpaCor helps the U-Net",
        better="dpcnet-table2-spacor",
        worse="dpcnet-table2-baseline",
        where=f"{DPC} 2",
    ),
    Claim(
        says="SemCor helps the U-Net",
        better="dpcnet-table2-semcor",
        worse="dpcnet-table2-baseline",
        where=f"{DPC} 2",
    ),
    Claim(
        says="both are better than SpaCor alone",
        better="dpcnet-table2-both",
        worse="dpcnet-table2-spacor",
        where=f"{DPC} 2",
    ),
    Claim(
        says="both are better than SemCor alone",
        better="dpcnet-table2-both",
        worse="dpcnet-table2-semcor",
        where=f"{DPC} 2",
    ),
    Claim(
        says="SpaCor and SemCor together help the U-Net",
        better="dpcnet-table2-both",
        worse="dpcnet-table2-baseline",
        where=f"{DPC} 2",
    ),
    Claim(
        says="the PFE is better than the U-Net",
        better="dpcnet-table2-pfe",
        worse="dpcnet-table2-baseline",
        where=f"{DPC} 2",
    ),
    Claim(
        says="both help the PFE", better="dpcnet-table2-pfe-both", worse="dpcnet-table2-pfe", where=f"{DPC} 2"
    ),
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim and how it came out, over the seeds that both rows were trained with, and neither without learning."""

    claim: Claim
    differences: tuple[float, ...]
    """Of the mean score, of each of these seeds."""
    left_out: int
    """Seeds with which one of the two learned nothing: their difference tells of luck."""
    crossed: Crossed
    """The difference over seeds and cases."""
    test: Paired
    """Over the cases alone, each the mean over these seeds, as the papers test."""

    @property
    def seeds_for(self) -> int:
        """With how many seeds the claim comes out as the paper says."""
        return sum(difference > 0 for difference in self.differences)

    @property
    def decidable(self) -> bool:
        """Whether there are seeds enough for a verdict."""
        return len(self.differences) >= FEWEST_SEEDS

    @property
    def verdict(self) -> str:
        """In words. A claim holds where the interval over seeds and cases is above 0."""
        if not self.decidable:
            pairs = counted(len(self.differences), "pair")
            return f"not decided: {pairs} of trainings that learned"
        mean, half = self.crossed.mean, self.crossed.half_width
        if abs(mean) > half:
            return "holds" if mean > 0 else "the contrary"
        if mean + half < SMALL:
            return f"does not show: less than {SMALL:g} if anything"
        return "not decided"


def findings(cases: CaseScores, claims: Sequence[Claim] = CLAIMS) -> list[Finding]:
    """Return the finding on each claim whose two trainings were scored with a common seed."""
    return [
        _finding(claim, cases[claim.better], cases[claim.worse])
        for claim in claims
        if set(cases.get(claim.better, ())) & set(cases.get(claim.worse, ()))
    ]


def _finding(claim: Claim, better: Mapping[str, SeedScores], worse: Mapping[str, SeedScores]) -> Finding:
    seeds = sorted(set(better) & set(worse), key=int)
    good = [seed for seed in seeds if learned(better[seed]) and learned(worse[seed])]
    return Finding(
        claim=claim,
        differences=tuple(_mean(better[seed]) - _mean(worse[seed]) for seed in good),
        left_out=len(seeds) - len(good),
        crossed=Crossed.of(_table(better, worse, good)),
        test=paired(_over(better, good), _over(worse, good)),
    )


def _table(
    better: Mapping[str, SeedScores], worse: Mapping[str, SeedScores], seeds: Sequence[str]
) -> NDArray[np.float64]:
    """Return the differences (seeds, cases) of the cases that have a defined score in all trainings."""
    trainings = [training[seed] for training in (better, worse) for seed in seeds]
    names = {case for training in trainings for case in training}
    shared = sorted(
        case for case in names if all(not math.isnan(training.get(case, math.nan)) for training in trainings)
    )
    rows = [[better[seed][case] - worse[seed][case] for case in shared] for seed in seeds]
    return np.array(rows, float).reshape(len(seeds), len(shared))


def learned(scores: SeedScores) -> bool:
    """Return whether a training learned to draw tumors, by its mean score over the cases with tumor."""
    return _mean(scores) >= LEARNED_NOTHING


def _over(training: Mapping[str, SeedScores], seeds: Sequence[str]) -> dict[str, float]:
    """Return each case's score, the mean over these seeds."""
    cases = sorted({case for seed in seeds for case in training[seed]})
    return {
        case: _mean({seed: training[seed][case] for seed in seeds if case in training[seed]})
        for case in cases
    }


def _mean(scores: Mapping[str, float]) -> float:
    defined = [score for score in scores.values() if not math.isnan(score)]
    return float(np.mean(defined)) if defined else math.nan


def gains_by_type(
    better: Mapping[str, float], worse: Mapping[str, float], types: Mapping[str, str]
) -> dict[str, tuple[float, float, int]]:
    """Return for each tumor type the mean score of `worse` and of `better`, and the number of cases.

    types: of each case. Sorted by gain, the largest first.
    """
    groups: dict[str, list[str]] = {}
    for case in sorted(set(better) & set(worse)):
        groups.setdefault(types[case], []).append(case)
    means = {
        kind: (
            sum(worse[case] for case in cases) / len(cases),
            sum(better[case] for case in cases) / len(cases),
            len(cases),
        )
        for kind, cases in groups.items()
    }
    return dict(sorted(means.items(), key=lambda entry: entry[1][0] - entry[1][1]))
