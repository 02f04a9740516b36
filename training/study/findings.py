"""What the papers found, as comparisons that can come out either way, and what the study says of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.tables.significance import LEVEL, Paired, paired

Scores = Mapping[str, Mapping[str, float]]
"""Of each training by name: the score of each case, the mean over the seeds."""
SeedScores = Mapping[str, Mapping[str, float]]
"""Of each training by name: the score of each seed, the mean over the cases."""


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
        where="PA-ResSeg, section 5, which names it as what limits it",
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
    """A claim and how it came out.

    test: over the cases, each the mean over its seeds. seeds: the difference with each seed that both were trained
    with.
    """

    claim: Claim
    test: Paired
    seeds: tuple[float, ...]

    @property
    def seeds_for(self) -> int:
        """With how many seeds the claim comes out as the paper says."""
        return sum(difference > 0 for difference in self.seeds)

    @property
    def verdict(self) -> str:
        """In words: holds, or not, or too close to say.

        The test over cases does not cover chance in the training: a difference that not every seed shows may be chance.
        """
        if math.isnan(self.test.difference):
            return "not tested"
        up = self.test.difference > 0
        if self.test.t_test_p >= LEVEL:
            return "points that way, within chance" if up else "does not show"
        if any(difference <= 0 if up else difference >= 0 for difference in self.seeds):
            return "depends on the seed"
        return "holds" if up else "the contrary"


def findings(scores: Scores, by_seed: SeedScores, claims: Sequence[Claim] = CLAIMS) -> list[Finding]:
    """Return the finding on each claim whose two trainings were scored."""
    return [
        Finding(
            claim=claim,
            test=paired(scores[claim.better], scores[claim.worse]),
            seeds=tuple(
                score - by_seed[claim.worse][seed]
                for seed, score in sorted(by_seed[claim.better].items())
                if seed in by_seed[claim.worse]
            ),
        )
        for claim in claims
        if claim.better in scores and claim.worse in scores
    ]


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
