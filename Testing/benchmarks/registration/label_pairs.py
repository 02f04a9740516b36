"""Pairs made from label maps of real abdomens: an anatomy, a painter and motions that the phantoms do not share.

`kind` of a motion: "smooth"; "wall": what the body's wall encloses slides along it, the liver with it; "liver": the
liver slides in its bed. See `deformations` for how the truth is known.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from Testing.benchmarks.registration.deformations import (
    NODE_MM,
    Motion,
    breathing_velocity,
    sliding_motion,
    smooth_motion,
    turning_velocity,
)
from Testing.benchmarks.registration.painter import FINE_MM, Painting, paint
from Testing.benchmarks.registration.pairs import Pair
from training.data.synthesis.atlases import Atlas, Tissue, prepare_atlas

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
MAPS = {"amos": "amos-labels/labels.nii.gz", "spl": "spl-abdominal-atlas/labels.nrrd"}
KINDS = ("smooth", "wall", "liver")
NAMES = [f"labels-{m}-{k}" for m in MAPS for k in ("smooth-1", "smooth-2", "wall-1", "wall-2", "liver-1")]
AROUND_LIVER_MM = 45.0
"""How much the images show above and below the liver."""
WALL = (Tissue.MUSCLE, Tissue.BONE, Tissue.AIR)


def available() -> bool:
    """Return whether the label maps are at hand."""
    return all((DATA / path).is_file() for path in MAPS.values())


def label_pair(name: str) -> Pair:
    """Return the pair of a name such as labels-amos-wall-1; the name is the seed."""
    _, source, kind, _ = name.split("-")
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    atlas = prepare_atlas(DATA / MAPS[source], source)
    motion = draw_motion(atlas, kind, rng)
    return photographed(name, atlas, paint(atlas, rng), motion, noise_hu=rng.uniform(9, 16), rng=rng)


def draw_motion(atlas: Atlas, kind: str, rng: np.random.Generator) -> Motion:
    """Draw a motion of one of the `KINDS`."""
    liver = atlas.tissues == Tissue.LIVER
    organ = at_nodes(liver, atlas)
    if kind == "smooth":
        return smooth_motion(rng, organ, rng.uniform(12, 22))
    if kind == "wall":
        inside, largest = at_nodes(cavity(atlas), atlas), rng.uniform(10, 18)
        velocity = breathing_velocity(rng, organ.shape)
    else:
        inside, largest = at_nodes(filled(liver), atlas), rng.uniform(7, 11)
        velocity = turning_velocity(rng, inside)
    return sliding_motion(rng, inside, velocity, organ, smooth_mm=rng.uniform(4, 8), sliding_mm=largest)


def at_nodes(mask: np.ndarray, atlas: Atlas) -> np.ndarray:
    """Return a mask of the label map at the nodes of the motions."""
    step = round(NODE_MM / atlas.spacing_mm)
    return mask[::step, ::step, ::step]


def cavity(atlas: Atlas) -> np.ndarray:
    """Return what the wall of the body encloses, without the spine; all of the liver lies in it."""
    free = (atlas.outside_mm == 0) & ~np.isin(atlas.tissues, WALL)
    free = ndimage.binary_opening(free, iterations=2) | ndimage.binary_dilation(atlas.tissues == Tissue.LIVER)
    labels, count = ndimage.label(free)
    largest = 1 + int(np.argmax(ndimage.sum_labels(free, labels, range(1, count + 1))))
    return filled(labels == largest)


def filled(mask: np.ndarray) -> np.ndarray:
    """Return a mask with a smooth surface and no holes."""
    return ndimage.gaussian_filter(ndimage.binary_fill_holes(mask).astype(np.float32), 1.5) > 0.5


def photographed(
    name: str, atlas: Atlas, painting: Painting, motion: Motion, *, noise_hu: float, rng: np.random.Generator
) -> Pair:
    """Return both phases on grids of their own, with noise, and the truth."""
    liver = (atlas.tissues == Tissue.LIVER).astype(np.float32)
    origin = rng.uniform((-40, -40, -600), (40, 40, 200))
    grids = {phase: _grid(liver, atlas.spacing_mm, origin, rng) for phase in ("portal", "arterial")}

    at_portal = _points(grids["portal"], origin)
    came_from = motion.backward(_points(grids["arterial"], origin))
    volumes = {
        "portal": _photograph(painting.portal, at_portal, grids["portal"], noise_hu, rng),
        "arterial": _photograph(painting.arterial, came_from, grids["arterial"], noise_hu, rng),
        "portal_liver": _mask(liver, at_portal / atlas.spacing_mm, grids["portal"]),
        "arterial_liver": _mask(liver, came_from / atlas.spacing_mm, grids["arterial"]),
    }
    moved = motion.forward(at_portal) - at_portal
    return Pair(
        name=name,
        displacement=moved[..., ::-1].astype(np.float32),
        branch_points=painting.branchings[:, ::-1] + origin,
        **volumes,
    )


def _grid(liver: np.ndarray, voxel_mm: float, origin: np.ndarray, rng: np.random.Generator) -> sitk.Image:
    """Return an empty volume over the body and a part above and below the liver."""
    rows = np.flatnonzero(liver.any(axis=(1, 2))) * voxel_mm
    extent = np.array(liver.shape) * voxel_mm
    low = np.array([max(rows[0] - AROUND_LIVER_MM, 0.0), 0.0, 0.0]) + rng.uniform(0, 3, 3)
    high = np.array([min(rows[-1] + AROUND_LIVER_MM, extent[0]), extent[1], extent[2]])
    in_plane = rng.uniform(1.3, 1.6)
    spacing = np.array([rng.uniform(2.0, 3.0), in_plane, in_plane])
    grid = sitk.Image([int(n) for n in ((high - low) / spacing)[::-1]], sitk.sitkUInt8)
    grid.SetSpacing([float(v) for v in spacing[::-1]])
    grid.SetOrigin([float(v) for v in low[::-1] + origin])
    return grid


def _points(grid: sitk.Image, origin: np.ndarray) -> np.ndarray:
    """Return where a grid's voxels lie (z, y, x, 3) in mm from the map's first voxel, as z, y, x."""
    index = np.moveaxis(np.indices(grid.GetSize()[::-1], dtype=np.float32), 0, -1)
    start = np.array(grid.GetOrigin()) - origin
    return index * np.array(grid.GetSpacing(), np.float32)[::-1] + start[::-1].astype(np.float32)


def _photograph(
    painting: np.ndarray,
    points: np.ndarray,
    grid: sitk.Image,
    noise_hu: float,
    rng: np.random.Generator,
) -> sitk.Image:
    """Return the painting at `points` (z, y, x, 3; mm), blurred a little, with noise."""
    at = np.moveaxis(points / np.float32(FINE_MM), -1, 0)
    volume = ndimage.map_coordinates(painting, at, order=1, mode="nearest")
    volume = ndimage.gaussian_filter(volume, (0.4, 0.4, 0.4))
    grain = ndimage.gaussian_filter(rng.standard_normal(volume.shape, dtype=np.float32), (0.2, 0.6, 0.6))
    image = sitk.GetImageFromArray(
        np.clip(np.rint(volume + noise_hu * grain / grain.std()), -1024, 3000).astype(np.int16)
    )
    image.CopyInformation(grid)
    return image


def _mask(liver: np.ndarray, voxels: np.ndarray, grid: sitk.Image) -> sitk.Image:
    inside = ndimage.map_coordinates(liver, np.moveaxis(voxels, -1, 0), order=1) >= 0.5
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.CopyInformation(grid)
    return image
