"""Matching of the lesions of two time points: matched, split, merged, new, gone; what is not sure is marked.

After registration both segmentations lie on one grid. Two relations count: how far one body lies inside another one
(pieces of a lesion lie inside it, and lesions that grew together lie inside what they became), and how probable it is
that two bodies are one lesion, from the distance of their centers against the registration's error and their sizes, and
from the change of volume. Bodies that lie inside one other are joined first; then the most probable one-to-one
assignment is taken. A relation whose runner-up is not far less probable is marked as uncertain.

How far places are off is what the registration says of itself, and once more what the pairs that follow from it say: a
registration that thinks badly of itself, as where a part of the liver is missing, would else take far neighbors for one
lesion. A relation that does not hold for both is marked, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.followup.bodies import CommonGrid
from LiverTumorAttentionLib.followup.declared import DeclaredPair, declared_matches
from LiverTumorAttentionLib.followup.evidence import Evidence
from LiverTumorAttentionLib.followup.matcher import distances_of, matches_of
from LiverTumorAttentionLib.followup.matches import Match, Node
from LiverTumorAttentionLib.followup.settings import MatchingSettings
from LiverTumorAttentionLib.registration import RegistrationVerdict

MEDIAN_CHI_SQUARED_3 = 2.366
"""Median of the sum of three squared standard normal numbers."""


@dataclass(frozen=True, kw_only=True)
class FollowedLesions:
    """All that matching needs, without the volumes.

    stated: the evidence by what the registration says of its error; observed: by what the pairs say of it, which
    counts. numbers: of all lesions of both, those that lie on no common grid included. refused: whether the
    registration is refused.
    """

    stated: Evidence
    observed: Evidence
    numbers: tuple[tuple[int, ...], tuple[int, ...]]
    refused: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "stated": self.stated.as_dict(),
            "observed": self.observed.as_dict(),
            "numbers": [list(side) for side in self.numbers],
            "refused": self.refused,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FollowedLesions:
        """Read what `as_dict` returned."""
        before, after = (tuple(side) for side in values["numbers"])
        return cls(
            stated=Evidence.from_dict(values["stated"]),
            observed=Evidence.from_dict(values["observed"]),
            numbers=(before, after),
            refused=values["refused"],
        )


@dataclass(frozen=True, kw_only=True)
class Matching:
    """All lesions of both time points, each in one match. sd_mm: of a place after registration, each axis."""

    matches: tuple[Match, ...]
    sd_mm: float
    lesions: FollowedLesions


def match_over_time(
    baseline: sitk.Image,
    followup: sitk.Image,
    transform: sitk.Transform,
    verdict: RegistrationVerdict,
    volumes_ml: tuple[Mapping[int, float], Mapping[int, float]],
    *,
    declared: Sequence[DeclaredPair] = (),
    settings: MatchingSettings = MatchingSettings(),  # noqa: B008  (frozen)
) -> Matching:
    """Match lesions.

    baseline, followup: instances, each on its own grid. transform: baseline points to follow-up points (LPS mm).
    verdict: on it. volumes_ml: of the lesions of both by number. declared: pairs that a person named; they are taken as
    they are, and the rest is matched without them. Raises `InputError` for a declared lesion that there is not.
    """
    declared_matches(declared, set(volumes_ml[0]), set(volumes_ml[1]))  # before what takes its time
    common = CommonGrid.of(baseline, followup, transform)
    mm3 = [{number: 1000.0 * ml for number, ml in volumes.items()} for volumes in volumes_ml]
    bodies = common.bodies(common.baseline, mm3[0]), common.bodies(common.followup, mm3[1])
    spacing = max(*baseline.GetSpacing(), *followup.GetSpacing())
    stated = Evidence.of(common, *bodies, settings.place_sd_mm(verdict, spacing), settings)
    refused, observed = verdict.grade == "refused", stated
    if not refused:
        sd_mm = observed_sd_mm(matches_of(stated, settings), stated, settings)
        observed = Evidence.of(common, *bodies, sd_mm, settings)
    lesions = FollowedLesions(
        stated=stated,
        observed=observed,
        numbers=(tuple(volumes_ml[0]), tuple(volumes_ml[1])),
        refused=refused,
    )
    return Matching(matches=match_lesions(lesions, declared, settings), sd_mm=observed.sd_mm, lesions=lesions)


def match_lesions(
    lesions: FollowedLesions,
    declared: Sequence[DeclaredPair] = (),
    settings: MatchingSettings = MatchingSettings(),  # noqa: B008  (frozen)
) -> tuple[Match, ...]:
    """Return every lesion in one match. declared: see `match_over_time`. Raises `InputError`."""
    by_person = declared_matches(declared, set(lesions.numbers[0]), set(lesions.numbers[1]))
    taken = (
        {number for here, _there in by_person for number in here},
        {number for _here, there in by_person for number in there},
    )
    stated, observed = (each.without(*taken) for each in (lesions.stated, lesions.observed))
    held = {(match.baseline, match.followup) for match in matches_of(stated, settings)}
    matches = [
        match if (match.baseline, match.followup) in held else _error_decides(match)
        for match in matches_of(observed, settings)
    ]
    for side, known in enumerate((observed.before, observed.after)):
        off = [n for n in lesions.numbers[side] if n not in known and n not in taken[side]]
        matches += [_out_of_place(number, side) for number in off]
    if lesions.refused:
        why = "the registration is refused, so no place is sure"
        matches = [replace(m, uncertain=True, reasons=(why, *m.reasons)) for m in matches]
    told = [Match(baseline=here, followup=there, reasons=("as a person said",)) for here, there in by_person]
    return tuple(sorted([*matches, *told], key=_order))


def observed_sd_mm(matches: Sequence[Match], evidence: Evidence, settings: MatchingSettings) -> float:
    """Return the standard deviation of a place, each axis, that pairs and registration together tell.

    The median of the squared distances of the pairs that are sure, of which a wrong one changes little, counts as so
    many values as there are such pairs, and what the registration says of itself as `stated_pairs`.
    """
    sure = [match for match in matches if not match.uncertain]
    found = np.array(distances_of(sure, evidence, settings)).reshape(-1, 2)
    if not len(found):
        return evidence.sd_mm
    variance = float(np.median(np.maximum(found[:, 0] / MEDIAN_CHI_SQUARED_3 - found[:, 1], 0.0)))
    stated = settings.stated_pairs
    joined = (stated * evidence.sd_mm**2 + len(found) * variance) / (stated + len(found))
    return float(max(settings.least_sd_mm, joined**0.5))


def _error_decides(match: Match) -> Match:
    why = "it depends on how far the registration is off"
    return replace(match, uncertain=True, reasons=(*match.reasons, why))


def _order(match: Match) -> tuple[bool, Node, Node]:
    return not match.baseline, match.baseline, match.followup


def _out_of_place(number: int, side: int) -> Match:
    if side == 0:
        return Match(
            baseline=(number,), followup=(), uncertain=True, reasons=("it is too small to be followed",)
        )
    why = "after registration it lies far outside of the baseline's liver"
    return Match(baseline=(), followup=(number,), uncertain=True, reasons=(why,))
