"""The diameters of tumours as line markups, where they were measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.scene.node_attributes import DIAMETERS_REFERENCE, LESION_TAG
from LiverTumorAttentionGui.scene.node_links import (
    add_referenced_node,
    referenced_nodes,
    remove_referenced_nodes,
)
from LiverTumorAttentionGui.scene.segments import lesions_of
from LiverTumorAttentionGui.scene.study import Study

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis import TumorReview
    from LiverTumorAttentionLib.voxels.geometry import Line

_GLYPH_SCALE = 1.5
"""Of Slicer's default 3: half as large, so that ends do not hide a small tumour."""
_FALLBACK_COLOR = (1.0, 0.85, 0.2)


class DiameterLines:
    """Two locked lines a tumour: the longest axial diameter and the longest one across it.

    They cross, so that labels at their middles would cover each other: one label at an end tells both lengths.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def numbers(self) -> tuple[int, ...]:
        """The tumours whose lines are shown."""
        lines = referenced_nodes(self._study.segmentation, DIAMETERS_REFERENCE)
        told = {line.GetAttribute(LESION_TAG) for line in lines}
        return tuple(sorted(int(number) for number in told if number and number.isdigit()))

    def show(self, tumors: list[TumorReview]) -> None:
        """Show the lines of these tumours and of no other."""
        self.clear()
        segmentation = self._study.segmentation.GetSegmentation()
        segments = lesions_of(segmentation)
        colors = {n: tuple(segmentation.GetSegment(each).GetColor()) for n, each in segments.items()}
        for tumor in tumors:
            color = colors.get(tumor.number, _FALLBACK_COLOR)
            size = tumor.measurement
            both = f"{size.longest_axial_diameter_mm:.1f} × {size.perpendicular_diameter_mm:.1f} mm"
            label = f"Tumor {tumor.number}: {both}"
            self._add(tumor.number, "longest diameter", size.longest_axial_diameter_lps_mm, label, color)
            self._add(tumor.number, "perpendicular", size.perpendicular_diameter_lps_mm, "", color)

    def clear(self) -> None:
        """Remove all lines."""
        remove_referenced_nodes(self._study.segmentation, DIAMETERS_REFERENCE)

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove the lines of tumours that are no longer what was measured."""
        gone = {str(number) for number in numbers}
        for line in referenced_nodes(self._study.segmentation, DIAMETERS_REFERENCE):
            if line.GetAttribute(LESION_TAG) in gone:
                line.GetScene().RemoveNode(line)

    def _add(self, number: int, what: str, line: Line, label: str, color: tuple[float, ...]) -> None:
        name = f"Tumor {number} {what}"
        node = add_referenced_node(
            self._study.segmentation, "vtkMRMLMarkupsLineNode", name, DIAMETERS_REFERENCE
        )
        for end in line:
            node.AddControlPointWorld(*self._study.to_ras(end))
        for index, text in enumerate((label, "")):
            node.SetNthControlPointLabel(index, text)
        node.SetAttribute(LESION_TAG, str(number))
        node.SetDescription("Measured; not for clinical use.")
        node.SetLocked(True)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSelectedColor(*color)
        display.SetColor(*color)
        display.SetPointLabelsVisibility(bool(label))
        display.SetPropertiesLabelVisibility(False)
        display.SetGlyphScale(_GLYPH_SCALE)
        display.SetHandlesInteractive(False)
