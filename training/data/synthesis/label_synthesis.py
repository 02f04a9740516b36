"""Two-phase CT painted from a label map by domain randomization.

Contrasts, noise, slice thickness and shape are randomized far beyond what scanners give, so that a network has to
rely on shape and position, which carry over to scanners and contrast timings that were not simulated.
Source: Billot et al., SynthSeg, Medical Image Analysis 2023.
Departs: contrasts follow CT (HU ranges of each tissue and phase) in part of the cases and are free in the
others; both phases are painted from one anatomy; lesions are implanted (see `implants`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.labels import TUMOR
from training.augmentation.random_fields import smooth_noise
from training.data.synthesis.atlases import HEPATIC, PORTAL, Atlas, Tissue
from training.data.synthesis.implants import add_liver_texture, add_perfusion_difference, implant_lesions
from training.data.synthesis.vessel_trees import add_tree, grown_trees, softened

# (plain), (gain in the arterial phase), (gain in the portal venous phase): ranges in HU, broad around what
# textbooks of body CT give for 120 kV
_ENHANCEMENT: dict[Tissue, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    Tissue.FAT: ((-125, -75), (0, 5), (0, 5)),
    Tissue.MUSCLE: ((35, 70), (0, 15), (5, 25)),
    Tissue.BONE: ((150, 600), (0, 20), (0, 30)),
    Tissue.LUNG: ((-920, -650), (0, 20), (0, 20)),
    Tissue.LIVER: ((25, 70), (3, 30), (15, 110)),
    Tissue.SPLEEN: ((35, 60), (30, 100), (45, 90)),
    Tissue.KIDNEY: ((25, 45), (60, 160), (90, 170)),
    Tissue.STOMACH: ((-10, 60), (0, 20), (0, 40)),
    Tissue.BOWEL: ((0, 60), (5, 40), (10, 60)),
    Tissue.GALLBLADDER: ((-5, 30), (0, 5), (0, 5)),
    Tissue.ARTERY: ((30, 50), (120, 320), (80, 150)),
    Tissue.VEIN: ((30, 50), (0, 90), (60, 140)),
    Tissue.PORTAL_VEIN: ((30, 50), (0, 90), (80, 150)),
    Tissue.PANCREAS: ((25, 50), (25, 80), (25, 70)),
    Tissue.HEART: ((30, 50), (80, 280), (70, 150)),
    Tissue.HEPATIC_VEIN: ((30, 50), (0, 8), (60, 140)),
}
LIVER_HU = (40.0, 180.0)
"""Range of the liver in the portal venous phase."""
BLOOD_HU = 180.0
"""Up to which the veins of a dark liver reach in the portal venous phase."""
PERFUSION_SHARE = 0.25
"""Share of the cases with a part of the liver that is brighter in the arterial phase alone."""
SMOOTH_VOXELS = 0.7
"""Of the atlas: the Gaussian that its liver is smoothed by, so that its outline is no staircase."""
NO_VESSELS = 0.04
"""Share of the cases whose veins are as bright as the liver."""
STYLES = ("phases", "plain", "free")
"""How contrasts are drawn: as of two phases, without contrast agent, or without any rule."""
CAVA = 3
"""Value of `SyntheticCase.veins` beside `HEPATIC` and `PORTAL`."""
HALF = 0.5
_KEPT = (Tissue.AIR, Tissue.BONE, Tissue.ARTERY, Tissue.VEIN, Tissue.PORTAL_VEIN, Tissue.HEPATIC_VEIN)
"""Thin or hard: the smoothed outline of the liver does not lap over them."""
_FIXED = (Tissue.AIR, Tissue.FAT, Tissue.BONE, Tissue.LUNG)


@dataclass(frozen=True, kw_only=True)
class SyntheticCase:
    """One two-phase case on a stage's working grid; arrays are (z, y, x), z rising to the head, LPS.

    portal, arterial: int16 HU, the arterial phase voxel on voxel with the portal one.
    labels: uint8, 0 background, 1 liver, 2 tumor. spacing_mm: (z, y, x).
    veins: uint8 truth of the veins, `HEPATIC` and `PORTAL` inside the liver, `CAVA` the veins outside of it; None where
    the liver shows none.
    """

    portal: NDArray[np.int16]
    arterial: NDArray[np.int16]
    labels: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]
    veins: NDArray[np.uint8] | None = None


def synthesize(
    atlas: Atlas,
    rng: np.random.Generator,
    *,
    in_plane_mm: float,
    slice_mm: float,
    liver_margin_mm: float | None,
    lesions: int,
    style: str | None = None,
    whole_liver: bool = False,
) -> SyntheticCase:
    """Paint one case from an atlas.

    liver_margin_mm: None keeps the whole body (with random cuts of the field of view); a number keeps only the
    liver's box with that margin. lesions: how many to implant at most; those that do not fit are left out.
    style: of the contrasts, one of `STYLES`; None draws it. whole_liver: whether no case cuts the liver, or leaves its
    veins unpainted.
    """
    spacing = (slice_mm, in_plane_mm, in_plane_mm)
    tissues, inside, known_trees = _deformed(atlas, rng, spacing)
    view = _field_of_view(tissues, rng, spacing, liver_margin_mm, whole_liver)
    tissues, inside = tissues[view], inside[view]
    if not (tissues == Tissue.LIVER).any():
        raise ValueError(f"no liver is left of the atlas {atlas.name} at {spacing} mm")
    bowel_gas, contents = _fill_bowel(tissues, inside, rng, spacing)
    if liver_margin_mm is None and rng.random() < 0.6:
        _add_table(tissues, rng, spacing)
    phases = _contrasts(rng, style)
    volumes = [_paint(tissues, hu, rng, spacing, bowel_gas, contents) for hu in phases]
    liver = tissues == Tissue.LIVER
    liver_hu = [float(hu[Tissue.LIVER]) for hu in phases]
    shown: dict[int, NDArray[np.float32]] = {}
    if rng.random() >= NO_VESSELS or whole_liver:
        if known_trees is None:
            trees = grown_trees(liver, rng, spacing)
        else:
            trees = {kind: tree[view] for kind, tree in known_trees.items()}
        for kind, tissue in ((HEPATIC, Tissue.HEPATIC_VEIN), (PORTAL, Tissue.PORTAL_VEIN)):
            add_tree(volumes, liver, trees[kind], [float(hu[tissue]) for hu in phases], rng, spacing)
        shown = dict(trees)
    add_liver_texture(volumes, liver, rng, spacing)
    if rng.random() < PERFUSION_SHARE:
        add_perfusion_difference(volumes[1], liver, rng, spacing)
    # vessels inside the liver belong to it, as annotators draw it
    organ = ndimage.binary_fill_holes(ndimage.binary_closing(liver, np.ones((1, 3, 3))))
    veins = np.isin(tissues, (Tissue.HEPATIC_VEIN, Tissue.PORTAL_VEIN))
    organ |= veins & np.stack([ndimage.binary_fill_holes(plane) for plane in organ])
    labels = (organ & ~np.isin(tissues, (Tissue.AIR, Tissue.LUNG))).astype(np.uint8)
    tumor = implant_lesions(volumes, labels > 0, liver_hu, rng, spacing, count=lesions)
    labels[tumor] = TUMOR
    sigma = rng.uniform(0.3, 1.0) if in_plane_mm > 2 else rng.uniform(0.4, 1.2)
    through = rng.uniform(0.0, 0.5) * min(1.0, 5.0 / slice_mm)
    noise = float(np.exp(rng.uniform(np.log(3), np.log(28))))
    portal, arterial = (_acquire(v, rng, spacing, sigma, through, noise) for v in volumes)
    truth = _veins(tissues, shown, tumor) if shown else None
    return SyntheticCase(portal=portal, arterial=arterial, labels=labels, spacing_mm=spacing, veins=truth)


def _veins(
    tissues: NDArray[np.uint8], trees: Mapping[int, NDArray[np.float32]], tumor: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return which vein each voxel is of; a vein fills at least half of its voxels, and none of a tumor's."""
    liver = tissues == Tissue.LIVER
    hepatic, portal = trees[HEPATIC], trees[PORTAL]
    veins = np.where(hepatic >= portal, np.uint8(HEPATIC), np.uint8(PORTAL))
    veins[~liver | (np.maximum(hepatic, portal) < HALF)] = 0
    veins[tissues == Tissue.HEPATIC_VEIN] = HEPATIC
    veins[tissues == Tissue.PORTAL_VEIN] = PORTAL
    veins[tissues == Tissue.VEIN] = CAVA
    veins[tumor] = 0
    return veins


def _deformed(
    atlas: Atlas, rng: np.random.Generator, spacing: Sequence[float]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Mapping[int, NDArray[np.float32]] | None]:
    """Return the atlas rotated, scaled and bent at random on a grid of the given spacing, what lies inside its body
    wall, and the share of each of its veins in a voxel where they are known.

    Liver and veins are interpolated, for their outlines would show the atlas's voxels; what else there is, is not.
    """
    scale = rng.uniform(0.85, 1.35) * np.exp(rng.normal(0, 0.07, 3))
    extent_mm = np.array(atlas.tissues.shape) * atlas.spacing_mm * scale
    shape = tuple(int(np.ceil(e / s)) for e, s in zip(extent_mm, spacing, strict=True))
    angles = np.radians(rng.normal(0, (7, 5, 5)))
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        rotation = rotation @ turn
    strength = rng.uniform(0.3, 1.0)
    bend = 10.0 * strength * smooth_noise(rng, shape, spacing, rng.uniform(70, 120), components=3)
    bend += 3.0 * strength * smooth_noise(rng, shape, spacing, rng.uniform(25, 45), components=3)
    points = [(np.arange(n, dtype=np.float32) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    grid = np.meshgrid(*points, indexing="ij")
    center = (np.array(atlas.tissues.shape) - 1) / 2
    matrix = (rotation / scale[None, :]).astype(np.float32)
    exact, where = [], []
    for axis in range(3):
        moved = sum(matrix[axis, k] * grid[k] for k in range(3)) + bend[axis]
        moved = (moved / atlas.spacing_mm + center[axis]).astype(np.float32)
        exact.append(moved)
        where.append(np.rint(moved).astype(np.int32))
    # beyond the atlas at head and foot its last slice is repeated for 3 voxels; beyond its sides there is air
    depth = atlas.tissues.shape[0]
    beyond = (where[0] < -3) | (where[0] > depth + 2)
    for axis in (1, 2):
        beyond |= (where[axis] < 0) | (where[axis] >= atlas.tissues.shape[axis])
    place = tuple(np.clip(w, 0, n - 1) for w, n in zip(where, atlas.tissues.shape, strict=True))
    tissues = _smooth_liver(atlas, place, exact)
    skin_mm = rng.uniform(4, 45) + 5 * smooth_noise(rng, shape, spacing, 90)
    outside_mm = atlas.outside_mm[place]
    tissues[(tissues == Tissue.AIR) & (outside_mm < skin_mm)] = Tissue.FAT
    tissues[beyond] = Tissue.AIR
    trees = None
    if atlas.trees is not None:
        trees = {
            kind: np.where(beyond, np.float32(0), softened(atlas.trees == kind, exact))
            for kind in (HEPATIC, PORTAL)
        }
    return tissues, (outside_mm == 0) & ~beyond, trees


def _smooth_liver(
    atlas: Atlas, place: tuple[NDArray[np.int32], ...], exact: Sequence[NDArray[np.float32]]
) -> NDArray[np.uint8]:
    """Return the tissues at points of an atlas, the liver with a smooth outline over what lies nearest to it.

    place, exact: whole and exact indices, (z, y, x). Only the liver's border moves, by less than a voxel of the atlas.
    """
    organ = atlas.tissues == Tissue.LIVER
    around = ndimage.distance_transform_edt(organ, return_distances=False, return_indices=True)
    rest = atlas.tissues[tuple(around)]
    share = ndimage.gaussian_filter(organ.astype(np.float32), SMOOTH_VOXELS)
    liver = ndimage.map_coordinates(share, exact, order=1, mode="nearest") >= 0.5
    tissues = rest[place]
    liver &= organ[place] | ~np.isin(tissues, _KEPT)
    tissues[liver] = Tissue.LIVER
    return tissues


def _field_of_view(
    tissues: NDArray[np.uint8],
    rng: np.random.Generator,
    spacing: Sequence[float],
    liver_margin_mm: float | None,
    whole_liver: bool = False,
) -> tuple[slice, ...]:
    """Return the liver's box, or a random field of view that still shows part of the liver, or all of it."""
    inside = np.argwhere(tissues == Tissue.LIVER)
    if inside.size == 0:
        return (slice(None),) * 3
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    full = np.any(tissues != Tissue.AIR, axis=(1, 2))
    rows = np.flatnonzero(full)
    z0, z1 = int(rows[0]), int(rows[-1]) + 1
    tall = high[0] - low[0]
    if rng.random() < 0.35:
        z1 = int(high[0] - rng.uniform(0.0, 0.45) * tall)
    if rng.random() < 0.25:
        z0 = int(low[0] + rng.uniform(0.0, 0.4) * tall)
    elif rng.random() < 0.5:
        z0 = max(z0, int(low[0] - rng.uniform(0, 60) / spacing[0]))
    z1 = max(z1, z0 + 3)
    if whole_liver:
        z0, z1 = int(rows[0]), int(rows[-1]) + 1
    if liver_margin_mm is None:
        return slice(z0, z1), slice(None), slice(None)
    margin = [int(np.ceil(liver_margin_mm / s)) for s in spacing]
    z0, z1 = max(z0, low[0] - margin[0]), min(z1, high[0] + margin[0])
    sides = [slice(max(0, low[k] - margin[k]), min(tissues.shape[k], high[k] + margin[k])) for k in (1, 2)]
    return slice(z0, max(z1, z0 + 3)), sides[0], sides[1]


def _add_table(tissues: NDArray[np.uint8], rng: np.random.Generator, spacing: Sequence[float]) -> None:
    """Lay the patient on a table, in place: a thin curved plate that touches or nearly touches the back."""
    body = tissues != Tissue.AIR
    bottom = int(np.flatnonzero(body.any(axis=(0, 2)))[-1])
    x = (np.arange(tissues.shape[2]) - tissues.shape[2] / 2) * spacing[2]
    curve = bottom + rng.uniform(-4, 12) / spacing[1] - x**2 / rng.uniform(400, 3000) / spacing[1]
    y = np.arange(tissues.shape[1])[:, None]
    plate = np.abs(y - curve[None, :]) <= max(0.5, rng.uniform(1, 4) / spacing[1])
    tissues[(tissues == Tissue.AIR) & plate[None]] = Tissue.FAT


def _fill_bowel(
    tissues: NDArray[np.uint8], inside: NDArray[np.bool_], rng: np.random.Generator, spacing: Sequence[float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Grow random bowel in the fat (in place); return where gas and where oral contrast lies."""
    shape = tissues.shape
    pattern = smooth_noise(rng, shape, spacing, rng.uniform(18, 40))
    share = rng.choice([0.0, rng.uniform(0.1, 0.6)], p=[0.25, 0.75])
    cavity = (tissues == Tissue.FAT) & inside
    if share > 0 and cavity.any():
        tissues[cavity & (pattern > np.quantile(pattern[cavity], 1 - share))] = Tissue.BOWEL
    hollow = np.isin(tissues, (Tissue.STOMACH, Tissue.BOWEL))
    gas_pattern = smooth_noise(rng, shape, spacing, 35)
    rise = np.linspace(1.0, -1.0, shape[1])[None, :, None]  # gas collects in front of a lying patient
    gas = hollow & (gas_pattern + rise > rng.uniform(0.7, 2.0))
    contrast = hollow & ~gas & (smooth_noise(rng, shape, spacing, 60) > rng.uniform(0.3, 1.5))
    if rng.random() < 0.6:
        contrast[:] = False
    return gas, contrast


def _contrasts(
    rng: np.random.Generator, wanted: str | None = None
) -> tuple[dict[Tissue, float], dict[Tissue, float]]:
    """Draw the HU of every tissue in the portal venous and in the arterial phase. wanted: the style, else drawn."""
    plain: dict[Tissue, float] = {Tissue.AIR: -1000.0}
    portal, arterial = dict(plain), dict(plain)
    style = wanted or rng.choice(STYLES, p=[0.5, 0.2, 0.3])
    early, late = rng.uniform(0.0, 1.0), rng.uniform(0.6, 1.1)
    for tissue, (base, art, ven) in _ENHANCEMENT.items():
        hu = rng.uniform(*base)
        plain[tissue] = hu
        arterial[tissue] = hu + rng.uniform(*art) * (0.5 + 0.5 * early)
        portal[tissue] = hu + rng.uniform(*ven) * late
        if style == "free" and tissue not in _FIXED:
            portal[tissue] = rng.uniform(-10, 200)
            arterial[tissue] = rng.uniform(-10, 200)
    if style == "free":
        portal[Tissue.LIVER] = rng.uniform(20, LIVER_HU[1])
        arterial[Tissue.LIVER] = portal[Tissue.LIVER] + rng.uniform(-60, 20)
    if style == "phases":
        _enhance_veins(portal, arterial, early, rng)
    if style == "plain":
        return plain, {t: hu + float(rng.normal(0, 3)) for t, hu in plain.items()}
    return portal, arterial


def _enhance_veins(
    portal: dict[Tissue, float], arterial: dict[Tissue, float], early: float, rng: np.random.Generator
) -> None:
    """Set the veins in relation to the liver, in place: what shows them is their contrast with it.

    In the arterial phase no contrast agent has come back through the hepatic veins, which are as dark as blood or
    little brighter than it; portal ones fill late in it.
    """
    portal[Tissue.LIVER] = float(np.clip(portal[Tissue.LIVER], *LIVER_HU))
    most = max(80.0, BLOOD_HU - portal[Tissue.LIVER])  # a fatty liver is dark, its blood is not
    portal[Tissue.PORTAL_VEIN] = portal[Tissue.LIVER] + rng.uniform(8, most)
    portal[Tissue.HEPATIC_VEIN] = portal[Tissue.LIVER] + rng.uniform(-5, most - 5)
    arterial[Tissue.HEPATIC_VEIN] = min(arterial[Tissue.HEPATIC_VEIN], arterial[Tissue.LIVER] - 2)
    arterial[Tissue.PORTAL_VEIN] = arterial[Tissue.LIVER] + rng.uniform(-20, 10) + early * rng.uniform(0, 90)


def _paint(
    tissues: NDArray[np.uint8],
    hu: dict[Tissue, float],
    rng: np.random.Generator,
    spacing: Sequence[float],
    gas: NDArray[np.bool_],
    contrast: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return HU with a texture of its own in every tissue."""
    mean = np.array([hu[t] for t in Tissue], np.float32)
    coarse = np.array([0, 8, 8, 90, 40, 0, 4, 12, 15, 20, 4, 8, 8, 8, 6, 10, 8], np.float32)
    volume = mean[tissues]
    texture = smooth_noise(rng, tissues.shape, spacing, rng.uniform(8, 25))
    volume += coarse[tissues] * texture
    volume[contrast] = rng.uniform(150, 450)
    volume[gas] = -950.0
    return volume


def _acquire(
    volume: NDArray[np.float32],
    rng: np.random.Generator,
    spacing: Sequence[float],
    sigma: float,
    through: float,
    noise: float,
) -> NDArray[np.int16]:
    """Blur, add a slow bias, correlated noise, streaks and the limits of the field of view."""
    volume = ndimage.gaussian_filter(volume, (through, sigma, sigma))
    shape = volume.shape
    grain = rng.standard_normal(shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(grain, (0, *(2 * [rng.uniform(0.0, 0.9)])))
    strength = 1.0 + 0.3 * smooth_noise(rng, shape, spacing, 120)
    volume += noise * rng.uniform(0.7, 1.3) * np.clip(strength, 0.3, 2.0) * grain / max(grain.std(), 1e-3)
    volume += rng.uniform(0, 6) * smooth_noise(rng, shape, spacing, 150)
    if rng.random() < 0.2:
        streaks = rng.standard_normal((shape[0], shape[1], 1), dtype=np.float32)
        volume += rng.uniform(3, 12) * ndimage.gaussian_filter1d(streaks, 1.0, axis=1)
    if rng.random() < 0.15:
        y, x = np.ogrid[: shape[1], : shape[2]]
        radius = rng.uniform(0.42, 0.55) * max(shape[1:])
        outside = (y - shape[1] / 2) ** 2 + (x - shape[2] / 2) ** 2 > radius**2
        if shape[1] * spacing[1] > 250:
            volume[:, outside] = -1024.0
    return np.clip(np.rint(volume), -1024, 3000).astype(np.int16)
