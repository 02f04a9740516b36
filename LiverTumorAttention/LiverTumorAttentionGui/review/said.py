"""What a person says of a comparison of two time points: pairs, targets, sums so far, viable diameters, dates."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _

VISITS = ("baseline", "followup")
MOST_TARGETS = 2
"""RECIST 1.1: at most two in one organ."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
Pair = tuple[int | None, int | None]
Viable = tuple[str, int, float]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person says.

    pairs: lesions that are one, as (baseline, follow-up), None for none. targets: of RECIST, numbers of the baseline.
    nadir_mm, nadir_viable_mm: smallest sums of the targets' diameters before the follow-up; None takes the baseline's.
    non_target_progression: whether the other lesions progress unequivocally. viable: viable diameters, mm, by time
    point and target.
    """

    pairs: tuple[Pair, ...] = ()
    targets: tuple[int, ...] = ()
    nadir_mm: float | None = None
    nadir_viable_mm: float | None = None
    non_target_progression: bool = False
    viable: tuple[Viable, ...] = ()
    baseline_date: str = ""
    followup_date: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Said:
        """Read JSON values."""
        pairs = tuple((one, other) for one, other in values.get("pairs", ()))
        dates = {f"{visit}_date": str(values.get(f"{visit}_date", "")) for visit in VISITS}
        return cls(
            pairs=pairs,
            targets=tuple(values.get("targets", ())),
            nadir_mm=values.get("nadir_mm"),
            nadir_viable_mm=values.get("nadir_viable_mm"),
            non_target_progression=bool(values.get("non_target_progression", False)),
            viable=tuple((visit, number, mm) for visit, number, mm in values.get("viable", ())),
            **dates,
        )

    def with_pair(self, baseline: int | None, followup: int | None) -> Said:
        """Return it with a pair; earlier ones that contradict it are left out.

        A lesion without a partner has no pair. Several of one side may belong to one of the other. Raises `PanelError`.
        """
        if baseline is None and followup is None:
            raise PanelError(
                _("No lesion is chosen: choose one of the baseline, of the follow-up, or of both.")
            )
        kept = [
            pair
            for pair in self.pairs
            if not _contradict(pair, (baseline, followup)) and pair != (baseline, followup)
        ]
        return replace(self, pairs=(*kept, (baseline, followup)))

    def with_target(self, number: int) -> Said:
        """Return it with a lesion of the baseline as target, or without it where it is one. Raises `PanelError`.

        Sums so far are of the targets, and go with them; viable diameters go with their target, and what was said of
        the lesions that are no targets with the last one.
        """
        if number in self.targets:
            targets = tuple(each for each in self.targets if each != number)
        elif len(self.targets) >= MOST_TARGETS:
            raise PanelError(
                _("Two lesions are targets already, the most in one organ: take one away first.")
            )
        else:
            targets = tuple(sorted((*self.targets, number)))
        return replace(
            self,
            targets=targets,
            nadir_mm=None,
            nadir_viable_mm=None,
            non_target_progression=self.non_target_progression and bool(targets),
            viable=tuple(each for each in self.viable if each[1] in targets),
        )

    def with_viable(self, visit: str, number: int, mm: float | None) -> Said:
        """Return it with a target's viable diameter at a time point; None takes the proposal again."""
        kept = [each for each in self.viable if each[:2] != (visit, number)]
        added = [] if mm is None else [(visit, number, mm)]
        return replace(self, viable=tuple(sorted((*kept, *added))))

    def arguments(self) -> list[str]:
        """Return the options of `compare`. Raises `PanelError` for what is no date."""
        words = []
        for visit, day in self.days().items():
            words += [f"--{visit}-date", day] if day else []
        for one, other in self.pairs:
            words += ["--pair", f"{_number(one)}={_number(other)}"]
        if self.targets:
            words += ["--targets", ",".join(str(number) for number in self.targets)]
        for name, mm in (("nadir-sum", self.nadir_mm), ("nadir-viable-sum", self.nadir_viable_mm)):
            words += [f"--{name}", f"{mm:g}"] if mm is not None else []
        if self.non_target_progression:
            words.append("--non-target-progression")
        for visit, number, mm in self.viable:
            words += ["--viable" if visit == "followup" else "--baseline-viable", f"{number}={mm:g}"]
        return words

    def days(self) -> dict[str, str]:
        """Return the dates by time point, "" where none is known. Raises `PanelError` for what is no date."""
        found = {visit: getattr(self, f"{visit}_date").strip() for visit in VISITS}
        for day in found.values():
            if day and not _DATE.fullmatch(day):
                raise PanelError(_("The date {day} is none: give it as YYYY-MM-DD.").format(day=day))
        return found


def _contradict(pair: Pair, other: Pair) -> bool:
    """Whether a lesion is alone in one pair and in the other, too."""
    shared = [one is not None and one == two for one, two in zip(pair, other, strict=True)]
    return any(shared) and (None in pair or None in other)


def _number(lesion: int | None) -> str:
    return "none" if lesion is None else str(lesion)
