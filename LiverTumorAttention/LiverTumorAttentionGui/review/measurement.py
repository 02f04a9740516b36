"""The review of a study in the scene: its tumours measured, the table filled, diameters drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.errors import PanelError, as_panel_error
from LiverTumorAttentionGui.review.diameter_markups import DiameterLines
from LiverTumorAttentionGui.scene.study import Study
from LiverTumorAttentionGui.scene.tumor_table import fill_tumor_table

if TYPE_CHECKING:
    import SimpleITK as sitk

    from LiverTumorAttentionLib.analysis import CaseReview
    from LiverTumorAttentionLib.progress import Progress


class SceneReview:
    """Measures the tumours of one study. Nothing that it shows is meant for clinical use."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._lines = DiameterLines(study)
        self._review: CaseReview | None = None

    @property
    def review(self) -> CaseReview | None:
        """What was measured last; None before."""
        return self._review

    @property
    def shown_diameters(self) -> tuple[int, ...]:
        """The tumours whose diameters are drawn."""
        return self._lines.numbers

    def measure(self, instances: sitk.Image, progress: Progress | None = None) -> CaseReview:
        """Measure every tumour, fill the study's table, and draw the diameters anew that are shown.

        instances: uint16 on the portal grid, in the world: 0 background, 1 liver, n + 1 tumour n.
        Raises `PanelError`, or `Cancelled` when the user cancels; the scene is then as it was.
        """
        from LiverTumorAttentionLib.analysis import review_case

        with as_panel_error():
            review = review_case(
                instances,
                self._study.portal_image(),
                self._study.arterial_image(),
                self._study.probability_image(),
                self._study.vessel_map(),
                progress=progress,
            )
        self._review = review
        fill_tumor_table(self._study.segmentation, review.tumors)
        if self._lines.numbers:
            shown = self._lines.numbers
            self._lines.show([tumor for tumor in review.tumors if tumor.number in shown])
        return review

    def show_diameters(self, numbers: Sequence[int] | None = None) -> None:
        """Draw the diameters of these tumours and of no other, of all when None. Raises `PanelError`."""
        if self._review is None:
            raise PanelError("The tumors have not been measured yet: measure them first.")
        by_number = {tumor.number: tumor for tumor in self._review.tumors}
        wanted = sorted(by_number) if numbers is None else sorted(set(numbers))
        missing = [number for number in wanted if number not in by_number]
        if missing:
            raise PanelError(f"Tumor {missing[0]} was not measured: measure the tumors again.")
        self._lines.show([by_number[number] for number in wanted])

    def clear_diameters(self) -> None:
        """Remove the lines."""
        self._lines.clear()
