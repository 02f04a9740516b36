"""Proposed vessels on real portal CT without any truth: a picture to be looked at, and their volumes.

The bundled model finds the liver, `vessels` proposes the rest without a point from anybody. Of each volume the axial
slices in which most of the portal vein and most of the hepatic veins is told, and the coronal one with most of both.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis.vasculature.proposal import HEPATIC_VEINS, PORTAL_VEIN, VENA_CAVA
from LiverTumorAttentionLib.io import read_ct, read_instances
from LiverTumorAttentionLib.io.terminology import vessel_segments
from LiverTumorAttentionLib.pictures.drawing import (
    GREEN,
    ORANGE,
    WHITE,
    YELLOW,
    Color,
    draw_outline,
    framed,
    side_by_side,
    stacked,
    text_line,
)
from LiverTumorAttentionLib.pictures.panel import annotate, gray_panel, lps_array, panel_shape
from LiverTumorAttentionLib.pictures.slice_choice import PLANES, Plane
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob, VesselsJob
from LiverTumorAttentionLib.pipeline.liver_vessels import VesselsResult, vessels_case
from LiverTumorAttentionLib.pipeline.segment import segment_case
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, margin_voxels

CASES = (
    "real-backgrounds/TCGA-AY-4070A_pv.nii.gz",
    "real-backgrounds/C3L-00189_pv.nii.gz",
    "hcc-tace-007/HCC007_pre_PV.nii.gz",
)
"""Portal venous CT, below the folder of data."""
COLORS: dict[int, Color] = {PORTAL_VEIN: YELLOW, HEPATIC_VEINS: (60, 150, 255), VENA_CAVA: (235, 90, 235)}
MARGIN_MM = 12.0
PIXELS_PER_MM = 1.0
LETTERS, GAP, GRAYS = 15, 5, 12
AXIAL, CORONAL = PLANES[0], PLANES[1]


@dataclass(frozen=True)
class RealCase:
    """A volume with what was told of it. instances: 0 background, 1 liver, 2, 3, … tumors."""

    name: str
    portal: sitk.Image
    instances: sitk.Image
    result: VesselsResult


def measured(path: Path, scratch: Path) -> RealCase:
    """Find the liver of a volume, unless that was done before, and propose its vessels."""
    name = path.name.split(".")[0]
    segmentation = scratch / f"{name}.seg.nrrd"
    if not segmentation.is_file():
        segment_case(SegmentationJob(portal=str(path), output=str(segmentation)))
    job = VesselsJob(
        portal=str(path), segmentation=str(segmentation), output=str(scratch / f"{name}-vessels.seg.nrrd")
    )
    result = vessels_case(job)
    return RealCase(name, read_ct(path), read_instances(segmentation), result)


def picture_of(case: RealCase) -> Image.Image:
    """Return a case's row: two axial slices and a coronal one, with outlines of the liver and of each vessel."""
    hu, labels = lps_array(case.portal), lps_array(case.result.proposal.labels)
    organ = lps_array(case.instances)
    spacing = sitk.DICOMOrient(case.portal, "LPS").GetSpacing()[::-1]
    box = bounding_box((organ > 0) | (labels > 0), margin_voxels(MARGIN_MM, spacing))
    if box is None:
        raise ValueError("a case has a liver")
    trees = np.isin(labels, (PORTAL_VEIN, HEPATIC_VEINS))
    shown: list[tuple[Plane, NDArray[np.bool_]]] = [
        (AXIAL, labels == PORTAL_VEIN),
        (AXIAL, labels == HEPATIC_VEINS),
        (CORONAL, trees),
    ]
    panels = [_panel(plane, _fullest(plane, mask), box, hu, labels, organ, spacing) for plane, mask in shown]
    return stacked([text_line([(case.name, WHITE)], LETTERS), side_by_side(panels, GAP)], GAP)


def _fullest(plane: Plane, mask: NDArray[np.bool_]) -> int:
    """Return the slice with most of a mask."""
    return int(mask.sum(axis=tuple(axis for axis in range(3) if axis != plane.axis)).argmax())


def _panel(
    plane: Plane,
    index: int,
    box: Box,
    hu: NDArray[np.generic],
    labels: NDArray[np.integer],
    organ: NDArray[np.integer],
    spacing: Sequence[float],
) -> Image.Image:
    extent = [(part.stop - part.start) * step for part, step in zip(box, spacing, strict=True)]
    panel = gray_panel(plane.cut(hu, index, box), panel_shape(plane, extent, PIXELS_PER_MM))
    draw_outline(panel, plane.cut(organ, index, box) > 0, GREEN, width=1)
    flat = plane.cut(labels, index, box)
    for value, color in COLORS.items():
        draw_outline(panel, flat == value, color, width=1)
    annotate(panel, plane, PIXELS_PER_MM)
    return panel


def composed(cases: Sequence[RealCase]) -> Image.Image:
    """Return the picture of all cases with what the colors mean, in few colors, so that it stays small."""
    names = {segment.value: segment.name.lower() for segment in vessel_segments()}
    legend = [("liver", GREEN), *((names[value], color) for value, color in COLORS.items())]
    words = text_line([(NOT_FOR_CLINICAL_USE, ORANGE), *legend], LETTERS)
    whole = framed(stacked([*map(picture_of, cases), words], GAP), GAP)
    grays = [(level, level, level) for level in np.linspace(0, 255, GRAYS).round().astype(int).tolist()]
    few = Image.new("P", (1, 1))
    few.putpalette([part for color in (*grays, ORANGE, GREEN, *COLORS.values()) for part in color])
    return whole.quantize(palette=few, dither=Image.Dither.NONE)


def table(cases: Sequence[RealCase], command: str) -> str:
    """Return what was told of each case, as Markdown."""
    lines = [
        "# Proposed vessels on real portal CT",
        "",
        f"`{command}`, version {__version__}. No truth is known: [the picture](vessels-real.png) is to be looked at, "
        f"and [what is seen in it](../README.md#vessels-on-real-ct) was written down. {NOT_FOR_CLINICAL_USE}",
        "",
        "| volume | slices, mm | liver, mL | liver, HU | portal vein, mL | hepatic veins, mL | vena cava, mL |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    notes = []
    for case in cases:
        voxel_ml = float(np.prod(case.portal.GetSpacing())) / 1000
        liver_ml = float((sitk.GetArrayViewFromImage(case.instances) > 0).sum()) * voxel_ml
        told = case.result.proposal
        volumes = " | ".join(f"{told.volumes_ml[value]:.0f}" for value in COLORS)
        lines.append(
            f"| {case.name} | {case.portal.GetSpacing()[2]:g} | {liver_ml:.0f} | {told.liver_hu:.0f} | {volumes} |"
        )
        notes += [f"- {case.name}: {warning}" for warning in case.result.warnings]
    return "\n".join([*lines, "", *notes, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    """Propose the vessels of all cases, and write picture and table."""
    parser = argparse.ArgumentParser(prog="python -m Testing.benchmarks.vessels.real", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the volumes")
    parser.add_argument("--output", type=Path, required=True, help="folder for picture and table")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("build/vessels-real"),
        help="where the livers are kept between runs",
    )
    options = parser.parse_args(arguments)
    options.scratch.mkdir(parents=True, exist_ok=True)
    cases = [measured(options.data / name, options.scratch) for name in CASES]
    composed(cases).save(options.output / "vessels-real.png", optimize=True)
    command = (
        f"python -m Testing.benchmarks.vessels.real --data DATA --output {shlex.quote(str(options.output))}"
    )
    (options.output / "vessels-real.md").write_text(table(cases, command), encoding="utf-8")


if __name__ == "__main__":
    main()
