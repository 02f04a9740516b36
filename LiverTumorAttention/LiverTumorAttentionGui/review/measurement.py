"""Measurement of a study in the scene: the tumor table and the diameter lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.review.couinaud import SceneCouinaud
from LiverTumorAttentionGui.scene.node_attributes import DIAMETERS_REFERENCE, LESION_TAG
from LiverTumorAttentionGui.scene.node_links import (
    add_referenced_node,
    referenced_nodes,
    remove_referenced_nodes,
)
from LiverTumorAttentionGui.scene.result_nodes import fill_tumor_table
from LiverTumorAttentionGui.scene.segments import lesions_of
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionLib.wording import measured, quantity

if TYPE_CHECKING:
    import SimpleITK as sitk

    from LiverTumorAttentionLib.analysis import CaseReview, TumorReview
    from LiverTumorAttentionLib.progress import Progress
    from LiverTumorAttentionLib.voxels.geometry import Line

_GLYPH_SCALE = 1.5
"""Half of Slicer's default, so that the ends do not hide a small tumor."""
_FALLBACK_COLOR = (1.0, 0.85, 0.2)


class SceneReview:
    """Measures the tumors of one study. Not for clinical use."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._lines = DiameterLines(study)
        self._review: CaseReview | None = None

    @property
    def review(self) -> CaseReview | None:
        """The last measurement; None before the first."""
        return self._review

    @property
    def shown_diameters(self) -> tuple[int, ...]:
        """The tumors whose diameters are drawn."""
        return self._lines.numbers

    def measure(self, instances: sitk.Image, progress: Progress | None = None) -> CaseReview:
        """Measure every tumor, fill the study's table, and update the diameter lines that are shown.

        instances: uint16 on the portal grid in world coordinates: 0 background, 1 liver, n + 1 tumor n.
        Raises `PanelError`, or `Cancelled` when the user cancels; the scene is then unchanged.
        """
        from LiverTumorAttentionLib.analysis import review_case, run_findings

        with as_panel_error():
            review = review_case(
                instances,
                self._study.portal_image(),
                self._study.arterial_image(),
                self._study.probability_image(),
                self._study.vessel_map(),
                native=self._study.registered_image("native"),
                delayed=self._study.registered_image("delayed"),
                findings=run_findings(self._study.report),
                progress=progress,
            )
            review = self._with_segments(review, instances)
        self._review = review
        fill_tumor_table(self._study.segmentation, review.tumors)
        if self._lines.numbers:
            shown = self._lines.numbers
            self._lines.show([tumor for tumor in review.tumors if tumor.number in shown])
        return review

    def tell_segments(self, instances: sitk.Image) -> CaseReview | None:
        """Take the present Couinaud segments into the last measurement and the study's table; None before the first.

        instances: those that were measured. Raises `PanelError`.
        """
        if self._review is not None:
            with as_panel_error():
                self._review = self._with_segments(self._review, instances)
            fill_tumor_table(self._study.segmentation, self._review.tumors)
        return self._review

    def _with_segments(self, review: CaseReview, instances: sitk.Image) -> CaseReview:
        if self._study.couinaud is None:
            return review
        return review.with_segments(SceneCouinaud(self._study).on_liver(instances), instances)

    def show_diameters(self, numbers: Sequence[int] | None = None) -> None:
        """Draw the diameters of these tumors only, of all when None. Raises `PanelError`."""
        if self._review is None:
            raise PanelError(_("The tumors have not been measured yet: measure them first."))
        by_number = {tumor.number: tumor for tumor in self._review.tumors}
        wanted = sorted(by_number) if numbers is None else sorted(set(numbers))
        missing = [number for number in wanted if number not in by_number]
        if missing:
            raise PanelError(
                _("Tumor {value} was not measured: measure the tumors again.").format(value=missing[0])
            )
        self._lines.show([by_number[number] for number in wanted])

    def clear_diameters(self) -> None:
        """Remove the diameter lines."""
        self._lines.clear()


class DiameterLines:
    """Two locked markups lines a tumor: the longest axial diameter and the longest one perpendicular to it.

    The lines cross, so labels at their middles would overlap: one label at an end has both lengths.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def numbers(self) -> tuple[int, ...]:
        """The tumors whose lines are in the scene."""
        lines = referenced_nodes(self._study.segmentation, DIAMETERS_REFERENCE)
        numbers = {line.GetAttribute(LESION_TAG) for line in lines}
        return tuple(sorted(int(number) for number in numbers if number and number.isdigit()))

    def show(self, tumors: list[TumorReview]) -> None:
        """Show the lines of these tumors only."""
        self.clear()
        segmentation = self._study.segmentation.GetSegmentation()
        segments = lesions_of(segmentation)
        colors = {n: tuple(segmentation.GetSegment(each).GetColor()) for n, each in segments.items()}
        for tumor in tumors:
            color = colors.get(tumor.number, _FALLBACK_COLOR)
            size = tumor.measurement
            longest, across = size.longest_axial_diameter_mm, size.perpendicular_diameter_mm
            lengths = f"{quantity(longest, 'mm')} × {measured(across, 'mm')}"
            label = _("Tumor {number}: {lengths}").format(number=tumor.number, lengths=lengths)
            self._add(tumor.number, "longest diameter", size.longest_axial_diameter_lps_mm, label, color)
            self._add(tumor.number, "perpendicular", size.perpendicular_diameter_lps_mm, "", color)

    def clear(self) -> None:
        """Remove all lines of the study."""
        remove_referenced_nodes(self._study.segmentation, DIAMETERS_REFERENCE)

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove the lines of these tumors."""
        removed = {str(number) for number in numbers}
        for line in referenced_nodes(self._study.segmentation, DIAMETERS_REFERENCE):
            if line.GetAttribute(LESION_TAG) in removed:
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
        node.SetDescription(_("Measured; not for clinical use."))
        node.SetLocked(True)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSelectedColor(*color)
        display.SetColor(*color)
        display.SetPointLabelsVisibility(bool(label))
        display.SetPropertiesLabelVisibility(False)
        display.SetGlyphScale(_GLYPH_SCALE)
        display.SetHandlesInteractive(False)
        display.SetVisibility3D(False)  # labels of neighboring tumors would lie over each other
