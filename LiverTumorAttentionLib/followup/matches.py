"""What became of lesions: those of both time points that are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["matched", "new", "gone", "split", "merged"]
Node = tuple[int, ...]


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
