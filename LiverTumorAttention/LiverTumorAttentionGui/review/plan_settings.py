"""Settings of a plan, kept in the study's segmentation node."""

from __future__ import annotations

import math
from typing import Literal

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.node_attributes import (
    CAUDATE_ATTRIBUTE,
    COMBINE_ATTRIBUTE,
    CURVED_FLIPPED_ATTRIBUTE,
    CURVED_WITH_PLANES_ATTRIBUTE,
    HEIGHT_ATTRIBUTE,
    MARGIN_ATTRIBUTE,
    MARGIN_TUMORS_ATTRIBUTE,
    RESECTION_ATTRIBUTE,
    WEIGHT_ATTRIBUTE,
)

Combination = Literal["all", "any"]


class PlanSettings:
    """What is planned and on whom: attributes of the segmentation node, saved with the scene.

    An attribute that cannot be read counts as not set.
    """

    def __init__(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        self._node = segmentation

    @property
    def margin_mm(self) -> float | None:
        """Width of the margin; None without one."""
        return self._number(MARGIN_ATTRIBUTE)

    @property
    def margin_tumors(self) -> tuple[int, ...] | None:
        """Numbers of the tumors that have a margin; None for all."""
        texts = (self._node.GetAttribute(MARGIN_TUMORS_ATTRIBUTE) or "").split(",")
        numbers = tuple(int(text) for text in texts if text.isdigit())
        return numbers or None

    def set_margin(self, width_mm: float | None, tumors: tuple[int, ...] | None) -> None:
        """Set the margin; a width of None removes it."""
        self._set(MARGIN_ATTRIBUTE, None if width_mm is None else str(float(width_mm)))
        chosen = None if width_mm is None or tumors is None else ",".join(str(n) for n in tumors)
        self._set(MARGIN_TUMORS_ATTRIBUTE, chosen)

    @property
    def weight_kg(self) -> float | None:
        """Body weight; None when unknown. Setting an implausible one raises `PanelError`."""
        return self._number(WEIGHT_ATTRIBUTE)

    @weight_kg.setter
    def weight_kg(self, value: float | None) -> None:
        from LiverTumorAttentionLib.analysis.segments.remnant import HEAVIEST_KG, LIGHTEST_KG

        if value is not None and not LIGHTEST_KG <= value <= HEAVIEST_KG:
            raise PanelError(
                _(
                    "The body's weight must lie between {lightest_kg:g} and {heaviest_kg:g} kg, got "
                    "{value:g} kg: enter another weight."
                ).format(lightest_kg=LIGHTEST_KG, heaviest_kg=HEAVIEST_KG, value=value)
            )
        self._set(WEIGHT_ATTRIBUTE, None if value is None else str(float(value)))

    @property
    def height_cm(self) -> float | None:
        """Body height; None when unknown. Setting an implausible one raises `PanelError`."""
        return self._number(HEIGHT_ATTRIBUTE)

    @height_cm.setter
    def height_cm(self, value: float | None) -> None:
        from LiverTumorAttentionLib.analysis.segments.remnant import SHORTEST_CM, TALLEST_CM

        if value is not None and not SHORTEST_CM <= value <= TALLEST_CM:
            raise PanelError(
                _(
                    "The body's height must lie between {shortest_cm:g} and {tallest_cm:g} cm, got "
                    "{value:g} cm: enter another height."
                ).format(shortest_cm=SHORTEST_CM, tallest_cm=TALLEST_CM, value=value)
            )
        self._set(HEIGHT_ATTRIBUTE, None if value is None else str(float(value)))

    @property
    def resection(self) -> str | None:
        """The chosen resection by Couinaud segments, a key of `NAMED_RESECTIONS`; None for none."""
        from LiverTumorAttentionLib.analysis.segments import NAMED_RESECTIONS

        key = self._node.GetAttribute(RESECTION_ATTRIBUTE)
        return key if key in NAMED_RESECTIONS else None

    @resection.setter
    def resection(self, key: str | None) -> None:
        self._set(RESECTION_ATTRIBUTE, key)

    @property
    def with_caudate(self) -> bool:
        """Whether segment I is resected with it."""
        return self._node.GetAttribute(CAUDATE_ATTRIBUTE) == "1"

    @with_caudate.setter
    def with_caudate(self, value: bool) -> None:
        self._set(CAUDATE_ATTRIBUTE, "1" if value else None)

    @property
    def curved_flipped(self) -> bool:
        """Whether the curved cut takes out the larger part."""
        return self._node.GetAttribute(CURVED_FLIPPED_ATTRIBUTE) == "1"

    @curved_flipped.setter
    def curved_flipped(self, value: bool) -> None:
        self._set(CURVED_FLIPPED_ATTRIBUTE, "1" if value else None)

    @property
    def curved_with_planes(self) -> bool:
        """Whether the curved cut and the planes are one resection, combined as planes are."""
        return self._node.GetAttribute(CURVED_WITH_PLANES_ATTRIBUTE) == "1"

    @curved_with_planes.setter
    def curved_with_planes(self, value: bool) -> None:
        self._set(CURVED_WITH_PLANES_ATTRIBUTE, "1" if value else None)

    @property
    def combine(self) -> Combination:
        """Whether the part beyond "all" planes is resected, a wedge, or the part beyond "any" of them."""
        return "any" if self._node.GetAttribute(COMBINE_ATTRIBUTE) == "any" else "all"

    @combine.setter
    def combine(self, value: Combination) -> None:
        if value not in ("all", "any"):
            raise PanelError(
                _(
                    "Planes combine as 'all' (a wedge) or as 'any', got {value!r}: choose one of the two."
                ).format(value=value)
            )
        self._set(COMBINE_ATTRIBUTE, value)

    def _number(self, attribute: str) -> float | None:
        try:
            value = float(self._node.GetAttribute(attribute) or "")
        except ValueError:
            return None
        return value if math.isfinite(value) and value > 0 else None

    def _set(self, attribute: str, text: str | None) -> None:
        if text is None:
            self._node.RemoveAttribute(attribute)
        else:
            self._node.SetAttribute(attribute, text)
