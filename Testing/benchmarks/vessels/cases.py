"""One case: a real liver with its vessels, painted as portal CT; what is proposed of it and how far that is true."""

from __future__ import annotations

import functools
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.analysis.vasculature.proposal import (
    VesselPoints,
    VesselSettings,
    propose_vessels,
    with_notches,
)
from LiverTumorAttentionLib.analysis.vasculature.working_grid import CUBE_MM, WorkingGrid
from LiverTumorAttentionLib.correction.lesions import instances_from_labels
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from Testing.benchmarks.vessels.scores import score_centerlines
from training.data.synthesis.atlases import HEPATIC, PORTAL, Atlas, prepare_atlas
from training.data.synthesis.label_synthesis import SyntheticCase, synthesize
from training.data.synthesis.livers import LiverMap, find_livers, read_liver, transplanted

IN_PLANE_MM = 1.0
SLICES_MM = (1.5, 2.5, 3.0, 5.0)
MARGIN_MM = 30.0
MOST_LESIONS = 4
WIDE_SHARE = 0.6
"""Of the widest place of the hepatic veins: so wide they are where they join the cava."""
APART = {PORTAL: 1, HEPATIC: 2}
"""Value of each true tree in a proposal."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of a case. HU beside the liver; lengths of centerlines of branches of 4 mm and more."""

    liver: str
    slice_mm: float
    portal_hu: float
    hepatic_hu: float
    noise_hu: float
    true_mm: float
    true_found_mm: float
    found_mm: float
    found_true_mm: float
    tumor_ml: float
    tumor_as_vessel_ml: float
    told_right: float | None
    told_right_with_points: float | None
    """With a point in the widest place of the portal vein, and one where a hepatic vein is wide and highest."""
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """Return the row as JSON values."""
        return asdict(self)


def livers_with_vessels(folder: Path) -> list[LiverMap]:
    """Return the livers of a folder whose vessels are known. Raises `InputError` where there is none."""
    found = [liver for liver in find_livers(folder) if liver.trees is not None]
    if not found:
        raise InputError(f"'{folder}' has no liver whose vessels are known: give DATA/msd-hepatic-vessels")
    return found


@functools.lru_cache(maxsize=1)
def abdomen(path: Path) -> Atlas:
    """Return the abdomen that livers are put into."""
    return prepare_atlas(path, "spl")


def paint(liver: LiverMap, atlas: Atlas, number: int) -> SyntheticCase:
    """Paint a liver as the whole of it in the portal phase; a function of its arguments alone."""
    rng = np.random.default_rng((number, 7))
    return synthesize(
        transplanted(atlas, read_liver(liver)),
        rng,
        in_plane_mm=IN_PLANE_MM,
        slice_mm=SLICES_MM[number % len(SLICES_MM)],
        liver_margin_mm=MARGIN_MM,
        lesions=number % (MOST_LESIONS + 1),
        style="phases",
        whole_liver=True,
    )


def measured(liver: LiverMap, atlas: Atlas, number: int, settings: VesselSettings | None = None) -> Row:
    """Paint a case, propose its vessels and compare them with the truth."""
    case = paint(liver, atlas, number)
    if case.veins is None:
        raise ValueError("a case painted with its whole liver has no veins")
    portal, labels, veins = (
        _image(array, case.spacing_mm) for array in (case.portal, case.labels, case.veins)
    )
    instances = instances_from_labels(sitk.Cast(labels, sitk.sitkUInt16))
    begin = time.process_time()
    found = propose_vessels(sitk.Cast(portal, sitk.sitkFloat32), instances, settings=settings)
    seconds = time.process_time() - begin
    grid = WorkingGrid.of(sitk.Cast(portal, sitk.sitkFloat32), instances)
    where = with_notches(grid.organ, VesselSettings().notch_mm) & ~grid.tumor
    true = {value: _on_cubes(veins, value, grid) & where for value in (HEPATIC, PORTAL)}
    told = {value: _on_cubes(found.labels, value, grid) & where for value in (1, 2)}
    score = score_centerlines(told[1] | told[2], true[HEPATIC] | true[PORTAL], grid.axes)
    with_points = None
    if liver.trees_apart:
        points = _points(true, grid)
        pointed = propose_vessels(sitk.Cast(portal, sitk.sitkFloat32), instances, points, settings)
        with_points = _told_right(
            true, {value: _on_cubes(pointed.labels, value, grid) & where for value in (1, 2)}
        )
    tumor = case.labels == TUMOR
    voxel_ml = float(np.prod(case.spacing_mm)) / 1000
    bare = case.portal[(case.labels == LIVER) & (case.veins == 0)].astype(float)
    return Row(
        liver=liver.name,
        slice_mm=case.spacing_mm[0],
        portal_hu=_beside(case, PORTAL, bare),
        hepatic_hu=_beside(case, HEPATIC, bare),
        noise_hu=float(1.4826 * np.median(np.abs(bare - np.median(bare)))),
        **asdict(score),
        tumor_ml=float(tumor.sum()) * voxel_ml,
        tumor_as_vessel_ml=float((sitk.GetArrayViewFromImage(found.labels)[tumor] > 0).sum()) * voxel_ml,
        told_right=_told_right(true, told) if liver.trees_apart else None,
        told_right_with_points=with_points,
        seconds=seconds,
    )


def _beside(case: SyntheticCase, value: int, bare: NDArray[np.float64]) -> float:
    inside = (case.veins == value) & (case.labels == LIVER)
    return float(np.median(case.portal[inside]) - np.median(bare)) if inside.any() else 0.0


def _told_right(true: dict[int, NDArray[np.bool_]], told: dict[int, NDArray[np.bool_]]) -> float | None:
    """Return the share of what was found of either tree that is told to be of it."""
    right = sum(int((true[kind] & told[value]).sum()) for kind, value in APART.items())
    both = sum(int((true[kind] & (told[1] | told[2])).sum()) for kind in APART)
    return right / both if both else None


def _points(true: dict[int, NDArray[np.bool_]], grid: WorkingGrid) -> VesselPoints:
    """Return where a reader would click into both trees."""
    depth = {kind: ndimage.distance_transform_edt(mask) for kind, mask in true.items()}
    widest = np.argwhere(depth[PORTAL] == depth[PORTAL].max())[0]
    wide = np.argwhere(depth[HEPATIC] >= WIDE_SHARE * depth[HEPATIC].max())
    highest = wide[wide[:, 0].argmax()]
    portal, hepatic = (
        grid.image.TransformIndexToPhysicalPoint([int(at) for at in cube[::-1]]) for cube in (widest, highest)
    )
    return VesselPoints(portal_vein=portal, hepatic_veins=hepatic)


def _on_cubes(labels: sitk.Image, value: int, grid: WorkingGrid) -> NDArray[np.bool_]:
    share = sitk.Resample(
        sitk.Cast(labels == value, sitk.sitkFloat32), grid.image, sitk.Transform(), sitk.sitkLinear
    )
    return np.asarray(sitk.GetArrayFromImage(share) >= 0.5)


def _image(array: NDArray[np.generic], spacing_zyx_mm: tuple[float, float, float]) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing_zyx_mm[::-1])
    return image


def grid_note() -> str:
    """Return what the centerlines are measured on."""
    return f"cubes of {CUBE_MM:g} mm"
