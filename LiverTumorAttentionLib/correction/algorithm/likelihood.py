"""Log-odds of lesion at each voxel: by appearance, by the border's contrast and by the network's probability.

The constants were chosen on phantoms with seeds 90000 to 90019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import PHASES, LocalAppearance
from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask
from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm

LIMIT = 4.0
"""Limit of the log-odds, both ways."""
RANGE_HU, BIN_HU = 150.0, 5.0
"""Largest contrast and bin width of the histogram of a lesion's contrast."""
UNIFORM_SHARE = 0.35
"""Share of lesion voxels of any contrast, whatever that of the samples: rims, cores, nodules."""
UNIFORM_HU = 160.0
"""Width of their uniform distribution, a phase."""
VESSEL_SHARE = 0.15
"""Share of the liver that is vessel; a tenth of it where the lesion itself is bright."""
VESSEL_PORTAL_HU = 75.0
"""Contrast of vessels in the portal phase."""
VESSEL_ARTERIAL_HU = (5.0, 45.0)
"""Contrast of hepatic and portal veins in the arterial phase."""
VESSEL_SHARES = (0.3, 0.6, 1.0)
"""Share of a voxel that the vessel fills."""
VESSEL_SPREAD_HU = (13.0, 15.0)
"""Deviation of the vessels' contrast, portal and arterial, beside the noise."""
BRIGHT_HU = 20.0
"""Contrast from which a lesion is bright, in the portal phase, or in the one that counts alone."""
BORDER_SHARE = 0.45
"""Strength at the border as a share of that inside: about half, that of a half-filled voxel."""
LEAST_STRENGTH = 1.5
"""Least strength at the border, deviations of the noise."""
GAIN = 2.0
"""Log-odds a deviation of strength above that at the border."""
LOCAL_SHARE = 0.1
LOCAL_MM = (2.0, 5.0)
LOCAL_BLOCKS = 1.0
"""The strength inside is averaged over this share of the radius, within these limits, and over a block at least."""
DEPTH_POWER = 0.5
"""Exponent of the depth in the weights of a lesion's samples."""
PROBABILITY_LOG_ODDS = 1.5
"""For a voxel as probable as the lesion's core, and against one of probability 0."""


def appearance_log_odds(appearance: LocalAppearance, weights: Field) -> Field:
    """Return the log-odds of each voxel's contrast: a lesion with the samples' contrast against liver and vessels.

    weights: of the samples of the lesion; 0 for other voxels.
    """
    sampled = weights > 0
    lesion = (1 - UNIFORM_SHARE) * _sample_density(appearance, weights) + UNIFORM_SHARE / UNIFORM_HU ** len(
        appearance.phases
    )
    bright = bool(np.median(appearance.contrast[0][sampled]) > BRIGHT_HU) if sampled.any() else False
    share = VESSEL_SHARE * (0.1 if bright else 1.0)
    zero = np.zeros(len(appearance.phases))
    liver = (1 - share) * _normal_density(appearance, zero, appearance.noise) + share * _vessel_density(
        appearance
    )
    odds = np.log(lesion + 1e-12) - np.log(liver + 1e-12)
    return np.asarray(np.clip(odds, -LIMIT, LIMIT), dtype=np.float32)


def border_log_odds(
    appearance: LocalAppearance, weights: Field, radius_mm: float, by_appearance: Field
) -> Field:
    """Return the log-odds that a voxel lies inside the border of a lesion.

    The border lies where the strength has fallen to about half of that inside nearby, as in a half-filled voxel; the
    likelihoods alone put it too far outside. weights: of the samples of the lesion's inside. radius_mm: of the lesion.
    by_appearance: its log-odds; strong voxels that they hold for liver or vessel keep them.
    """
    deviation = np.maximum(
        np.clip(LOCAL_SHARE * radius_mm, *LOCAL_MM) / appearance.grid.spacing_mm, LOCAL_BLOCKS
    )
    little = 1e-6 * float(weights.max()) + 1e-12
    overall = float((appearance.strength * weights).sum() / (weights.sum() + 1e-12))
    weighted = (
        ndimage.gaussian_filter(weights * appearance.strength, deviation, truncate=3) + little * overall
    )
    nearby = weighted / (ndimage.gaussian_filter(weights, deviation, truncate=3) + little)
    border = np.maximum(BORDER_SHARE * nearby, LEAST_STRENGTH)
    odds = np.where(
        (by_appearance < 0) & (appearance.strength > border),
        by_appearance,
        GAIN * (appearance.strength - border),
    )
    return np.asarray(np.clip(odds, -LIMIT, LIMIT), dtype=np.float32)


def probability_log_odds(appearance: LocalAppearance, core: Mask, ramp: tuple[float, float]) -> Field | float:
    """Return the log-odds by the network's probability relative to its highest in `core`.

    The probability of a lesion that the network half missed is low throughout, so that only its profile counts.
    ramp: highest probability in `core` up to which the lesion was missed, so that the log-odds are 0, and the one from
    which they count in full; their weight is linear between the two.
    """
    if appearance.probability is None or not core.any():
        return 0.0
    level = float(np.max(appearance.probability[core]))
    least, full = ramp
    if not level >= least:
        return 0.0
    weight = 1.0 if level >= full else (level - least) / (full - least)
    relative = 2 * np.minimum(appearance.probability / level, 1) - 1
    return np.asarray(weight * PROBABILITY_LOG_ODDS * relative, dtype=np.float32)


def depth_weights(mask: Mask, appearance: LocalAppearance) -> Field:
    """Return weights of a mask's voxels that grow with their depth: partial volume makes its border a poor sample."""
    depth = inner_depth_mm(mask, appearance.grid.spacing_mm)
    most = 0.5 * (float(depth.max()) + appearance.grid.spacing_mm.min())
    return np.asarray(mask * np.minimum(depth, most) ** DEPTH_POWER, dtype=np.float32)


def _normal_density(
    appearance: LocalAppearance, mean: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the density of an uncorrelated normal distribution at each voxel's contrast."""
    square = sum(((c - m) / s) ** 2 for c, m, s in zip(appearance.contrast, mean, spread, strict=True))
    return np.exp(-0.5 * square) / float(np.prod(np.sqrt(2 * np.pi) * spread))


def _vessel_density(appearance: LocalAppearance) -> NDArray[np.float64]:
    """Return the density of vessels, of voxels that they fill wholly or in part."""
    kinds = [PHASES.index(kind) for kind in appearance.kinds]
    spread = np.hypot(appearance.noise, np.array(VESSEL_SPREAD_HU)[kinds])
    means = [
        np.array([VESSEL_PORTAL_HU, arterial])[kinds] * share
        for arterial in VESSEL_ARTERIAL_HU
        for share in VESSEL_SHARES
    ]
    return np.mean([_normal_density(appearance, mean, spread) for mean in means], axis=0)


def _sample_density(appearance: LocalAppearance, weights: Field) -> NDArray[np.float64]:
    """Return the density of the samples' contrast (smoothed histogram) at each voxel's contrast."""
    bins = int(2 * RANGE_HU / BIN_HU)
    place = tuple(np.clip(((c + RANGE_HU) / BIN_HU).astype(int), 0, bins - 1) for c in appearance.contrast)
    flat = np.ravel_multi_index(place, (bins,) * len(place))
    counts = np.bincount(flat.ravel(), weights=weights.ravel().astype(float), minlength=bins ** len(place))
    width = [max(float(n), 4.0) / BIN_HU for n in appearance.noise]
    smooth = ndimage.gaussian_filter(counts.reshape((bins,) * len(place)), width, mode="constant")
    return np.asarray(smooth[place] / max(float(smooth.sum()), 1e-9) / BIN_HU ** len(place))
