"""Two volumes of one patient compared with each other: which of both is the arterial and which the portal venous one.

What each volume cannot tell by itself, for too little of the body is seen, their difference may. Both are laid on one
coarse grid and shifted until they fit. What differs there is contrast agent alone: bone, fat, air and metal stay as
they are. Two things are measured at the same place in both: the artery, as the brightest even course that differs, and
the largest even organ. An artery falls by about half between the arterial and the portal venous phase while the liver
rises; no other two phases show both. Expected values are those of `expectation`.

For the difference of the liver between two phases of one patient:
[Heiken], [Late] and [Bae], see `expectation`: 20 to 30 above plain in the late arterial phase, 50 and more in the
portal venous one. What differs from patient to patient, fat and dose, is the same in both volumes, so that the
difference is known better than the levels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.contrast_phase import CONTRAST_PHASES, DELAYED, PORTAL, ROLE_PHASES
from LiverTumorAttentionLib.phases.expectation import EXPECTED, FAR
from LiverTumorAttentionLib.phases.regions import (
    BODY_HU,
    EVEN_HU,
    LARGEST_AORTA_CM2,
    ORGAN_HU,
    RIM_MM,
    coarse_image,
)

REACH_MM, SIDE_REACH_MM = 40.0, 16.0
"""How far the second volume is shifted along and across the body: a deep breath, and a patient who moved."""
CLIP_HU = (-200.0, 120.0)
"""What the volumes are fitted by: skin, fat, air and organs; contrast agent and bone are cut off."""
LEAST_OVERLAP = 0.5
"""Of the shorter volume; with less in common the two are not compared."""
DIFFERS_HU = 50.0
"""What differs less may be noise, or what lies beside it."""
LEAST_RUN = 0.6
"""Share of the slices that a vessel along the body runs through."""
LEAST_ARTERY_ML = 0.3
RIVAL_SHARE = 0.8
"""A course that differs the other way and is that bright beside the brightest one leaves open which is the artery."""
LEAST_ORGAN_ML = 15.0
"""Without its rim."""
RISE_SD_HU = 14.0
"""Of the difference of the liver between two phases of one patient."""
OTHER_ORGAN, OTHER_ORGAN_SD_HU = 0.2, 15.0
"""How often the largest even organ is another one, such as a muscle or the spleen, and how far that differs."""
IN_ORDER_RIGHT = 0.98
"""How often times of acquisition are right."""

Array = NDArray[np.float32]
PORTAL_LIKE = (PORTAL, DELAYED)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What two volumes show at the same places, HU of the first and the second; None for what was not found.

    artery_hu: of the brightest course that differs. organ_hu: of the largest even organ. later_s: how much later the
    second volume was acquired, None where that is not known.
    """

    artery_hu: tuple[float, float] | None = None
    organ_hu: tuple[float, float] | None = None
    later_s: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return self == Comparison()

    def words(self) -> str:
        """Return the numbers in words, such as "artery 150 HU in the portal and 310 HU in the arterial volume"."""
        named = [
            f"{name} {found[0]:.0f} HU in the portal and {found[1]:.0f} HU in the arterial volume"
            for name, found in (("artery", self.artery_hu), ("largest even organ", self.organ_hu))
            if found is not None
        ]
        if self.later_s is not None:
            when = "after" if self.later_s > 0 else "before"
            named.append(f"the arterial volume acquired {abs(self.later_s):.0f} s {when} the portal one")
        return "; ".join(named)

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON values, HU of the portal and the arterial volume."""
        pairs = {"artery": self.artery_hu, "organ": self.organ_hu}
        found: dict[str, object] = {
            name: [round(hu) for hu in pair] for name, pair in pairs.items() if pair is not None
        }
        return found | ({} if self.later_s is None else {"later_s": round(self.later_s)})


@dataclass(frozen=True, kw_only=True)
class Order:
    """Probabilities of two volumes together: as given (portal first, arterial second), and exchanged.

    What is left is that both are of one kind, or one is of a phase that fits neither input.
    """

    given: float
    exchanged: float

    @property
    def swap(self) -> float:
        """Of the two ways to take them, the probability of the exchanged one."""
        both = self.given + self.exchanged
        return self.exchanged / both if both > 0 else 0.5


def compare_volumes(portal: sitk.Image, arterial: sitk.Image, later_s: float | None = None) -> Comparison:
    """Compare the volumes of a run (HU, any orientation) that were given as portal and arterial.

    later_s: how much later the arterial one was acquired, where headers tell it.
    """
    fitted = _on_one_grid(coarse_image(portal), coarse_image(arterial))
    if fitted is None:
        return Comparison(later_s=later_s)
    first, second, spacing_zyx_mm = fitted
    even = np.maximum(_unevenness(first), _unevenness(second)) < EVEN_HU
    return Comparison(
        artery_hu=_artery(first, second, even, spacing_zyx_mm),
        organ_hu=_organ(first, second, even, spacing_zyx_mm),
        later_s=later_s,
    )


def order_of(found: Comparison, portal: Mapping[str, float], arterial: Mapping[str, float]) -> Order:
    """Return how likely two volumes are as given.

    portal, arterial: the probability of each phase of both, from what each tells by itself.
    """
    logs = {
        (first, second): math.log(max(portal[first] * arterial[second], 1e-12))
        + _log_likelihood(found, first, second)
        for first, second in itertools.product(CONTRAST_PHASES, repeat=2)
    }
    highest = max(logs.values())
    weights = {pair: math.exp(value - highest) for pair, value in logs.items()}
    total = sum(weights.values())
    arteries = ROLE_PHASES["arterial"]
    return Order(
        given=sum(w for (p, a), w in weights.items() if p in PORTAL_LIKE and a in arteries) / total,
        exchanged=sum(w for (p, a), w in weights.items() if a in PORTAL_LIKE and p in arteries) / total,
    )


def _log_likelihood(found: Comparison, first: str, second: str) -> float:
    total = 0.0
    if found.artery_hu is not None:
        for hu, phase in zip(found.artery_hu, (first, second), strict=True):
            mean, sd = EXPECTED["aorta"][phase]
            total -= 0.5 * min(abs(hu - mean) / sd, FAR) ** 2 + math.log(sd)
    if found.organ_hu is not None:
        difference = found.organ_hu[0] - found.organ_hu[1]
        rise = EXPECTED["liver"][first][0] - EXPECTED["liver"][second][0]
        total += math.log(
            (1 - OTHER_ORGAN) * _density(difference - rise, RISE_SD_HU)
            + OTHER_ORGAN * _density(difference, OTHER_ORGAN_SD_HU)
            + 1e-6
        )
    if found.later_s is not None:
        order = CONTRAST_PHASES.index(second) - CONTRAST_PHASES.index(first)
        if order != 0:
            total += math.log(IN_ORDER_RIGHT if order * found.later_s > 0 else 1 - IN_ORDER_RIGHT)
        else:
            total += math.log(0.5)
    return total


def _density(value: float, sd: float) -> float:
    return math.exp(-0.5 * (value / sd) ** 2) / sd


def _on_one_grid(
    first: sitk.Image, second: sitk.Image
) -> tuple[Array, Array, tuple[float, float, float]] | None:
    """Return both volumes (z, y, x) on the first one's grid where they overlap after a shift; None without overlap."""
    spacing = np.array(first.GetSpacing())
    reach = np.maximum(1, np.round(np.array([SIDE_REACH_MM, SIDE_REACH_MM, REACH_MM]) / spacing)).astype(int)
    start = np.zeros(3)
    apart = _middle(second) - _middle(first)
    sides = np.array([_sides(image) for image in (first, second)])
    if np.any(sides.mean(axis=0) - np.abs(apart) < LEAST_OVERLAP * sides.min(axis=0)):
        start = apart  # no coordinates in common: the middles lie upon each other
    grid = sitk.Image([int(n + 2 * r) for n, r in zip(first.GetSize(), reach, strict=True)], sitk.sitkFloat32)
    grid.SetSpacing(first.GetSpacing())
    grid.SetDirection(first.GetDirection())
    grid.SetOrigin(first.TransformContinuousIndexToPhysicalPoint([-float(r) for r in reach]))
    shift = sitk.TranslationTransform(3, [float(v) for v in start])
    moved = sitk.GetArrayFromImage(sitk.Resample(second, grid, shift, sitk.sitkLinear, float("nan")))
    fixed = sitk.GetArrayFromImage(first)
    reach = reach[::-1]

    def part(at: tuple[int, ...]) -> Array:
        box = tuple(slice(r + k, r + k + n) for r, k, n in zip(reach, at, fixed.shape, strict=True))
        return np.asarray(moved[box], np.float32)

    least = LEAST_OVERLAP * min(len(fixed), sides[1][2] / spacing[2])
    clipped = np.clip(fixed, *CLIP_HU)

    def score(at: tuple[int, ...]) -> float:
        if any(abs(k) > r for k, r in zip(at, reach, strict=True)):
            return -2.0
        there = part(at)
        rows = np.isfinite(there).any(axis=(1, 2))
        if rows.sum() < least:
            return -2.0
        seen = np.isfinite(there[rows])
        a, b = clipped[rows][seen], np.clip(there[rows][seen], *CLIP_HU)
        a, b = a - a.mean(), b - b.mean()
        size = float(np.sqrt((a * a).sum() * (b * b).sum()))
        return float((a * b).sum()) / size if size > 0 else -1.0

    best = _climb((0, 0, 0), score)
    there = part(best)
    rows = np.isfinite(there).any(axis=(1, 2))
    if rows.sum() < max(least, 2):
        return None
    return fixed[rows], np.nan_to_num(there[rows], nan=-1024.0), first.GetSpacing()[::-1]


def _climb(start: tuple[int, ...], score: Callable[[tuple[int, ...]], float]) -> tuple[int, ...]:
    """Return the shift (voxels, z, y, x) reached by going along the axes in halving steps while the score rises."""
    known: dict[tuple[int, ...], float] = {}

    def scored(at: tuple[int, ...]) -> float:
        if at not in known:
            known[at] = score(at)
        return known[at]

    at, step = start, 4
    while step >= 1:
        moves = [
            tuple(k + sign * step * (axis == own) for own, k in enumerate(at))
            for axis in range(3)
            for sign in (-1, 1)
        ]
        best = max(moves, key=scored)
        if scored(best) > scored(at):
            at = best
        else:
            step //= 2
    return at


def _sides(image: sitk.Image) -> tuple[float, ...]:
    """Return the lengths of a volume's sides, mm."""
    return tuple(n * step for n, step in zip(image.GetSize(), image.GetSpacing(), strict=True))


def _middle(image: sitk.Image) -> NDArray[np.float64]:
    return np.array(image.TransformContinuousIndexToPhysicalPoint([0.5 * (n - 1) for n in image.GetSize()]))


def _unevenness(hu: Array) -> Array:
    """Return the standard deviation over 3 x 3 voxels of each slice."""
    mean = ndimage.uniform_filter(hu, (1, 3, 3))
    return np.sqrt(np.maximum(ndimage.uniform_filter(hu**2, (1, 3, 3)) - mean**2, 0))


def _artery(
    first: Array, second: Array, even: NDArray[np.bool_], spacing_zyx_mm: tuple[float, float, float]
) -> tuple[float, float] | None:
    """Return the HU of the brightest course along the body that differs; None where none is clear."""
    difference = ndimage.uniform_filter(first - second, (1, 3, 3))
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000
    pixel_cm2 = spacing_zyx_mm[1] * spacing_zyx_mm[2] / 100
    brightest: dict[int, tuple[float, tuple[float, float]]] = {}
    for sign in (-1, 1):
        where = even & (sign * difference > DIFFERS_HU) & (np.minimum(first, second) > BODY_HU)
        labels, _ = ndimage.label(where, np.ones((3, 3, 3), bool))
        for number, box in enumerate(ndimage.find_objects(labels), start=1):
            part = labels[box] == number
            areas = part.sum(axis=(1, 2))
            if part.sum() * voxel_ml < LEAST_ARTERY_ML or (areas > 0).sum() < LEAST_RUN * len(first):
                continue
            if np.median(areas[areas > 0]) * pixel_cm2 > LARGEST_AORTA_CM2:
                continue
            pair = float(np.median(first[box][part])), float(np.median(second[box][part]))
            if sign not in brightest or max(pair) > brightest[sign][0]:
                brightest[sign] = max(pair), pair
    ranked = sorted(brightest.values(), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[1][0] > RIVAL_SHARE * ranked[0][0]):
        return None
    return ranked[0][1]


def _organ(
    first: Array, second: Array, even: NDArray[np.bool_], spacing_zyx_mm: tuple[float, float, float]
) -> tuple[float, float] | None:
    """Return the HU of the inside of the largest organ that is even in both; None where none is large enough."""
    smooth = [ndimage.uniform_filter(hu, 3) for hu in (first, second)]
    soft = even & np.all([(hu > ORGAN_HU[0]) & (hu < ORGAN_HU[1]) for hu in smooth], axis=0)
    padded = np.pad(soft, ((1, 1), (0, 0), (0, 0)), mode="edge")
    inside = ndimage.distance_transform_edt(padded, sampling=spacing_zyx_mm)[1:-1] > RIM_MM
    labels, count = ndimage.label(inside)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() * float(np.prod(spacing_zyx_mm)) / 1000 < LEAST_ORGAN_ML:
        return None
    largest = labels == 1 + int(sizes.argmax())
    return float(np.median(first[largest])), float(np.median(second[largest]))
