"""What two segmentations on a common grid say of their lesions: places, sizes, and how far one lies inside another.

The assignment needs nothing else: with these numbers it is made anew without the volumes, when a person names a pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from LiverTumorAttentionLib.followup.bodies import REACH, Body, CommonGrid
from LiverTumorAttentionLib.followup.settings import MatchingSettings

Shares = Mapping[tuple[int, int], float]
Missing = Literal["", "field of view", "liver"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Center (LPS mm, in the baseline's space) and volume of a lesion."""

    center_mm: tuple[float, float, float]
    volume_mm3: float

    @property
    def radius_mm(self) -> float:
        """Radius of the ball of equal volume."""
        return float((3.0 * self.volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What speaks for and against pairs of lesions, for one standard deviation of a place after registration.

    sd_mm: it, each axis. liver_mm3: volume of the baseline's liver. before, after: the lesions of baseline and
    follow-up by number. swallowed: by (baseline, follow-up), the share of the first inside the second; piece: that of
    the second inside the first; 0 where not given. missing: of lesions of the baseline whose place the follow-up does
    not show, or shows no liver at, which of both. unseen: lesions of the follow-up whose place the baseline does not
    show.
    """

    sd_mm: float
    liver_mm3: float
    before: Mapping[int, Place]
    after: Mapping[int, Place]
    swallowed: Shares
    piece: Shares
    missing: Mapping[int, Missing]
    unseen: frozenset[int]

    @classmethod
    def of(
        cls,
        common: CommonGrid,
        before: Mapping[int, Body],
        after: Mapping[int, Body],
        sd_mm: float,
        settings: MatchingSettings,
    ) -> Evidence:
        """Measure bodies on a common grid."""
        near = {
            (i, j): (common.share_inside(a, b, sd_mm), common.share_inside(b, a, sd_mm))
            for i, a in before.items()
            for j, b in after.items()
            if np.linalg.norm(a.center_mm - b.center_mm) < _reach_mm(a, b, sd_mm, common.spacing_mm)
        }
        missing = {i: _missing(common, body, sd_mm, settings.in_liver) for i, body in before.items()}
        return cls(
            sd_mm=sd_mm,
            liver_mm3=common.liver_mm3(),
            before={i: _place(body) for i, body in before.items()},
            after={j: _place(body) for j, body in after.items()},
            swallowed={pair: shares[0] for pair, shares in near.items() if shares[0] > 0},
            piece={pair: shares[1] for pair, shares in near.items() if shares[1] > 0},
            missing={i: which for i, which in missing.items() if which},
            unseen=frozenset(
                j for j, b in after.items() if common.share_seen(b, common.baseline) < settings.in_liver
            ),
        )

    def without(self, before: set[int], after: set[int]) -> Evidence:
        """Return the evidence on the other lesions."""

        def shares(found: Shares) -> Shares:
            return {p: share for p, share in found.items() if p[0] not in before and p[1] not in after}

        return Evidence(
            sd_mm=self.sd_mm,
            liver_mm3=self.liver_mm3,
            before={i: place for i, place in self.before.items() if i not in before},
            after={j: place for j, place in self.after.items() if j not in after},
            swallowed=shares(self.swallowed),
            piece=shares(self.piece),
            missing={i: which for i, which in self.missing.items() if i not in before},
            unseen=self.unseen - after,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "sd_mm": self.sd_mm,
            "liver_mm3": self.liver_mm3,
            "before": [[i, *p.center_mm, p.volume_mm3] for i, p in self.before.items()],
            "after": [[j, *p.center_mm, p.volume_mm3] for j, p in self.after.items()],
            "swallowed": [[*pair, share] for pair, share in self.swallowed.items()],
            "piece": [[*pair, share] for pair, share in self.piece.items()],
            "missing": [[i, which] for i, which in self.missing.items()],
            "unseen": sorted(self.unseen),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evidence:
        """Read what `as_dict` returned."""

        def places(rows: list[list[float]]) -> dict[int, Place]:
            return {int(n): Place(center_mm=(x, y, z), volume_mm3=volume) for n, x, y, z, volume in rows}

        return cls(
            sd_mm=values["sd_mm"],
            liver_mm3=values["liver_mm3"],
            before=places(values["before"]),
            after=places(values["after"]),
            swallowed={(i, j): share for i, j, share in values["swallowed"]},
            piece={(i, j): share for i, j, share in values["piece"]},
            missing=dict(values["missing"]),
            unseen=frozenset(values["unseen"]),
        )


def _place(body: Body) -> Place:
    x, y, z = (float(value) for value in body.center_mm)
    return Place(center_mm=(x, y, z), volume_mm3=body.volume_mm3)


def _missing(common: CommonGrid, body: Body, sd_mm: float, least: float) -> Missing:
    if common.share_seen(body, common.followup) < least:
        return "field of view"
    return "liver" if common.share_in_liver(body, common.followup, 2.0 * sd_mm) < least else ""


def _reach_mm(a: Body, b: Body, sd_mm: float, spacing_mm: float) -> float:
    """Return the distance of centers from which on neither body can lie inside the other one.

    A center lies within its box, whose diagonal no distance from it exceeds.
    """
    diagonals = [float(np.linalg.norm([side.stop - side.start for side in body.box])) for body in (a, b)]
    return spacing_mm * sum(diagonals) + REACH * sd_mm
