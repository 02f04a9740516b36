"""Label maps of real abdomens, made ready for synthesis: one set of tissues, one grid, one orientation.

Published label maps name organs and leave out what lies between them. `prepare_atlas` maps their labels
to `Tissue`, and fills what is missing plausibly: body wall, ribs and spine where they are not labelled, fat
between the organs, lung above the diaphragm, a heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.volumes import read_image


class Tissue(IntEnum):
    """What a voxel is made of; the value is what an atlas array holds."""

    AIR = 0
    FAT = 1
    MUSCLE = 2
    BONE = 3
    LUNG = 4
    LIVER = 5
    SPLEEN = 6
    KIDNEY = 7
    STOMACH = 8
    BOWEL = 9
    GALLBLADDER = 10
    ARTERY = 11
    VEIN = 12
    PORTAL_VEIN = 13
    PANCREAS = 14
    HEART = 15
    HEPATIC_VEIN = 16


HEPATIC, PORTAL = 1, 2
"""Values of `Atlas.trees`."""


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """A prepared label map.

    name: stem of the file it comes from.
    tissues: (z, y, x) uint8 of `Tissue`; index z rises to the head, y to the back, x to the left (LPS).
    outside_mm: (z, y, x) uint8, in-plane distance to the body wall for voxels outside it, 0 inside;
        skin and subcutaneous fat are drawn from it with a random thickness.
    spacing_mm: edge of the cubic voxel.
    trees: (z, y, x) uint8, `HEPATIC` and `PORTAL` veins inside the liver; None where they are not known.
    """

    name: str
    tissues: NDArray[np.uint8]
    outside_mm: NDArray[np.uint8]
    spacing_mm: float
    trees: NDArray[np.uint8] | None = None


@dataclass(frozen=True, kw_only=True)
class _Source:
    """How one kind of label map is read: its labels, the factor on its spacing, and what it lacks."""

    labels: dict[int, Tissue]
    scale: float
    wall_grow_mm: float
    wall_mm: float
    lacks_skeleton: bool


def _spl_labels() -> dict[int, Tissue]:
    groups: dict[Tissue, list[int]] = {
        Tissue.LIVER: [3],
        Tissue.SPLEEN: [4],
        Tissue.PANCREAS: [6, 111, 112],
        Tissue.ARTERY: [7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 29, 71, 72, 73, 74, 75, 76, 126, 127, 227],
        Tissue.VEIN: [8, 81, 82, 83, 84, 85, 86, 128, 129, 151, 152, 153],
        Tissue.BOWEL: [9],
        Tissue.GALLBLADDER: [10],
        Tissue.PORTAL_VEIN: [11, 12, 117],
        Tissue.STOMACH: [13],
        Tissue.MUSCLE: [32, 131, *range(133, 141), 143, 231, *range(233, 242), *range(551, 560)],
        Tissue.KIDNEY: [51, 52],
        Tissue.FAT: [141, 142, 145, 146],
        Tissue.BONE: [2, 299, *range(401, 413), *range(501, 506), 600, *range(681, 701)],
    }
    return {label: tissue for tissue, labels in groups.items() for label in labels}


_SOURCES = {
    # SPL/NAC abdominal atlas; its liver measures 239 mL at the printed spacing, hence the factor
    "spl": _Source(labels=_spl_labels(), scale=1.65, wall_grow_mm=0.0, wall_mm=8.0, lacks_skeleton=False),
    # AMOS22: organs only
    "amos": _Source(
        labels={
            1: Tissue.SPLEEN,
            2: Tissue.KIDNEY,
            3: Tissue.KIDNEY,
            4: Tissue.GALLBLADDER,
            5: Tissue.MUSCLE,
            6: Tissue.LIVER,
            7: Tissue.STOMACH,
            8: Tissue.ARTERY,
            9: Tissue.VEIN,
            10: Tissue.PANCREAS,
            11: Tissue.PANCREAS,
            12: Tissue.PANCREAS,
            13: Tissue.BOWEL,
            14: Tissue.BOWEL,
            15: Tissue.BOWEL,
        },
        scale=1.0,
        wall_grow_mm=16.0,
        wall_mm=13.0,
        lacks_skeleton=True,
    ),
}

GRID_MM = 2.0
_BELOW_LIVER_MM = 70.0
_MARGIN_MM = 70.0


def check_kind(kind: str) -> None:
    """Raise `InputError` for a kind of label map that `prepare_atlas` does not know."""
    if kind not in _SOURCES:
        raise InputError(f"the kind of label map is {kind!r}; choose one of {', '.join(sorted(_SOURCES))}")


def prepare_atlas(path: Path | str, kind: str) -> Atlas:
    """Read the label map at `path` and complete it to an `Atlas` on a cubic 2 mm grid.

    kind: "spl" (SPL/NAC abdominal atlas) or "amos" (AMOS22, 15 organs).
    Raises `InputError` for an unknown kind, a missing file or a map without a liver.
    """
    check_kind(kind)
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no label map at {path}: give the path of an existing file")
    source = _SOURCES[kind]
    tissues = _resample(sitk.DICOMOrient(read_image(path, "label map"), "LPS"), source)
    if not (tissues == Tissue.LIVER).any():
        raise InputError(f"the label map {path} has no liver label of the kind {kind!r}: check the kind")
    tissues = _frame(tissues)
    if source.lacks_skeleton:
        tissues = _add_spine(tissues)
    tissues, outside = _enclose(tissues, source)
    return Atlas(name=path.parent.name, tissues=tissues, outside_mm=outside, spacing_mm=GRID_MM)


def _resample(image: sitk.Image, source: _Source) -> NDArray[np.uint8]:
    """Return the tissues on the cubic grid: each one smoothed, interpolated, the strongest wins."""
    labels = sitk.GetArrayFromImage(image)
    spacing = np.asarray(image.GetSpacing()) * source.scale
    size = [max(1, int(np.ceil(n * s / GRID_MM))) for n, s in zip(image.GetSize(), spacing, strict=True)]
    best = np.full(size[::-1], 0.4, np.float32)
    tissues = np.zeros(size[::-1], np.uint8)
    for tissue in sorted(set(source.labels.values())):
        values = [label for label, t in source.labels.items() if t == tissue]
        mask = sitk.GetImageFromArray(np.isin(labels, values).astype(np.float32))
        mask.SetSpacing(tuple(spacing))
        mask = sitk.SmoothingRecursiveGaussian(mask, [max(0.8, 0.5 * s) for s in spacing])
        resampled = sitk.Resample(mask, size, sitk.Transform(), sitk.sitkLinear, (0, 0, 0), (GRID_MM,) * 3)
        weight = sitk.GetArrayFromImage(resampled)
        if tissue in (Tissue.ARTERY, Tissue.VEIN, Tissue.PORTAL_VEIN, Tissue.BONE):
            weight *= 1.5  # thin structures would lose against their surroundings
        won = weight > best
        tissues[won] = tissue
        best[won] = weight[won]
    return tissues


def _frame(tissues: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut off what lies far below the liver and pad in plane so that a body fits around."""
    liver_z = np.flatnonzero((tissues == Tissue.LIVER).any(axis=(1, 2)))
    low = max(0, int(liver_z[0] - _BELOW_LIVER_MM / GRID_MM))
    tissues = tissues[low:]
    inside = np.argwhere(tissues.any(axis=0))
    (y0, x0), (y1, x1) = inside.min(axis=0), inside.max(axis=0) + 1
    pad = int(_MARGIN_MM / GRID_MM)
    return np.pad(tissues[:, y0:y1, x0:x1], ((0, 0), (pad, pad), (pad, pad)))


def _add_spine(tissues: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put a vertebral column and back muscles behind the aorta, slice by slice."""
    tissues = tissues.copy()
    aorta = tissues == Tissue.ARTERY
    rows = np.flatnonzero(aorta.any(axis=(1, 2)))
    centers = np.array([np.argwhere(aorta[z]).mean(axis=0) for z in rows])
    z_all = np.arange(tissues.shape[0])
    center_y = ndimage.gaussian_filter1d(np.interp(z_all, rows, centers[:, 0]), 5)
    center_x = ndimage.gaussian_filter1d(np.interp(z_all, rows, centers[:, 1]), 5)
    y, x = np.mgrid[: tissues.shape[1], : tissues.shape[2]].astype(np.float32)
    for z in z_all:
        dy = (y - center_y[z]) * GRID_MM - 34
        dx = (x - center_x[z]) * GRID_MM + 12
        body = (dx / 23) ** 2 + (dy / 18) ** 2 < 1
        process = (np.abs(dx) < 5) & (dy > 15) & (dy < 55)
        muscle = ((np.abs(dx) - 34) / 26) ** 2 + ((dy - 28) / 22) ** 2 < 1
        free = tissues[z] == Tissue.AIR
        tissues[z][free & muscle] = Tissue.MUSCLE
        tissues[z][(free | (tissues[z] == Tissue.MUSCLE)) & (body | process)] = Tissue.BONE
    return tissues


def _closing(mask: NDArray[np.bool_], radius_mm: float, grow_mm: float) -> NDArray[np.bool_]:
    """Close a 2D mask with a disc of `radius_mm`, then grow it by `grow_mm`."""
    pad = int(radius_mm / GRID_MM) + 2
    outside = ndimage.distance_transform_edt(~np.pad(mask, pad)) * GRID_MM
    inside = ndimage.distance_transform_edt(outside <= radius_mm) * GRID_MM
    return (inside > radius_mm - grow_mm)[pad:-pad, pad:-pad]


def _enclose(tissues: NDArray[np.uint8], source: _Source) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Add body wall (with ribs where they lack), fat, lung and heart; return them and the distance outside."""
    tissues = tissues.copy()
    reach = int(30 / GRID_MM) if source.lacks_skeleton else 3
    spread = ndimage.maximum_filter1d((tissues > 0).view(np.uint8), 2 * reach + 1, axis=0) > 0
    hull = np.stack([_closing(s, 90.0, source.wall_grow_mm) for s in spread])
    hull = ndimage.gaussian_filter(hull.astype(np.float32), 2.0) > 0.5
    depth = np.stack([ndimage.distance_transform_edt(s) for s in hull]) * GRID_MM
    outside = np.stack([ndimage.distance_transform_edt(~s) for s in hull]) * GRID_MM
    liver_low = int(np.flatnonzero((tissues == Tissue.LIVER).any(axis=(1, 2)))[0])
    free = tissues == Tissue.AIR
    wall = free & hull & (depth < source.wall_mm)
    tissues[free & hull] = Tissue.FAT
    tissues[wall] = Tissue.MUSCLE
    if source.lacks_skeleton:
        z, y = np.ogrid[: tissues.shape[0], : tissues.shape[1]]
        z, y = z[:, :, None], y[:, :, None]
        slope = (z - liver_low) + 0.45 * (y - tissues.shape[1] / 2)
        rib = (slope % (26 / GRID_MM) < 9 / GRID_MM) & (depth > 3) & (depth < source.wall_mm - 2)
        tissues[wall & rib & (z > liver_low)] = Tissue.BONE
    _add_chest(tissues, depth > source.wall_mm, liver_low)
    return tissues, np.minimum(outside, 255).astype(np.uint8)


def _add_chest(tissues: NDArray[np.uint8], cavity: NDArray[np.bool_], liver_low: int) -> None:
    """Turn fat above the diaphragm into lung and a heart, in place."""
    organs = np.isin(tissues, (Tissue.LIVER, Tissue.SPLEEN, Tissue.STOMACH))
    depth = tissues.shape[0]
    top = np.where(organs.any(axis=0), depth - 1 - np.argmax(organs[::-1], axis=0), -1).astype(np.float32)
    reach = int(40 / GRID_MM)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    dome = ndimage.grey_dilation(top, structure=-1.6 * np.hypot(y, x)) + 2
    dome = np.maximum(ndimage.gaussian_filter(dome, 3), liver_low + 60 / GRID_MM)
    z = np.arange(depth, dtype=np.float32)[:, None, None]
    lung = (tissues == Tissue.FAT) & cavity & (z > dome[None])
    tissues[lung] = Tissue.LUNG
    center = np.argwhere(cavity).mean(axis=0)
    center_x = center[2] + 20 / GRID_MM
    center_y = center[1] - 25 / GRID_MM
    base = float(dome[int(center_y), int(center_x)])
    yy, xx = np.ogrid[: tissues.shape[1], : tissues.shape[2]]
    radius = ((xx - center_x) / (55 / GRID_MM)) ** 2 + ((yy - center_y) / (42 / GRID_MM)) ** 2
    heart = radius[None] + ((z - base - 30 / GRID_MM) / (42 / GRID_MM)) ** 2 < 1
    tissues[lung & heart] = Tissue.HEART
