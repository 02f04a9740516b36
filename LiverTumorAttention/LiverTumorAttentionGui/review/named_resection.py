"""The resection of a study by Couinaud segments, in the words of Brisbane 2000."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.review.couinaud import SceneCouinaud
from LiverTumorAttentionGui.review.plan_segments import NAMED_RESECTED_SEGMENT, PlanSegments
from LiverTumorAttentionGui.review.plan_settings import PlanSettings
from LiverTumorAttentionGui.scene.labelmap_layers import LabelLayers
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.segments import LiverSegments, SegmentPlan


class NamedResection:
    """What the resection that is chosen in the study's settings takes out and leaves. Not for clinical use.

    segments: of the plan. instances: returns the present segmentation, as in `ScenePlan`.
    """

    def __init__(self, study: Study, segments: PlanSegments, instances: Callable[[], sitk.Image]) -> None:
        self._study = study
        self._settings = PlanSettings(study.segmentation)
        self._segments = segments
        self._instances = instances
        self._known: tuple[object, LiverSegments] | None = None

    def plan(self) -> SegmentPlan | None:
        """Return the resection in numbers; None where none is chosen.

        Raises `PanelError` where no Couinaud segments are known, and when nothing or the whole liver is resected.
        """
        from LiverTumorAttentionLib.analysis.segments import NAMED_RESECTIONS, Person, plan_named_resection

        key = self._settings.resection
        if key is None:
            return None
        named = NAMED_RESECTIONS[key]
        with as_panel_error():
            return plan_named_resection(
                self._instances(),
                self._liver_segments(),
                named.with_caudate() if self._settings.with_caudate else named,
                Person(height_cm=self._settings.height_cm, weight_kg=self._settings.weight_kg),
            )

    @property
    def shown(self) -> bool:
        """Whether the resected part is shown as a segment."""
        return self._segments.has(NAMED_RESECTED_SEGMENT)

    def show(self, shown: bool) -> None:
        """Show the resected part as a segment, or hide it. Raises `PanelError` as `plan` does."""
        plan = self.plan() if shown else None
        if plan is None:
            self._segments.remove(NAMED_RESECTED_SEGMENT)
            return
        told = self._liver_segments()
        mask = sitk.GetImageFromArray(np.isin(told.array, plan.resection.segments).astype(np.uint8))
        mask.CopyInformation(told.labels)
        self._segments.show(NAMED_RESECTED_SEGMENT, plan.resection.title, mask)

    def update_shown(self) -> None:
        """Update the segment where it is shown; one that can no longer be computed is removed."""
        if not self.shown:
            return
        try:
            self.show(True)
        except PanelError:
            self._segments.remove(NAMED_RESECTED_SEGMENT)

    def as_json(self) -> dict[str, Any]:
        """Return the resection as `review --plan` reads it; empty where none is chosen or no segments are known."""
        key = self._settings.resection
        if key is None or self._study.couinaud is None:
            return {}
        return {"segment_resections": [{"resection": key, "caudate": self._settings.with_caudate}]}

    def _liver_segments(self) -> LiverSegments:
        """Return the segments of the present liver, told anew where either has changed."""
        node, instances = self._study.couinaud, self._instances()
        state = None if node is None else LabelLayers(node, self._study.grid).modified_state()
        key = (id(instances), node, state)
        if self._known is None or self._known[0] != key:
            self._known = (key, SceneCouinaud(self._study).on_liver(instances))
        return self._known[1]
