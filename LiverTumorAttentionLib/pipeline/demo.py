"""Segmentation of a generated case, compared with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import Cancelled, OutputError
from LiverTumorAttentionLib.io import check_folder, replacing
from LiverTumorAttentionLib.metrics.overlap import confusion
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom, write_phantom
from LiverTumorAttentionLib.pictures import write_preview
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.segment import CaseResult, segment_case
from LiverTumorAttentionLib.progress import Progress

MATRIX = 320
SPACING_MM = 1.2
THICKNESS_MM = 3.0
LESIONS = 5


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """A generated case and its segmentation."""

    phantom: Phantom
    result: CaseResult

    def format_table(self) -> str:
        """Return the tumors beside the truth as text, one row a lesion, then what matches none."""
        truth = sitk.GetArrayViewFromImage(self.phantom.instances)
        found = sitk.GetArrayViewFromImage(self.result.instances)
        rows: list[tuple[str, ...]] = [("lesion", "true mL", "true mm", "found as", "mL", "mm", "Dice")]
        matched = set()
        measured = {tumor.number: tumor for tumor in self.result.tumors}
        for lesion in self.phantom.lesions:
            mask = truth == lesion.instance
            overlap = np.bincount(found[mask], minlength=2)
            overlap[:2] = 0
            cells = [lesion.kind, f"{lesion.volume_ml:.1f}", f"{lesion.longest_axial_mm:.0f}"]
            if overlap.any():
                value = int(overlap.argmax())
                matched.add(value - 1)
                tumor = measured[value - 1]
                dice = confusion(found == value, mask).dice
                cells += [
                    f"Tumor {tumor.number}",
                    f"{tumor.volume_ml:.1f}",
                    f"{tumor.longest_axial_diameter_mm:.0f}",
                    f"{dice:.2f}",
                ]
            else:
                cells += ["missed", "", "", ""]
            rows.append(tuple(cells))
        for number, tumor in measured.items():
            if number not in matched:
                rows.append(
                    (
                        "none",
                        "",
                        "",
                        f"Tumor {number}",
                        f"{tumor.volume_ml:.1f}",
                        f"{tumor.longest_axial_diameter_mm:.0f}",
                        "0.00",
                    )
                )
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        ]
        liver = confusion(found > 0, truth > 0).dice
        total = confusion(found > 1, truth > 1).dice
        return "\n".join(
            [
                f"{self.result.model.title}: {self.result.model.statement}",
                "",
                *lines,
                "",
                f"Dice of the liver with its tumors {liver:.3f}, of all tumors {total:.3f}",
            ]
        )


def run_demonstration(folder: Path, seed: int, device: str, progress: Progress) -> Demonstration:
    """Generate a case into `folder`, segment it there and return both.

    Raises `OutputError` when the folder cannot be made, and what `segment_case` raises.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made ({error.strerror}): choose another") from error
    check_folder(folder, name="demonstration")
    job = SegmentationJob(
        portal=str(folder / "portal.nii.gz"),
        arterial=str(folder / "arterial.nii.gz"),
        device=device,
        output=str(folder / "segmentation.seg.nrrd"),
        table=str(folder / "tumors.csv"),
        report=str(folder / "report.json"),
        phases_as_given=True,  # they are generated, and coarsely
    )
    phantom = generate_phantom(
        seed,
        matrix=MATRIX,
        spacing_mm=SPACING_MM,
        thickness_mm=THICKNESS_MM,
        lesions=LESIONS,
        progress=progress.part(0.0, 0.25, "generating"),
    )
    write_phantom(phantom, folder, progress=progress.part(0.25, 0.4, "writing the case"))
    try:
        result = segment_case(job, progress.part(0.4, 0.98))
    except Cancelled as error:
        raise Cancelled(
            f"cancelled; the generated case was written to '{folder}', its segmentation was not"
        ) from error
    with replacing(folder / "preview.png", name="preview") as temporary:
        write_preview(temporary, result.portal, result.instances, result.registered, phantom.labels)
    progress.finish()
    return Demonstration(phantom=phantom, result=result)
