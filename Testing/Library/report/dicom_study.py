"""A study of two DICOM series with a segmentation, for tests of DICOM objects; they are skipped without highdicom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.io import read_volume, write_segmentation
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.report import ReportContent, report_case
from Testing.Library.report.cases import Small

highdicom = pytest.importorskip("highdicom", reason="DICOM objects need highdicom")
pydicom = pytest.importorskip("pydicom")

SPACING = (0.8, 0.8)
THICKNESS = 3.0


class Study:
    """A portal and an arterial series of the small case, with others that are asked for, and a segmentation of it."""

    def __init__(
        self,
        folder: Path,
        series: Callable[..., list[Path]],
        *,
        tumors: bool = True,
        further: tuple[str, ...] = (),
    ) -> None:
        small = Small.on("thick slices", tumors=tumors)
        self.folder = folder
        self.slices = {}
        for phase in ("portal", "arterial", *further):
            hu = sitk.GetArrayFromImage(getattr(small, phase))
            positions = [THICKNESS * index for index in range(len(hu))]
            paths = series(hu, folder=phase, description=phase, positions=positions, spacing=SPACING)
            self.slices[phase] = [pydicom.dcmread(path) for path in paths]
        portal = read_volume(folder / "portal")
        self.labels = sitk.GetArrayFromImage(small.instances)
        self.segmentation = folder / "case.seg.nrrd"
        write_segmentation(self.segmentation, self._like(self.labels, portal))
        self.registered = folder / "registered.nii.gz"
        for phase in ("arterial", *further):
            path = self.registered if phase == "arterial" else folder / f"{phase}.nii.gz"
            sitk.WriteImage(self._like(sitk.GetArrayFromImage(getattr(small, phase)), portal), str(path))
        self.portal_image = portal

    @staticmethod
    def _like(array: np.ndarray, image: sitk.Image) -> sitk.Image:
        result = sitk.GetImageFromArray(array)
        result.CopyInformation(image)
        return result

    def write(self, **changes: Any) -> tuple[ReportContent, Any]:
        """Write a report and return what it holds and the structured report as highdicom reads it."""
        values = {
            "portal": str(self.folder / "portal"),
            "segmentation": str(self.segmentation),
            "sr": str(self.folder / "sr.dcm"),
            "seg": str(self.folder / "seg.dcm"),
        }
        content = report_case(ReviewJob(**{**values, **changes}))
        return content, highdicom.sr.srread(self.folder / "sr.dcm")
