"""Matching of the lesions of two time points: matched, split, merged, new, gone; what is not sure is marked.

After registration both segmentations lie on one grid. Two relations count: how far one body lies inside another one
(pieces of a lesion lie inside it, and lesions that grew together lie inside what they became), and how probable it is
that two bodies are one lesion, from the distance of their centers against the registration's error and their sizes, and
from the change of volume. Bodies that lie inside one other are joined first; then the most probable one-to-one
assignment is taken. A relation whose runner-up is not far less probable is marked as uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.followup.assignment import FORBIDDEN, assign
from LiverTumorAttentionLib.followup.bodies import REACH, Body, CommonGrid
from LiverTumorAttentionLib.followup.declared import DeclaredPair, declared_matches
from LiverTumorAttentionLib.followup.settings import MatchingSettings
from LiverTumorAttentionLib.registration import RegistrationVerdict

Status = Literal["matched", "new", "gone", "split", "merged"]
Node = tuple[int, ...]
Shares = dict[tuple[int, int], float]


@dataclass(frozen=True, kw_only=True)
class Match:
    """Lesions that are one, by their numbers.

    baseline, followup: none of one of them for new and gone, several where a lesion split or several merged.
    uncertain: whether a person has to look. reasons: what there is to know, in words; why, where it is uncertain.
    missing: of one that is gone: "field of view" or "liver" where its place is not seen, or no longer liver.
    """

    baseline: Node
    followup: Node
    uncertain: bool = False
    reasons: tuple[str, ...] = ()
    missing: Literal["", "field of view", "liver"] = ""

    @property
    def status(self) -> Status:
        """What became of them."""
        if not self.baseline:
            return "new"
        if not self.followup:
            return "gone"
        if len(self.followup) > 1:
            return "split"
        return "merged" if len(self.baseline) > 1 else "matched"


@dataclass(frozen=True, kw_only=True)
class Matching:
    """All lesions of both time points, each in one match. sd_mm: of a place after registration, each axis."""

    matches: tuple[Match, ...]
    sd_mm: float


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
    by_person = declared_matches(declared, set(volumes_ml[0]), set(volumes_ml[1]))
    taken_before = {number for match in by_person for number in match[0]}
    taken_after = {number for match in by_person for number in match[1]}
    common = CommonGrid.of(baseline, followup, transform)
    mm3 = [{number: 1000.0 * ml for number, ml in volumes.items()} for volumes in volumes_ml]
    before = {n: b for n, b in common.bodies(common.baseline, mm3[0]).items() if n not in taken_before}
    after = {n: b for n, b in common.bodies(common.followup, mm3[1]).items() if n not in taken_after}
    spacing = max(*baseline.GetSpacing(), *followup.GetSpacing())
    matcher = _Matcher(common, before, after, settings.place_sd_mm(verdict, spacing), settings)
    matches = matcher.matches()
    for side, volumes, known, taken in (
        (0, volumes_ml[0], before, taken_before),
        (1, volumes_ml[1], after, taken_after),
    ):
        for number in volumes:
            if number not in known and number not in taken:
                matches.append(_out_of_place(number, side))
    if verdict.grade == "refused":
        why = "the registration is refused, so no place is sure"
        matches = [replace(m, uncertain=True, reasons=(why, *m.reasons)) for m in matches]
    told = [Match(baseline=here, followup=there, reasons=("as a person said",)) for here, there in by_person]
    return Matching(matches=tuple(sorted([*matches, *told], key=_order)), sd_mm=matcher.sd_mm)


def _order(match: Match) -> tuple[bool, Node, Node]:
    return not match.baseline, match.baseline, match.followup


def _out_of_place(number: int, side: int) -> Match:
    if side == 0:
        return Match(
            baseline=(number,), followup=(), uncertain=True, reasons=("it is too small to be followed",)
        )
    why = "after registration it lies far outside of the baseline's liver"
    return Match(baseline=(), followup=(number,), uncertain=True, reasons=(why,))


class _Matcher:
    """The lesions that the computer matches."""

    def __init__(
        self,
        common: CommonGrid,
        before: dict[int, Body],
        after: dict[int, Body],
        sd_mm: float,
        settings: MatchingSettings,
    ) -> None:
        self._common, self._before, self._after = common, before, after
        self._settings, self.sd_mm = settings, sd_mm
        shares = {
            (i, j): (common.share_inside(a, b, sd_mm), common.share_inside(b, a, sd_mm))
            for i, a in before.items()
            for j, b in after.items()
            if np.linalg.norm(a.center_mm - b.center_mm) < _reach_mm(a, b, sd_mm, common.spacing_mm)
        }
        self._swallowed: Shares = {pair: share[0] for pair, share in shares.items()}
        self._piece: Shares = {pair: share[1] for pair, share in shares.items()}

    def matches(self) -> list[Match]:
        """Return every lesion in one match."""
        here, there = self._nodes()
        while True:
            assignment = assign(*self._costs(here, there))
            gone = {here[row] for row, column in enumerate(assignment.partner) if column is None}
            new = {there[column] for column in assignment.new}
            if all(len(node) == 1 for node in gone | new):
                break
            here, there = _taken_apart(here, gone), _taken_apart(there, new)
        sure = float(np.log(self._settings.sure_odds))
        found = []
        for row, column in enumerate(assignment.partner):
            partner = () if column is None else there[column]
            found.append(self._match(here[row], partner, assignment.odds[row] < sure))
        for column in assignment.new:
            found.append(self._match((), there[column], assignment.new_odds[column] < sure))
        return self._with_leftovers(found)

    def _nodes(self) -> tuple[list[Node], list[Node]]:
        """Return the lesions of both sides, those joined that lie inside one lesion of the other side together."""
        inside = self._settings.inside
        links = {p for p in self._piece if max(self._piece[p], self._swallowed[p]) >= inside}
        here: set[Node] = {(i,) for i in self._before}
        there: set[Node] = {(j,) for j in self._after}
        for rows, columns in _components(links):
            if len(rows) == 1 and len(columns) > 1:
                there = {n for n in there if n[0] not in columns} | {tuple(sorted(columns))}
            elif len(columns) == 1 and len(rows) > 1:
                here = {n for n in here if n[0] not in rows} | {tuple(sorted(rows))}
        return sorted(here), sorted(there)

    def _costs(
        self, here: list[Node], there: list[Node]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        s = self._settings
        matched = np.full((len(here), len(there)), FORBIDDEN)
        for row, a in enumerate(here):
            for column, b in enumerate(there):
                if len(a) == 1 or len(b) == 1:
                    matched[row, column] = self._cost(a, b) - np.log(s.found_again)
        liver_mm3 = max(self._common.liver_mm3(), 1.0)
        gone = np.array([-len(a) * np.log(1.0 - s.found_again) for a in here])
        new = np.array([len(b) * np.log(liver_mm3 * s.log_volume_range / s.expected_new) for b in there])
        return matched, gone, new

    def _cost(self, here: Node, there: Node) -> float:
        """Return the negative logarithm of the density of the second at its place and size, given the first."""
        s = self._settings
        a, b = _joined([self._before[i] for i in here]), _joined([self._after[j] for j in there])
        spread = s.growth_shift * (a.radius_mm - b.radius_mm)
        variance = self.sd_mm**2 + spread**2 + (s.shape_shift * min(a.radius_mm, b.radius_mm)) ** 2
        squared = float(((a.center_mm - b.center_mm) ** 2).sum())
        change = np.log(b.volume_mm3 / a.volume_mm3) / s.log_volume_sd
        place = squared / (2.0 * variance) + 1.5 * np.log(2.0 * np.pi * variance)
        return float(place + change**2 / 2.0 + 0.5 * np.log(2.0 * np.pi * s.log_volume_sd**2))

    def _match(self, here: Node, there: Node, close: bool) -> Match:
        """Return the match of two nodes. close: whether another assignment is nearly as probable."""
        reasons, missing = [], ""
        uncertain = close
        if close:
            reasons.append("another pairing is nearly as probable")
        if len(here) > 1 or len(there) > 1:
            shares = [max(self._piece.get(p, 0.0), self._swallowed.get(p, 0.0)) for p in _pairs(here, there)]
            if min(shares) < self._settings.surely_inside:
                uncertain = True
                reasons.append("it is not sure which of them belong together")
        if here and not there:
            missing = self._missing(self._before[here[0]])
            if missing == "field of view":
                uncertain = True
                reasons.append("its place lies outside of what the follow-up shows")
            elif missing:
                reasons.append("the liver around it is missing in the follow-up: resected, ablated or shrunk")
        if there and not here and self._unseen(self._after[there[0]]):
            uncertain = True
            reasons.append("its place lies outside of what the baseline shows")
        return Match(
            baseline=here,
            followup=there,
            uncertain=uncertain,
            reasons=tuple(reasons),
            missing=missing,  # type: ignore[arg-type]
        )

    def _missing(self, body: Body) -> str:
        labels, least = self._common.followup, self._settings.in_liver
        if self._common.share_seen(body, labels) < least:
            return "field of view"
        near = 2.0 * self.sd_mm
        return "liver" if self._common.share_in_liver(body, labels, near) < least else ""

    def _unseen(self, body: Body) -> bool:
        return self._common.share_seen(body, self._common.baseline) < self._settings.in_liver

    def _with_leftovers(self, found: list[Match]) -> list[Match]:
        """Return the matches with lone lesions joined to the one that they lie in, or marked where they may."""
        for one in [m for m in found if len(m.baseline) + len(m.followup) == 1]:
            # Earlier ones may have joined or marked it.
            lone = next((m for m in found if (m.baseline, m.followup) == (one.baseline, one.followup)), None)
            if lone is None:
                continue
            gone = bool(lone.baseline)
            number = (lone.baseline or lone.followup)[0]
            shares = self._swallowed if gone else self._piece
            near = {p: s for p, s in shares.items() if p[0 if gone else 1] == number}
            if not near:
                continue
            pair, share = max(near.items(), key=lambda item: item[1])
            other = pair[1] if gone else pair[0]
            if share < self._settings.maybe_inside:
                continue
            holder = next(m for m in found if other in (m.followup if gone else m.baseline))
            found = [m for m in found if m not in (lone, holder)]
            whole = len(holder.followup) <= 1 if gone else len(holder.baseline) <= 1
            if share >= self._settings.inside and whole and holder.baseline and holder.followup:
                doubt = share < self._settings.surely_inside
                why = ("it is not sure which of them belong together",) if doubt else ()
                joined = replace(
                    holder,
                    baseline=tuple(sorted({*holder.baseline, *lone.baseline})),
                    followup=tuple(sorted({*holder.followup, *lone.followup})),
                    uncertain=holder.uncertain or lone.uncertain or doubt,
                    reasons=(*holder.reasons, *why),
                )
                found.append(joined)
                continue
            what = "may have merged into lesion" if gone else "may be a piece of lesion"
            side = "of the follow-up" if gone else "of the baseline"
            why_lone = f"it {what} {other} {side}"
            found.append(replace(lone, uncertain=True, reasons=(*lone.reasons, why_lone)))
            noun = "baseline" if gone else "follow-up"
            why_holder = f"lesion {number} of the {noun} may belong to it"
            found.append(replace(holder, uncertain=True, reasons=(*holder.reasons, why_holder)))
        return found


def _taken_apart(nodes: list[Node], which: set[Node]) -> list[Node]:
    return [part for node in nodes for part in ([(k,) for k in node] if node in which else [node])]


def _reach_mm(a: Body, b: Body, sd_mm: float, spacing_mm: float) -> float:
    """Return the distance of centers from which on neither body can lie inside the other one.

    A center lies within its box, whose diagonal no distance from it exceeds.
    """
    diagonals = [float(np.linalg.norm([side.stop - side.start for side in body.box])) for body in (a, b)]
    return spacing_mm * sum(diagonals) + REACH * sd_mm


def _joined(bodies: list[Body]) -> Body:
    """Return the first of some bodies with the center and the volume of all together."""
    volumes = np.array([body.volume_mm3 for body in bodies])
    center = (volumes[:, None] * [body.center_mm for body in bodies]).sum(axis=0) / volumes.sum()
    return replace(bodies[0], center_mm=center, volume_mm3=float(volumes.sum()))


def _pairs(here: Node, there: Node) -> list[tuple[int, int]]:
    return [(i, j) for i in here for j in there]


def _components(links: set[tuple[int, int]]) -> list[tuple[set[int], set[int]]]:
    """Return the connected components of a bipartite graph as (rows, columns)."""
    groups: list[tuple[set[int], set[int]]] = []
    for row, column in sorted(links):
        touched = [g for g in groups if row in g[0] or column in g[1]]
        groups = [g for g in groups if g not in touched]
        rows = {row}.union(*(g[0] for g in touched))
        columns = {column}.union(*(g[1] for g in touched))
        groups.append((rows, columns))
    return groups
