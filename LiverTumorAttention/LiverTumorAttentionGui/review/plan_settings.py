"""What the user chose for a plan, kept on the segmentation node and saved with the scene."""

from __future__ import annotations

import math
from typing import Literal

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.node_attributes import (
    COMBINE_ATTRIBUTE,
    MARGIN_ATTRIBUTE,
    MARGIN_TUMORS_ATTRIBUTE,
    WEIGHT_ATTRIBUTE,
)

Combination = Literal["all", "any"]


class PlanChoices:
    """Margin, weight and how planes combine. What is damaged in a scene counts as not chosen."""

    def __init__(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        self._node = segmentation

    @property
    def margin_mm(self) -> float | None:
        """The margin's width; None without a margin."""
        return self._number(MARGIN_ATTRIBUTE)

    @property
    def margin_tumors(self) -> tuple[int, ...] | None:
        """The tumours that the margin surrounds; None for all."""
        words = (self._node.GetAttribute(MARGIN_TUMORS_ATTRIBUTE) or "").split(",")
        numbers = tuple(int(word) for word in words if word.isdigit())
        return numbers or None

    def set_margin(self, width_mm: float | None, tumors: tuple[int, ...] | None) -> None:
        """Keep a margin; None for none."""
        self._keep(MARGIN_ATTRIBUTE, None if width_mm is None else str(float(width_mm)))
        chosen = None if width_mm is None or tumors is None else ",".join(str(n) for n in tumors)
        self._keep(MARGIN_TUMORS_ATTRIBUTE, chosen)

    @property
    def weight_kg(self) -> float | None:
        """The body's weight; None when it is not known. Setting one that is none raises `PanelError`."""
        return self._number(WEIGHT_ATTRIBUTE)

    @weight_kg.setter
    def weight_kg(self, value: float | None) -> None:
        from LiverTumorAttentionLib.analysis.planning.resection import HEAVIEST_KG, LIGHTEST_KG

        if value is not None and not LIGHTEST_KG <= value <= HEAVIEST_KG:
            raise PanelError(
                f"The body's weight must lie between {LIGHTEST_KG:g} and {HEAVIEST_KG:g} kg, got {value:g} kg."
            )
        self._keep(WEIGHT_ATTRIBUTE, None if value is None else str(float(value)))

    @property
    def combine(self) -> Combination:
        """What several planes take out: what lies beyond "all" of them, or beyond "any"."""
        return "any" if self._node.GetAttribute(COMBINE_ATTRIBUTE) == "any" else "all"

    @combine.setter
    def combine(self, value: Combination) -> None:
        if value not in ("all", "any"):
            raise PanelError(f"Planes combine as 'all' (a wedge) or as 'any', got {value!r}.")
        self._keep(COMBINE_ATTRIBUTE, value)

    def _number(self, attribute: str) -> float | None:
        try:
            value = float(self._node.GetAttribute(attribute) or "")
        except ValueError:
            return None
        return value if math.isfinite(value) and value > 0 else None

    def _keep(self, attribute: str, text: str | None) -> None:
        if text is None:
            self._node.RemoveAttribute(attribute)
        else:
            self._node.SetAttribute(attribute, text)
