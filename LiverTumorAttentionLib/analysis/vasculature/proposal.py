"""A first proposal of portal vein, hepatic veins and vena cava in the portal phase, for a reader to correct.

1. On cubes around the liver, HU relative to the liver's median; tumors and what lies outside are as bright as it.
2. Vessels are what responds as a bright tube well beyond noise (`tubeness`), with weaker voxels that hang together with
   it (hysteresis), grown to where they are half as bright as their middle.
3. The cava is followed along the liver's back (`cava`); hepatic veins begin beside it, the portal vein where a wide
   vessel lies at the hilum's usual place, unless a reader's points say so. From both roots the trees are told apart
   (`telling_apart`).

The settings were chosen on generated cases: a phantom, and livers of LiTS painted as CT.

What it cannot tell: veins as bright as the liver (an early or late phase, a fatty liver that fills late); arteries and
filled bile ducts from veins; the lumen of a thrombosed vein; branches below about 3 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.analysis.vasculature.cava import find_cava
from LiverTumorAttentionLib.analysis.vasculature.telling_apart import told_apart
from LiverTumorAttentionLib.analysis.vasculature.tubeness import tubeness
from LiverTumorAttentionLib.analysis.vasculature.working_grid import CUBE_MM, WorkingGrid
from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, Point, check_same_grid
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR
from LiverTumorAttentionLib.voxels.morphology import CORNERS

Mask = NDArray[np.bool_]

PORTAL_VEIN, HEPATIC_VEINS, VENA_CAVA = 1, 2, 3
"""Values of a proposal's labels."""
SOURCE = "proposed by their brightness and shape"
GUESSED_TREES = (
    "which veins are portal and which hepatic was guessed without a point in each, and is often wrong: check the "
    "names, or set a point in the portal vein and one where a hepatic vein joins the cava"
)
TREES_OF_POINTS = (
    "which veins are portal and which hepatic was told by the way from their points, and is often wrong where branches "
    "touch or have gaps: check the names"
)
DENSEST_BLOOD_HU = 300.0
"""No vein is denser in the portal phase: iodized oil, clips, stents, bone and contrast agent in the bowel are."""
DENSE_RIM_CUBES = 2
"""So far around them the volume is a mixture of both."""
BLOOD_QUANTILE = 0.9
"""Of the brightness of vessel voxels: most of them lie at a wall, or in branches as thin as that."""
RIM_CUBES = 2
"""So far inside its outline the liver may be dark for what lies beside it."""
DARK_NOISE = 2.0
"""What is darker there by so many standard deviations is taken for the liver's own brightness."""
NEAR_CUBES = 7
"""Edge of the cube around a voxel in which the vessel that it may belong to is looked for: 4 mm to each side."""
BRIGHTER_HU = 25.0
"""What is so much brighter than the vessel nearby is another organ, such as the kidney."""


@dataclass(frozen=True, kw_only=True)
class VesselSettings:
    """How vessels are looked for."""

    scales_mm: tuple[float, ...] = (1.25, 2.0, 3.0, 4.5, 6.5)
    """Widths of the Gaussian; a tube of radius r answers most at r / 1.4."""
    noise_quantile: float = 0.99
    """Quantile of the inverted volume's response that counts as noise."""
    least_noise_hu: float = 1.0
    """Noise of a scale is at least so much, as the response of a tube: less is no contrast that anybody sees."""
    seed_response: float = 1.6
    """A vessel responds somewhere by so many times the noise."""
    grow_response: float = 1.0
    """And so much where it hangs together with such a place."""
    wall_share: float = 0.5
    """Its wall is where it is so bright, in share of its middle."""
    wall_noise: float = 1.5
    """And by so many standard deviations of the smoothed liver brighter than it."""
    least_length_mm: float = 10.0
    """A shorter one that touches no other is left out."""
    notch_mm: float = 8.0
    """Vessels are followed out of the liver into fissures and the hilum, where these are up to twice as wide."""
    notch_rounds: int = 3
    """And so often by 4 mm."""


@dataclass(frozen=True, kw_only=True)
class VesselPoints:
    """Places that a reader gives, LPS mm; None leaves one to the software."""

    portal_vein: Point | None = None
    """In the portal vein before it parts."""
    hepatic_veins: Point | None = None
    """In a hepatic vein where it joins the cava."""
    vena_cava: Point | None = None
    """In the middle of the cava."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> VesselPoints:
        """Build points from JSON values. Raises `InputError` naming an unknown key and the nearest known one."""
        return from_mapping(cls, values, where="the points")


@dataclass(frozen=True, kw_only=True)
class VesselProposal:
    """Proposed vessels.

    labels: uint8 on the segmentation's grid, `PORTAL_VEIN`, `HEPATIC_VEINS`, `VENA_CAVA`; 0 elsewhere and in tumors.
    liver_hu: median of the liver. notes: what the reader should know, a sentence each. source: who says so.
    """

    labels: sitk.Image
    liver_hu: float
    notes: tuple[str, ...] = ()
    source: str = SOURCE
    volumes_ml: MappingProxyType[int, float] = field(init=False)

    def __post_init__(self) -> None:
        counts = np.bincount(sitk.GetArrayViewFromImage(self.labels).reshape(-1), minlength=VENA_CAVA + 1)
        voxel_ml = ImageAxes.of(self.labels).voxel_ml
        found = {value: float(counts[value]) * voxel_ml for value in (PORTAL_VEIN, HEPATIC_VEINS, VENA_CAVA)}
        object.__setattr__(self, "volumes_ml", MappingProxyType(found))


def propose_vessels(
    portal: sitk.Image,
    instances: sitk.Image,
    points: VesselPoints | None = None,
    settings: VesselSettings | None = None,
    progress: Progress | None = None,
) -> VesselProposal:
    """Propose the vessels of a liver. The same volumes and points give the same vessels.

    portal: HU in the portal phase. instances: 0 background, 1 liver, 2, 3, … tumors, on its grid.
    Raises `InputError` where grids differ, there is no liver, or no vessel is brighter than it, and `Cancelled`.
    """
    points, settings = points or VesselPoints(), settings or VesselSettings()
    progress = progress or Progress(stage="vessels")
    check_same_grid(instances, portal, "the segmentation", "the portal volume")
    progress.update(0.0)
    grid = WorkingGrid.of(portal, instances)
    progress.update(0.1)
    vessels = bright_tubes(grid, settings, progress.part(0.1, 0.6))
    if not vessels.any():
        raise InputError(
            "no vessel of the liver is brighter than the liver: give the portal venous volume, or draw the vessels"
        )
    blood_hu = float(np.quantile(grid.relative_hu[vessels], BLOOD_QUANTILE))
    cava = find_cava(grid, blood_hu, _cube(points.vena_cava, grid, "the vena cava"), progress.part(0.6, 0.7))
    roots = _Roots(grid, vessels & ~cava, cava)
    portal_root = roots.at(points.portal_vein, "the portal vein") if points.portal_vein else roots.portal()
    hepatic_root = (
        roots.at(points.hepatic_veins, "the hepatic veins") if points.hepatic_veins else roots.hepatic()
    )
    trees = told_apart(roots.vessels, portal_root, hepatic_root, CUBE_MM, progress.part(0.7, 0.9))
    told = np.zeros(grid.organ.shape, np.uint8)
    for value, mask in ((PORTAL_VEIN, trees[0]), (HEPATIC_VEINS, trees[1]), (VENA_CAVA, cava)):
        told[mask] = value
    labels = grid.onto(told, instances)
    progress.update(0.95)
    labels = sitk.Mask(labels, sitk.Cast(instances < FIRST_TUMOR, sitk.sitkUInt8))
    progress.update(1.0)
    return VesselProposal(labels=labels, liver_hu=grid.liver_hu, notes=_notes(trees, cava, points))


def bright_tubes(grid: WorkingGrid, settings: VesselSettings, progress: Progress) -> Mask:
    """Return all vessels in the liver and its fissures, (z, y, x) of cubes. Raises `Cancelled`."""
    dense = _denser_than_blood(grid)
    where = grid.organ & ~grid.tumor & ~dense
    relative = np.clip(grid.relative_hu, -60, 150)
    response = tubeness(
        _without_surroundings(relative, where),
        where,
        CUBE_MM,
        settings.scales_mm,
        settings.noise_quantile,
        settings.least_noise_hu,
        progress.part(0.0, 0.7),
    )
    tubes = _hysteresis(response, settings.grow_response, settings.seed_response)
    progress.update(0.8)
    notches = with_notches(grid.organ, settings.notch_mm) & ~grid.tumor & ~dense
    smooth = ndimage.gaussian_filter(relative, 1.0, truncate=3.0)
    least_hu = settings.wall_noise * _deviation(smooth[where])
    vessels = _grown_to_wall(tubes, smooth, where, settings.wall_share, least_hu)
    for _ in range(settings.notch_rounds):
        progress.update(0.9)
        vessels = _grown_to_wall(vessels, smooth, notches, settings.wall_share, least_hu)
    vessels = _without_specks(vessels, settings.least_length_mm)
    progress.update(1.0)
    return vessels


def _denser_than_blood(grid: WorkingGrid) -> Mask:
    """Return what is too dense for a vein, and the rim around it."""
    dense = grid.relative_hu + np.float32(grid.liver_hu) > DENSEST_BLOOD_HU
    if not dense.any():
        return dense
    return np.asarray(ndimage.binary_dilation(dense, CORNERS, iterations=DENSE_RIM_CUBES))


def _without_surroundings(relative: NDArray[np.float32], where: Mask) -> NDArray[np.float32]:
    """Return the volume with 0, the liver's own brightness, outside, and where the outside darkens the liver's rim."""
    core = ndimage.binary_erosion(where, CORNERS, iterations=RIM_CUBES)
    deviation = _deviation(relative[core] if core.any() else relative[where])
    kept = core | (where & (relative > -DARK_NOISE * deviation))
    return np.where(kept, relative, np.float32(0))


def with_notches(organ: Mask, notch_mm: float) -> Mask:
    """Return the liver closed by a ball, on cubes twice as large, which is as exact as it needs to be."""
    padded = np.pad(organ, [(0, length % 2) for length in organ.shape])
    coarse = padded[::2, ::2, ::2] | padded[1::2, 1::2, 1::2]
    reach = notch_mm / (2 * CUBE_MM)
    grown = ndimage.distance_transform_edt(np.pad(~coarse, 8, constant_values=True)) <= reach
    closed = ndimage.distance_transform_edt(grown)[8:-8, 8:-8, 8:-8] > reach
    fine = closed.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    return np.asarray(organ | fine[tuple(slice(0, length) for length in organ.shape)])


def _hysteresis(response: NDArray[np.float32], low: float, high: float) -> Mask:
    """Return what responds by `low` and hangs together with what responds by `high`."""
    parts, count = ndimage.label(response >= low, structure=CORNERS)
    kept = np.zeros(count + 1, bool)
    kept[np.unique(parts[response >= high])] = True
    kept[0] = False
    return kept[parts]


def _deviation(values: NDArray[np.float32]) -> float:
    """Return the standard deviation of the bulk of values, by the median of their deviations."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _grown_to_wall(
    tubes: Mask, smooth: NDArray[np.float32], where: Mask, share: float, least_hu: float
) -> Mask:
    """Return tubes with their walls: what is near, between half as bright as the vessel and little brighter than it.

    share: half. least_hu: nothing darker is a vessel.
    """
    if not tubes.any():
        return tubes
    vessel = ndimage.maximum_filter(np.where(tubes, smooth, np.float32(0)), size=NEAR_CUBES)
    like = (
        where
        & (smooth >= np.maximum(share * vessel, np.float32(least_hu)))
        & (smooth <= vessel + BRIGHTER_HU)
    )
    like &= vessel > 0
    return np.asarray(ndimage.binary_propagation(tubes & like, mask=like))


def _without_specks(vessels: Mask, least_mm: float) -> Mask:
    parts, count = ndimage.label(vessels, structure=CORNERS)
    kept = np.zeros(count + 1, bool)
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        extent = np.array([side.stop - side.start for side in box]) * CUBE_MM
        kept[number] = float(np.linalg.norm(extent)) >= least_mm
    return kept[parts]


def _cube(point: Point | None, grid: WorkingGrid, what: str) -> tuple[int, ...] | None:
    if point is None:
        return None
    found = grid.index_of(np.asarray(point, float))
    if found is None:
        raise InputError(f"the point of {what} lies far from the liver: set it again, in LPS mm")
    return found


class _Roots:
    """Where the trees begin. vessels: without the cava."""

    NEAR_CAVA_MM = 6.0
    BALL_MM = 5.0
    HILUM = (0.40, 0.50, 0.45)
    CONFLUENCE = (0.45, 0.70, 0.85)
    """Usual places in the liver's box, from right to left, from front to back, from below to above."""
    SPREAD_MM = 30.0
    HIGH_SHARE = 0.5
    """Hepatic veins join the cava above this height in the liver's box; the portal vein passes it below."""
    FARTHEST_MM = 20.0

    def __init__(self, grid: WorkingGrid, vessels: Mask, cava: Mask) -> None:
        self.vessels, self._grid = vessels, grid
        box = bounding_box(grid.organ)
        if box is None:
            raise ValueError("a grid without a liver has no roots")
        self._low = np.array([side.start for side in box])
        self._size = np.array([side.stop - side.start for side in box])
        self._index = np.argwhere(vessels)
        self._depth = ndimage.distance_transform_edt(vessels)[vessels] * CUBE_MM
        self._to_cava = (
            ndimage.distance_transform_edt(~cava)[vessels] * CUBE_MM
            if cava.any()
            else np.full(len(self._index), np.inf)
        )

    def portal(self) -> Mask:
        """Return the widest place near the hilum's usual place, away from the cava."""
        score = self._score(self.HILUM) * (self._to_cava > self.NEAR_CAVA_MM)
        return self._ball(int(score.argmax())) if score.any() else np.zeros(self.vessels.shape, bool)

    def hepatic(self) -> Mask:
        """Return what lies against the upper cava; without any, the widest place near the confluence's usual place."""
        high = self._index[:, 0] >= self._low[0] + self.HIGH_SHARE * self._size[0]
        beside = (self._to_cava <= self.NEAR_CAVA_MM) & high
        if beside.any():
            root = np.zeros(self.vessels.shape, bool)
            root[tuple(self._index[beside].T)] = True
            return root
        score = self._score(self.CONFLUENCE) * high
        return self._ball(int(score.argmax())) if score.any() else np.zeros(self.vessels.shape, bool)

    def at(self, point: Point, what: str) -> Mask:
        """Return the vessel near a reader's point. Raises `InputError` where none is near."""
        cube = _cube(point, self._grid, what)
        away = np.linalg.norm((self._index - np.asarray(cube)) * CUBE_MM, axis=1)
        if not away.size or away.min() > self.FARTHEST_MM:
            raise InputError(
                f"no vessel was found within {self.FARTHEST_MM:g} mm of the point of {what}: set it inside the vessel"
            )
        return self._ball(int(away.argmin()))

    def _score(self, usual: tuple[float, float, float]) -> NDArray[np.float64]:
        place = (self._low + np.array(usual[::-1]) * self._size).astype(float)
        away = ((self._index - place) ** 2).sum(axis=1) * CUBE_MM**2
        return np.asarray(self._depth * np.exp(-away / (2 * self.SPREAD_MM**2)))

    def _ball(self, number: int) -> Mask:
        away = np.linalg.norm((self._index - self._index[number]) * CUBE_MM, axis=1)
        root = np.zeros(self.vessels.shape, bool)
        root[tuple(self._index[away <= self.BALL_MM].T)] = True
        return root


def _notes(trees: tuple[Mask, Mask], cava: Mask, points: VesselPoints) -> tuple[str, ...]:
    notes = [
        f"no {name} was found: set a point in it, or draw it"
        for name, mask in (("portal vein", trees[0]), ("hepatic vein", trees[1]), ("vena cava", cava))
        if not mask.any()
    ]
    if trees[0].any() and trees[1].any():
        guessed = points.portal_vein is None or points.hepatic_veins is None
        notes.append(GUESSED_TREES if guessed else TREES_OF_POINTS)
    return tuple(notes)
