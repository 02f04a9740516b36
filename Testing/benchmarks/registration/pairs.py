"""Two phases whose true displacement is known, in memory and as a folder that every method's process reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

BOX_MARGIN_MM = 15.0
"""How far around the liver the displacement found is kept, and compared."""
REGION_MARGIN_MM = 18.0
"""How far around the liver the methods that take a mask compare the phases."""
VOLUMES = ("portal", "arterial", "portal_liver", "arterial_liver", "region")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both phases, their livers (0/1, each on its phase's grid), and the truth.

    displacement: (z, y, x, 3) LPS mm on the portal grid: a portal point p lies at p + u(p) in the arterial volume.
    branch_points: (n, 3) LPS mm, where vessels of the portal liver divide.
    """

    name: str
    portal: sitk.Image
    arterial: sitk.Image
    portal_liver: sitk.Image
    arterial_liver: sitk.Image
    displacement: np.ndarray
    branch_points: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a result is compared with, inside the box of the liver.

    box: the voxels of the box, without values, in their place in space. start: its first voxel (x, y, z).
    displacement: (z, y, x, 3) mm in the box. branch_points: as in `Pair`.
    """

    box: sitk.Image
    start: tuple[int, int, int]
    displacement: np.ndarray
    branch_points: np.ndarray


def write_pair(pair: Pair, folder: Path) -> None:
    """Write a pair as NRRD files and its truth as truth.npz; the folder appears when it is complete."""
    temporary = folder.with_name(folder.name + ".part")
    temporary.mkdir(parents=True, exist_ok=True)
    for name in VOLUMES[:-1]:
        sitk.WriteImage(getattr(pair, name), str(temporary / f"{name}.nrrd"), False)
    sitk.WriteImage(dilated(pair.portal_liver, REGION_MARGIN_MM), str(temporary / "region.nrrd"), False)
    low, high = liver_box(pair.portal_liver)
    part = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    np.savez(
        temporary / "truth.npz",
        start=low,
        size=high - low,
        displacement=pair.displacement[part].astype(np.float32),
        branch_points=pair.branch_points.reshape(-1, 3),
    )
    temporary.rename(folder)


def read_volume(folder: Path, name: str) -> sitk.Image:
    """Return one of a pair's `VOLUMES`."""
    return sitk.ReadImage(str(folder / f"{name}.nrrd"))


def read_truth(folder: Path) -> Truth:
    """Return the truth of a written pair."""
    with np.load(folder / "truth.npz") as content:
        start, size = ([int(v) for v in content[key]] for key in ("start", "size"))
        box = sitk.RegionOfInterest(read_volume(folder, "portal_liver"), size, start)
        return Truth(
            box=box,
            start=(start[0], start[1], start[2]),
            displacement=content["displacement"],
            branch_points=content["branch_points"],
        )


def liver_box(liver: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Return the first voxel and the one behind the last (x, y, z) of the liver's box with its margin."""
    found = np.argwhere(sitk.GetArrayViewFromImage(liver) > 0)[:, ::-1]
    margin = np.ceil(BOX_MARGIN_MM / np.array(liver.GetSpacing())).astype(int)
    low = np.maximum(found.min(axis=0) - margin, 0)
    return low, np.minimum(found.max(axis=0) + margin + 1, liver.GetSize())


def dilated(mask: sitk.Image, margin_mm: float) -> sitk.Image:
    """Return the 0/1 mask of all voxels within `margin_mm` of `mask`."""
    distance = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    return distance <= margin_mm
