"""The most probable assignment of lesions, by how far one lies inside another and by place and size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.followup.assignment import FORBIDDEN, assign
from LiverTumorAttentionLib.followup.evidence import Evidence, Missing, Place
from LiverTumorAttentionLib.followup.matches import Match, Node
from LiverTumorAttentionLib.followup.settings import MatchingSettings


def matches_of(evidence: Evidence, settings: MatchingSettings) -> list[Match]:
    """Return every lesion in one match."""
    return _Matcher(evidence, settings).matches()


def distances_of(
    matches: list[Match], evidence: Evidence, settings: MatchingSettings
) -> list[tuple[float, float]]:
    """Return, of each pair in the matches, the squared distance of the centers, mm², and the variance, each axis, that
    growth and outline alone give it."""
    found = []
    for match in matches:
        if match.baseline and match.followup:
            a, b = _places(evidence, match.baseline, match.followup)
            found.append((_squared_mm2(a, b), _own_variance(a, b, settings)))
    return found


class _Matcher:
    """The lesions that the computer matches."""

    def __init__(self, evidence: Evidence, settings: MatchingSettings) -> None:
        self._evidence, self._settings = evidence, settings
        self._before, self._after = evidence.before, evidence.after
        self._swallowed, self._piece = evidence.swallowed, evidence.piece

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
        links = {
            p for shares in (self._piece, self._swallowed) for p, share in shares.items() if share >= inside
        }
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
        liver_mm3 = max(self._evidence.liver_mm3, 1.0)
        gone = np.array([-len(a) * np.log(1.0 - s.found_again) for a in here])
        new = np.array([len(b) * np.log(liver_mm3 * s.log_volume_range / s.expected_new) for b in there])
        return matched, gone, new

    def _cost(self, here: Node, there: Node) -> float:
        """Return the negative logarithm of the density of the second at its place and size, given the first."""
        s = self._settings
        a, b = _places(self._evidence, here, there)
        variance = self._evidence.sd_mm**2 + _own_variance(a, b, s)
        change = np.log(b.volume_mm3 / a.volume_mm3) / s.log_volume_sd
        place = _squared_mm2(a, b) / (2.0 * variance) + 1.5 * np.log(2.0 * np.pi * variance)
        return float(place + change**2 / 2.0 + 0.5 * np.log(2.0 * np.pi * s.log_volume_sd**2))

    def _match(self, here: Node, there: Node, close: bool) -> Match:
        """Return the match of two nodes. close: whether another assignment is nearly as probable."""
        reasons: list[str] = []
        missing: Missing = ""
        uncertain = close
        if close:
            reasons.append("another pairing is nearly as probable")
        if len(here) > 1 or len(there) > 1:
            shares = [max(self._piece.get(p, 0.0), self._swallowed.get(p, 0.0)) for p in _pairs(here, there)]
            if min(shares) < self._settings.surely_inside:
                uncertain = True
                reasons.append("it is not sure which of them belong together")
        if here and not there:
            missing = self._evidence.missing.get(here[0], "")
            if missing == "field of view":
                uncertain = True
                reasons.append("its place lies outside of what the follow-up shows")
            elif missing:
                reasons.append("the liver around it is missing in the follow-up: resected, ablated or shrunk")
        if there and not here and there[0] in self._evidence.unseen:
            uncertain = True
            reasons.append("its place lies outside of what the baseline shows")
        return Match(
            baseline=here,
            followup=there,
            uncertain=uncertain,
            reasons=tuple(reasons),
            missing=missing,
        )

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


def _places(evidence: Evidence, here: Node, there: Node) -> tuple[Place, Place]:
    return _joined([evidence.before[i] for i in here]), _joined([evidence.after[j] for j in there])


def _joined(places: list[Place]) -> Place:
    """Return the center and the volume of all together."""
    volumes = np.array([place.volume_mm3 for place in places])
    x, y, z = (volumes[:, None] * [place.center_mm for place in places]).sum(axis=0) / volumes.sum()
    return Place(center_mm=(float(x), float(y), float(z)), volume_mm3=float(volumes.sum()))


def _squared_mm2(a: Place, b: Place) -> float:
    return float((np.subtract(a.center_mm, b.center_mm) ** 2).sum())


def _own_variance(a: Place, b: Place, settings: MatchingSettings) -> float:
    """Return the variance, each axis, of the distance of two centers of one lesion at one place."""
    spread = settings.growth_shift * (a.radius_mm - b.radius_mm)
    return spread**2 + (settings.shape_shift * min(a.radius_mm, b.radius_mm)) ** 2


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
