"""Pairs of lesions that a person named, which count before what the computer finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError

Node = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class DeclaredPair:
    """A lesion of the baseline and one of the follow-up, by number; None for none."""

    baseline: int | None
    followup: int | None

    @classmethod
    def of(cls, text: str) -> DeclaredPair:
        """Read "2=3", "2=none" or "none=3". Raises `InputError` for anything else."""
        found = re.fullmatch(r"\s*(\d{1,5}|none)\s*=\s*(\d{1,5}|none)\s*", text, re.IGNORECASE)
        sides = [None if side.lower() == "none" else int(side) for side in found.groups()] if found else []
        if not sides or sides == [None, None]:
            raise InputError(
                f"a pair is a lesion of the baseline and one of the follow-up, got {text!r}: "
                "give it as 2=3, 2=none or none=3"
            )
        return cls(baseline=sides[0], followup=sides[1])


def declared_matches(
    declared: Sequence[DeclaredPair], before: set[int], after: set[int]
) -> list[tuple[Node, Node]]:
    """Return the lesions that belong together by what a person said, as (baseline, follow-up).

    before, after: the numbers that there are. Raises `InputError` for a number that there is not, for a lesion that is
    named as gone or new and paired too, and where several lesions of both would be one.
    """
    groups: list[tuple[set[int], set[int]]] = []
    for pair in declared:
        for number, known, side in ((pair.baseline, before, "baseline"), (pair.followup, after, "follow-up")):
            if number is not None and number not in known:
                listed = ", ".join(str(n) for n in sorted(known)) or "none"
                raise InputError(f"the {side} has no lesion {number} (it has {listed}): choose one of these")
        here = set() if pair.baseline is None else {pair.baseline}
        there = set() if pair.followup is None else {pair.followup}
        touched = [group for group in groups if group[0] & here or group[1] & there]
        if any(not g[0] or not g[1] for g in (*touched, (here, there))) and touched:
            number = pair.baseline if pair.baseline is not None else pair.followup
            raise InputError(
                f"lesion {number} is named both with and without a partner: leave out one of the two"
            )
        groups = [group for group in groups if group not in touched]
        groups.append(
            (here.union(*(group[0] for group in touched)), there.union(*(group[1] for group in touched)))
        )
    for rows, columns in groups:
        if len(rows) > 1 and len(columns) > 1:
            raise InputError(
                f"lesions {sorted(rows)} of the baseline and {sorted(columns)} of the follow-up cannot all be one: "
                "leave out a pair"
            )
    return [(tuple(sorted(rows)), tuple(sorted(columns))) for rows, columns in groups]
