"""How strongly each voxel speaks for a lesion, as log-odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import Look
from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask
from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm

MOST = 4.0
"""No evidence is stronger than these log-odds."""
RANGE_HU, BIN_HU = 150.0, 5.0
UNLIKE_SHARE = 0.35
"""Share of lesion voxels that need not look like the clicked ones, only unlike liver: rims, cores, nodules."""
UNLIKE_HU = 160.0
VESSEL_SHARE = 0.15
"""Share of the liver that is vessel; a tenth of it where the click itself is as bright."""
VESSEL_PORTAL_HU = 75.0
VESSEL_ARTERIAL_HU = (5.0, 45.0)
"""Contrast of hepatic and portal veins in the arterial phase."""
VESSEL_SHARES = (0.3, 0.6, 1.0)
"""How much of a voxel the vessel fills."""
VESSEL_SPREAD_HU = (13.0, 15.0)
BRIGHT_HU = 20.0
BORDER_SHARE = 0.45
"""A lesion ends where its contrast has fallen to about half, as it does where it fills half of a voxel."""
LEAST_STRENGTH = 1.5
"""No lesion ends below so many deviations of the noise."""
GAIN = 2.0
LOCAL_MM = (2.0, 5.0)
LOCAL_SHARE = 0.1
LOCAL_BLOCKS = 1.0
"""A lesion's contrast is averaged over this share of its radius, within these limits, and over a block at least."""
DEPTH_POWER = 0.5
PROBABILITY_ODDS = 1.5
"""For a voxel as probable as the lesion's most probable one, and against one of no probability."""
LEAST_PROBABILITY = 0.2
"""A network that gives a lesion less has not seen it."""


def by_looks(look: Look, weights: Field) -> Field:
    """Return the log-odds that a voxel looks like those with `weights`, or unlike liver, not like liver or vessel."""
    shown = weights > 0
    lesion = (1 - UNLIKE_SHARE) * _density(look, weights) + UNLIKE_SHARE / UNLIKE_HU ** len(look.phases)
    bright = bool(np.median(look.contrast[0][shown]) > BRIGHT_HU) if shown.any() else False
    share = VESSEL_SHARE * (0.1 if bright else 1.0)
    zero = np.zeros(len(look.phases))
    liver = (1 - share) * _normal(look, zero, look.noise) + share * _vessels(look)
    odds = np.log(lesion + 1e-12) - np.log(liver + 1e-12)
    return np.asarray(np.clip(odds, -MOST, MOST), dtype=np.float32)


def by_strength(look: Look, weights: Field, radius_mm: float, looks: Field) -> Field:
    """Return the log-odds that a voxel lies inside of the border of a lesion.

    weights: of the voxels that are surely lesion. The border lies where the strength has fallen to half of that of
    the lesion nearby, as it does where a voxel is half filled: the likelihoods alone would draw it too far out.
    looks: log-odds by looks; what is strong but speaks against the lesion by them, as vessels do, stays out.
    """
    deviation = np.maximum(np.clip(LOCAL_SHARE * radius_mm, *LOCAL_MM) / look.window.spacing_mm, LOCAL_BLOCKS)
    little = 1e-6 * float(weights.max()) + 1e-12
    overall = float((look.strength * weights).sum() / (weights.sum() + 1e-12))
    weighted = ndimage.gaussian_filter(weights * look.strength, deviation, truncate=3) + little * overall
    nearby = weighted / (ndimage.gaussian_filter(weights, deviation, truncate=3) + little)
    border = np.maximum(BORDER_SHARE * nearby, LEAST_STRENGTH)
    odds = np.where((looks < 0) & (look.strength > border), looks, GAIN * (look.strength - border))
    return np.asarray(np.clip(odds, -MOST, MOST), dtype=np.float32)


def by_probability(look: Look, core: Mask) -> Field | float:
    """Return the log-odds by the network's probability, measured by what it is in `core`; 0 where that says nothing.

    A lesion that the network missed has a low probability throughout, so that only its course counts, not its level.
    """
    if look.chances is None or not core.any():
        return 0.0
    level = float(np.max(look.chances[core]))
    if not level >= LEAST_PROBABILITY:
        return 0.0
    return np.asarray(PROBABILITY_ODDS * (2 * np.minimum(look.chances / level, 1) - 1), dtype=np.float32)


def inner_weights(mask: Mask, look: Look) -> Field:
    """Return weights of a mask's voxels that grow with their depth: its border is mixed with what lies around."""
    depth = inner_depth_mm(mask, look.window.spacing_mm)
    most = 0.5 * (float(depth.max()) + look.window.spacing_mm.min())
    return np.asarray(mask * np.minimum(depth, most) ** DEPTH_POWER, dtype=np.float32)


def _normal(look: Look, mean: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the density of an uncorrelated normal distribution at each voxel's contrast."""
    square = sum(((c - m) / s) ** 2 for c, m, s in zip(look.contrast, mean, spread, strict=True))
    return np.exp(-0.5 * square) / float(np.prod(np.sqrt(2 * np.pi) * spread))


def _vessels(look: Look) -> NDArray[np.float64]:
    """Return the density of vessels, wholly or partly filled voxels of them."""
    count = len(look.phases)
    spread = np.hypot(look.noise, VESSEL_SPREAD_HU[:count])
    means = [
        np.array([VESSEL_PORTAL_HU, arterial])[:count] * share
        for arterial in VESSEL_ARTERIAL_HU
        for share in VESSEL_SHARES
    ]
    return np.mean([_normal(look, mean, spread) for mean in means], axis=0)


def _density(look: Look, weights: Field) -> NDArray[np.float64]:
    """Return the density, at each voxel's contrast, of the contrasts of the voxels with `weights`."""
    bins = int(2 * RANGE_HU / BIN_HU)
    place = tuple(np.clip(((c + RANGE_HU) / BIN_HU).astype(int), 0, bins - 1) for c in look.contrast)
    flat = np.ravel_multi_index(place, (bins,) * len(place))
    counts = np.bincount(flat.ravel(), weights=weights.ravel().astype(float), minlength=bins ** len(place))
    width = [max(float(n), 4.0) / BIN_HU for n in look.noise]
    smooth = ndimage.gaussian_filter(counts.reshape((bins,) * len(place)), width, mode="constant")
    return np.asarray(smooth[place] / max(float(smooth.sum()), 1e-9) / BIN_HU ** len(place))
