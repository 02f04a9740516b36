"""The comparison of a follow-up with its baseline: what a person says of it and what was found, kept in the scene."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.said import VISITS, Said
from LiverTumorAttentionGui.scene.label_checksum import label_checksum
from LiverTumorAttentionGui.scene.node_attributes import (
    BASELINE_REFERENCE,
    COMPARISON_ATTRIBUTE,
    VISIT_TRANSFORM_REFERENCE,
)
from LiverTumorAttentionGui.scene.node_links import remove_referenced_nodes
from LiverTumorAttentionGui.scene.result_nodes import place_visit_registration
from LiverTumorAttentionGui.scene.study import Study

COMPUTED = ("matching", "viable")
"""Of what is kept: without these a result is that of an older version, from which nothing new can be told."""


@dataclass(frozen=True, kw_only=True)
class ComparisonState:
    """What is kept. earlier: what was said before each step, for undo. of, result: of the last run, the former the
    checksums of both segmentations, the latter with what follows from what was said since; None before it."""

    said: Said = field(default_factory=Said)
    earlier: tuple[Said, ...] = ()
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
            return ComparisonState(
                said=Said.from_dict(values.get("said", {})),
                earlier=tuple(Said.from_dict(each) for each in values.get("earlier", ())),
                of=dict(values.get("of", {})),
                result=_readable(values.get("result")),
            )
        except (ValueError, TypeError, AttributeError):
            return ComparisonState()

    def begin(self, baseline: slicer.vtkMRMLSegmentationNode) -> None:
        """Compare with a baseline; another one than before begins anew."""
        if self.baseline is not baseline:
            self.followup.SetNodeReferenceID(BASELINE_REFERENCE, baseline.GetID())
            self.followup.RemoveAttribute(COMPARISON_ATTRIBUTE)
            remove_referenced_nodes(self.followup, VISIT_TRANSFORM_REFERENCE)

    @property
    def transform(self) -> slicer.vtkMRMLTransformNode | None:
        """The registration of the follow-up onto the baseline; None before a run."""
        return self.followup.GetNodeReference(VISIT_TRANSFORM_REFERENCE)

    def keep_transform(self, from_baseline: vtk.vtkAbstractTransform) -> None:
        """Keep a registration in the scene. from_baseline: points of the baseline to those of the follow-up, world."""
        if self.baseline is not None:
            place_visit_registration(
                self.followup,
                from_baseline,
                baseline=Study.of(self.baseline).portal,
                followup=Study.of(self.followup).portal,
            )

    def begin_with(self, said: Said) -> None:
        """Keep what is known before a person says anything, which no undo takes back."""
        self._keep(ComparisonState(said=said))

    def say(self, said: Said) -> None:
        """Keep what a person says as one step of undo, and what follows from it. Raises `PanelError`."""
        state = self.state
        if said != state.said:
            self._keep(
                replace(
                    state,
                    said=said,
                    earlier=(*state.earlier, state.said),
                    result=reconsidered(state.result, said),
                )
            )

    def undo(self) -> None:
        """Take back the last step; nothing without one. Raises `PanelError`."""
        state = self.state
        if state.earlier:
            said = state.earlier[-1]
            self._keep(
                replace(state, said=said, earlier=state.earlier[:-1], result=reconsidered(state.result, said))
            )

    def keep_result(self, of: dict[str, str], result: dict[str, Any]) -> None:
        """Keep the result of a run. of: checksums of both segmentations.

        Raises `PanelError` where something that was said does not fit it, such as a pair of a lesion that is no more.
        """
        self._keep(replace(self.state, of=of, result=reconsidered(result, self.state.said)))

    def _keep(self, state: ComparisonState) -> None:
        self.followup.SetAttribute(COMPARISON_ATTRIBUTE, json.dumps(asdict(state)))


def segmentation_checksum(segmentation: slicer.vtkMRMLSegmentationNode) -> str:
    """Return a checksum of liver and tumors as they are in the segments. Raises `PanelError`."""
    return label_checksum(Study.of(segmentation).instances())


def reconsidered(result: dict[str, Any] | None, said: Said) -> dict[str, Any] | None:
    """Return the result of a run with pairs, changes and response as they follow from what a person says.

    They are those that a run finds which is told the same. None for none. Raises `PanelError`.
    """
    if result is None:
        return None
    from LiverTumorAttentionLib.followup.declared import DeclaredPair
    from LiverTumorAttentionLib.followup.measures import FollowUpMeasures, comparison_values
    from LiverTumorAttentionLib.followup.response import Chosen

    with as_panel_error():
        measures = FollowUpMeasures.from_dict(result)
        declared = [DeclaredPair(baseline=one, followup=other) for one, other in said.pairs]
        comparison = measures.compared(declared, _interval_days(said))
        viable = {visit: {n: mm for each, n, mm in said.viable if each == visit} for visit in VISITS}
        chosen = Chosen(
            targets=said.targets,
            nadir_mm=said.nadir_mm,
            nadir_viable_mm=said.nadir_viable_mm,
            non_target_progression=said.non_target_progression,
            viable_mm=(viable["baseline"], viable["followup"]),
        )
        return {**result, **comparison_values(comparison, measures.assessed(comparison, chosen))}


def _interval_days(said: Said) -> float | None:
    """Return the days between both; None where a date is not known. Raises `PanelError`."""
    days = said.days()
    if not all(days.values()):
        return None
    try:
        before, after = (datetime.date.fromisoformat(day) for day in days.values())
    except ValueError as error:
        raise PanelError(
            _("The dates {days} are not both dates: give them as YYYY-MM-DD.").format(
                days=" and ".join(days.values())
            )
        ) from error
    if after < before:
        raise PanelError(
            _(
                "The follow-up is before the baseline: change the dates, or choose the studies the other way round."
            )
        )
    return float((after - before).days)


def _readable(result: Any) -> dict[str, Any] | None:
    """Return a result from which more can be told; None for one of an older version, and for what is none."""
    return result if isinstance(result, dict) and all(name in result for name in COMPUTED) else None
