"""Real livers from label maps of the organ alone, and their transplantation into an atlas of a whole body.

The folders are those that publish LiTS and MSD Task08 livers as Couinaud segments:

    couinaud/NAME.nii.gz     segments, the liver is what is not 0; vessel/ or vessels/NAME.nii.gz where there are any
    X_manualMask.nii.gz      1 hepatic veins, 2 portal veins, beside X_liver.nii.gz
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, Delaunay

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.volumes import read_image
from LiverTumorAttentionLib.voxels.boxes import bounding_box, crop_image, mask_box
from training.data.held_out import VALIDATION_CASES, check_may_be_used, check_may_train
from training.data.layouts.files import in_order, stem
from training.data.synthesis.atlases import GRID_MM, HEPATIC, PORTAL, Atlas, Tissue

_MANUAL = "_manualMask"
_LITS = re.compile(r"LiTS-(\d+)")
_STAYS = (Tissue.BONE, Tissue.ARTERY, Tissue.VEIN, Tissue.AIR)
"""What a larger liver does not displace."""
_ORGANS = (
    Tissue.LIVER,
    Tissue.SPLEEN,
    Tissue.KIDNEY,
    Tissue.STOMACH,
    Tissue.GALLBLADDER,
    Tissue.PANCREAS,
)
"""What lies in the abdominal cavity, and tells how far it reaches."""
_CAVITY_REACH_MM = 12.0
"""Along z, how far organs of other slices tell the cavity of a slice."""
_SMALLEST_ML = 300.0


@dataclass(frozen=True, kw_only=True)
class LiverMap:
    """Where the label maps of a real liver lie."""

    name: str
    liver: Path
    """The liver is what is not 0."""
    trees: Path | None = None
    """Its vessels."""
    trees_apart: bool = False
    """Whether 1 is hepatic and 2 portal; otherwise both are 1."""


@dataclass(frozen=True, kw_only=True)
class RealLiver:
    """A liver on the cubic grid of atlases, cut to its box; arrays are (z, y, x) in LPS order."""

    name: str
    mask: NDArray[np.bool_]
    trees: NDArray[np.uint8] | None
    """`HEPATIC` and `PORTAL` veins; None where they are not known."""


def find_livers(folder: Path) -> list[LiverMap]:
    """Return the livers of a folder that may train, in natural order.

    Patients that validate are left out. Raises `InputError` for patients of 3D-IRCADb, by name, and for a folder
    without livers.
    """
    found = []
    for path in in_order((folder / "couinaud").glob("*.nii.gz")) if (folder / "couinaud").is_dir() else []:
        if _validates(path):
            continue
        trees = [folder / name / path.name for name in ("vessel", "vessels")]
        found.append(
            LiverMap(
                name=stem(path), liver=path, trees=next((tree for tree in trees if tree.is_file()), None)
            )
        )
    for path in in_order(folder.glob(f"*{_MANUAL}.nii.gz")):
        name = stem(path).removesuffix(_MANUAL)
        found.append(
            LiverMap(name=name, liver=path.with_name(f"{name}_liver.nii.gz"), trees=path, trees_apart=True)
        )
    if not found:
        raise InputError(
            f"'{folder}' holds no liver: give a folder with couinaud/NAME.nii.gz or NAME{_MANUAL}.nii.gz in it"
        )
    return found


def read_liver(liver_map: LiverMap) -> RealLiver:
    """Read a liver. Raises `InputError` for a file that cannot be read, or shows no liver of an adult."""
    match = _LITS.search(liver_map.liver.name)
    if match:
        check_may_train(int(match[1]), liver_map.liver.name)
    labels = _read(liver_map.liver)
    around = _around(labels != 0)
    mask = _on_grid(around(labels != 0)) >= 0.5
    box = bounding_box(mask, margin=(1, 1, 1))
    volume_ml = float(mask.sum()) * GRID_MM**3 / 1000
    if box is None or volume_ml < _SMALLEST_ML:
        raise InputError(f"the liver in '{liver_map.liver}' measures {volume_ml:.0f} mL: leave it out")
    trees = None
    if liver_map.trees is not None:
        vessels = around(_read(liver_map.trees))
        if liver_map.trees_apart:
            weights = [_on_grid(vessels == value) for value in (1, 2)]
            trees = np.where(weights[0] >= weights[1], np.uint8(HEPATIC), np.uint8(PORTAL))
            trees[np.maximum(*weights) < 0.45] = 0
        else:
            trees = told_apart(_on_grid(vessels != 0) >= 0.45, mask)
        trees = np.where(mask, trees, 0)[box].astype(np.uint8)
    return RealLiver(name=liver_map.name, mask=mask[box], trees=trees)


def told_apart(vessels: NDArray[np.bool_], liver: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return vessels of one value as `HEPATIC` and `PORTAL` ones: a guess, part by part.

    Hepatic veins meet under the dome and portal ones in the hilum, so that the thickest place of a connected part lies
    in the upper or in the lower part of the liver.
    """
    parts, count = ndimage.label(vessels, structure=np.ones((3, 3, 3)))
    rows = np.flatnonzero(liver.any(axis=(1, 2)))
    middle = rows[0] + 0.6 * (rows[-1] - rows[0])
    thickness = ndimage.distance_transform_edt(vessels)
    kinds = np.zeros(count + 1, np.uint8)
    for number, place in enumerate(ndimage.maximum_position(thickness, parts, range(1, count + 1)), start=1):
        kinds[number] = HEPATIC if place[0] > middle else PORTAL
    told: NDArray[np.uint8] = kinds[parts]
    return told


def transplanted(atlas: Atlas, liver: RealLiver) -> Atlas:
    """Return an atlas with another liver in the place of its own.

    What the old liver leaves is filled by the nearest tissue, so that kidney, gallbladder, stomach and bowel lie hard
    against the new one. Bones, aorta and vena cava stay, and so does the body wall: the new liver ends where the
    organs of the atlas end, so that it does not swell around its ribs.
    """
    old = atlas.tissues == Tissue.LIVER
    stays = np.isin(atlas.tissues, _STAYS)
    nearest = ndimage.distance_transform_edt(old | stays, return_distances=False, return_indices=True)
    tissues = np.where(old, atlas.tissues[tuple(nearest)], atlas.tissues)
    center = np.argwhere(old).mean(axis=0)
    corner = np.rint(center - np.argwhere(liver.mask).mean(axis=0)).astype(int)
    mask = _placed(liver.mask, corner, tissues.shape)
    mask &= ~stays & _cavity(atlas.tissues) & (old | (tissues != Tissue.MUSCLE))
    tissues[mask] = Tissue.LIVER
    trees = None
    if liver.trees is not None:
        trees = np.where(mask, _placed(liver.trees, corner, tissues.shape), 0).astype(np.uint8)
    return replace(atlas, name=f"{atlas.name} with {liver.name}", tissues=tissues, trees=trees)


def _cavity(tissues: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the convex hull of the abdominal organs in each slice."""
    reach = 2 * int(_CAVITY_REACH_MM / GRID_MM) + 1
    organs = ndimage.maximum_filter1d(np.isin(tissues, _ORGANS).view(np.uint8), reach, axis=0) > 0
    cavity = np.zeros(tissues.shape, bool)
    pixels = np.argwhere(np.ones(tissues.shape[1:], bool))
    for z in np.flatnonzero(organs.any(axis=(1, 2))):
        points = np.argwhere(organs[z])
        if np.all(np.ptp(points, axis=0) > 1):
            cavity[z] = (Delaunay(points[_outermost(points)]).find_simplex(pixels) >= 0).reshape(
                cavity.shape[1:]
            )
    return cavity


def _outermost(points: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the indices of the points on the convex hull."""
    return ConvexHull(points).vertices


def _placed(part: NDArray, corner: NDArray[np.integer], shape: Sequence[int]) -> NDArray:
    """Return `part` in a volume of zeros; what lies beyond its borders is cut off."""
    whole = np.zeros(shape, part.dtype)
    into = tuple(
        slice(max(0, c), max(0, min(n, c + m))) for c, n, m in zip(corner, shape, part.shape, strict=True)
    )
    taken = tuple(slice(i.start - c, i.stop - c) for i, c in zip(into, corner, strict=True))
    whole[into] = part[taken]
    return whole


def _validates(path: Path) -> bool:
    match = _LITS.search(path.name)
    if match is None:
        return False
    check_may_be_used(int(match[1]), path.name)
    return int(match[1]) in VALIDATION_CASES


def _read(path: Path) -> sitk.Image:
    return sitk.DICOMOrient(read_image(path, "label map"), "LPS")


def _around(mask: sitk.Image) -> Callable[[sitk.Image], sitk.Image]:
    """Return what cuts an image on the mask's grid to the mask's box; the rest would be smoothed in vain."""
    box = mask_box(mask, margin_mm=4 * GRID_MM)
    return (lambda image: image) if box is None else (lambda image: crop_image(image, box))


def _on_grid(mask: sitk.Image) -> NDArray[np.float32]:
    """Return the share of the mask in each voxel of the cubic grid."""
    smooth = sitk.SmoothingRecursiveGaussian(
        sitk.Cast(mask, sitk.sitkFloat32), [max(0.4, 0.4 * s) for s in mask.GetSpacing()]
    )
    size = [int(np.ceil(n * s / GRID_MM)) for n, s in zip(mask.GetSize(), mask.GetSpacing(), strict=True)]
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing((GRID_MM,) * 3)
    grid.SetOrigin(mask.GetOrigin())
    grid.SetDirection(mask.GetDirection())
    share: NDArray[np.float32] = sitk.GetArrayFromImage(
        sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear)
    )
    return share
