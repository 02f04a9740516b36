"""Settings of a plan, in attributes of the segmentation node, which are saved with the scene."""

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


class PlanSettings:
    """Margin, body weight and combination of the planes. An attribute that cannot be read counts as not set."""

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
        from LiverTumorAttentionLib.analysis.planning.resection import HEAVIEST_KG, LIGHTEST_KG

        if value is not None and not LIGHTEST_KG <= value <= HEAVIEST_KG:
            raise PanelError(
                f"The body's weight must lie between {LIGHTEST_KG:g} and {HEAVIEST_KG:g} kg, got {value:g} kg."
            )
        self._set(WEIGHT_ATTRIBUTE, None if value is None else str(float(value)))

    @property
    def combine(self) -> Combination:
        """Whether the part beyond "all" planes is resected, a wedge, or the part beyond "any" of them."""
        return "any" if self._node.GetAttribute(COMBINE_ATTRIBUTE) == "any" else "all"

    @combine.setter
    def combine(self, value: Combination) -> None:
        if value not in ("all", "any"):
            raise PanelError(f"Planes combine as 'all' (a wedge) or as 'any', got {value!r}.")
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
