"""The comparison of a follow-up with its baseline: what a person says of it and what was found, kept in the scene."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.label_checksum import label_checksum
from LiverTumorAttentionGui.scene.node_attributes import BASELINE_REFERENCE, COMPARISON_ATTRIBUTE
from LiverTumorAttentionGui.scene.study import Study

VISITS = ("baseline", "followup")
MOST_TARGETS = 2
"""RECIST 1.1: at most two in one organ."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
Pair = tuple[int | None, int | None]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person says. pairs: lesions that are one, as (baseline, follow-up), None for none. targets: of RECIST."""

    pairs: tuple[Pair, ...] = ()
    targets: tuple[int, ...] = ()
    baseline_date: str = ""
    followup_date: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Said:
        """Read JSON values."""
        pairs = tuple((one, other) for one, other in values.get("pairs", ()))
        dates = {f"{visit}_date": str(values.get(f"{visit}_date", "")) for visit in VISITS}
        return cls(pairs=pairs, targets=tuple(values.get("targets", ())), **dates)

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
        """Return it with a lesion of the baseline as target, or without it where it is one. Raises `PanelError`."""
        if number in self.targets:
            return replace(self, targets=tuple(each for each in self.targets if each != number))
        if len(self.targets) >= MOST_TARGETS:
            raise PanelError(
                _("Two lesions are targets already, the most in one organ: take one away first.")
            )
        return replace(self, targets=tuple(sorted((*self.targets, number))))

    def arguments(self) -> list[str]:
        """Return the options of `compare`. Raises `PanelError` for what is no date."""
        words = []
        for visit in VISITS:
            day = getattr(self, f"{visit}_date").strip()
            if day and not _DATE.fullmatch(day):
                raise PanelError(_("The date {day} is none: give it as YYYY-MM-DD.").format(day=day))
            words += [f"--{visit}-date", day] if day else []
        for one, other in self.pairs:
            words += ["--pair", f"{_number(one)}={_number(other)}"]
        if self.targets:
            words += ["--targets", ",".join(str(number) for number in self.targets)]
        return words


@dataclass(frozen=True, kw_only=True)
class ComparisonState:
    """What is kept. earlier: what was said before each step, for undo. asked, of, result: of the last run, the latter
    with the checksums of both segmentations; None before it."""

    said: Said = field(default_factory=Said)
    earlier: tuple[Said, ...] = ()
    asked: Said | None = None
    of: dict[str, str] = field(default_factory=dict)
    result: dict[str, Any] | None = None


class SceneComparison:
    """The comparison of a follow-up's segmentation node."""

    def __init__(self, followup: slicer.vtkMRMLSegmentationNode) -> None:
        self.followup = followup

    @property
    def baseline(self) -> slicer.vtkMRMLSegmentationNode | None:
        """The segmentation of the baseline; None without one."""
        return self.followup.GetNodeReference(BASELINE_REFERENCE)

    @property
    def state(self) -> ComparisonState:
        """What is kept; of what cannot be read, nothing."""
        try:
            values = json.loads(self.followup.GetAttribute(COMPARISON_ATTRIBUTE) or "{}")
            asked = values.get("asked")
            return ComparisonState(
                said=Said.from_dict(values.get("said", {})),
                earlier=tuple(Said.from_dict(each) for each in values.get("earlier", ())),
                asked=None if asked is None else Said.from_dict(asked),
                of=dict(values.get("of", {})),
                result=values.get("result"),
            )
        except (ValueError, TypeError, AttributeError):
            return ComparisonState()

    def begin(self, baseline: slicer.vtkMRMLSegmentationNode) -> None:
        """Compare with a baseline; another one than before begins anew."""
        if self.baseline is not baseline:
            self.followup.SetNodeReferenceID(BASELINE_REFERENCE, baseline.GetID())
            self.followup.RemoveAttribute(COMPARISON_ATTRIBUTE)

    def begin_with(self, said: Said) -> None:
        """Keep what is known before a person says anything, which no undo takes back."""
        self._keep(ComparisonState(said=said))

    def say(self, said: Said) -> None:
        """Keep what a person says as one step of undo."""
        state = self.state
        if said != state.said:
            self._keep(replace(state, said=said, earlier=(*state.earlier, state.said)))

    def undo(self) -> None:
        """Take back the last step; nothing without one."""
        state = self.state
        if state.earlier:
            self._keep(replace(state, said=state.earlier[-1], earlier=state.earlier[:-1]))

    def keep_result(self, asked: Said, of: dict[str, str], result: dict[str, Any]) -> None:
        """Keep the result of a run. asked: what was said when it began. of: checksums of both segmentations."""
        self._keep(replace(self.state, asked=asked, of=of, result=result))

    def _keep(self, state: ComparisonState) -> None:
        self.followup.SetAttribute(COMPARISON_ATTRIBUTE, json.dumps(asdict(state)))


def segmentation_checksum(segmentation: slicer.vtkMRMLSegmentationNode) -> str:
    """Return a checksum of liver and tumors as they are in the segments. Raises `PanelError`."""
    return label_checksum(Study.of(segmentation).instances())


def _contradict(pair: Pair, other: Pair) -> bool:
    """Whether a lesion is alone in one pair and in the other, too."""
    shared = [one is not None and one == two for one, two in zip(pair, other, strict=True)]
    return any(shared) and (None in pair or None in other)


def _number(lesion: int | None) -> str:
    return "none" if lesion is None else str(lesion)
