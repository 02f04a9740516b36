"""Lesions drawn into the liver of a sample: dark or bright balls.

For a stage that finds the liver their label stays liver: one that has hardly seen a cyst or a dark metastasis at the
liver's border leaves it out, and then no tumor is looked for in it. For a stage that finds tumors they are tumors, in
cases whose labels show none: so real slices of many patients serve as backgrounds, beside the few volumes of `implant`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.augmentation.random_fields import smooth_noise
from training.recipes.settings import AugmentationSettings

MOST = 3
"""Lesions of a sample."""
RADIUS_MM = (5.0, 35.0)
"""Range, small ones as likely on a logarithmic scale as large ones."""
SHIFT_HU = (-110.0, 50.0)
"""Range of the change of a lesion's values: from a cyst in a bright liver to a lesion that enhances."""
SEEN_HU, SEEN_DARK = 15.0, 0.85
"""Least change of a lesion that must be found, and the share of those that are dark."""
SOFT_MM = (0.5, 4.0)
"""Range of the width of its edge."""
LUMPS = 0.15
"""Standard deviation of its radius along the edge, relative to it."""
AT_BORDER = 0.5
"""Share of lesions whose middle lies within their radius of the liver's border."""


@dataclass(frozen=True, kw_only=True)
class OrganLesions:
    """Lesions of a sample.

    shares: of each, how much of it every pixel shows, (lesions, C, Y, X) in [0, 1].
    seen: whether each differs from the liver by `SEEN_HU` at least, as one must that is to be found.
    """

    shares: NDArray[np.float32]
    seen: bool = False

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Where a lesion is, (C, Y, X)."""
        return np.asarray(self.shares.max(axis=0) >= 0.5)

    def in_phase(self, rng: np.random.Generator, hu: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the Hounsfield units (C, Y, X) of a phase with the lesions in it, each with its own change."""
        count, (lowest, highest) = len(self.shares), SHIFT_HU
        if self.seen:
            dark = rng.random(count) < SEEN_DARK
            shifts = np.where(
                dark, rng.uniform(lowest, -SEEN_HU, count), rng.uniform(SEEN_HU, highest, count)
            )
        else:
            shifts = rng.uniform(lowest, highest, count)
        shifts = shifts.astype(np.float32)
        return hu.astype(np.float32) + np.tensordot(shifts, self.shares, axes=1)


def draw_organ_lesions(
    rng: np.random.Generator,
    settings: AugmentationSettings,
    liver: NDArray[np.bool_],
    depths_mm: Sequence[float],
    spacing_mm: Sequence[float],
    *,
    seen: bool = False,
) -> OrganLesions | None:
    """Draw lesions in the liver of a sample, or None where it gets none.

    liver: (C, Y, X), slices about the middle one, which alone says where lesions lie. depths_mm: of the slices from the
    middle one. spacing_mm: of y and x. seen: as in `OrganLesions`. Without the setting no number is drawn.
    """
    if not settings.organ_lesion_share or rng.random() >= settings.organ_lesion_share:
        return None
    middle = liver[len(liver) // 2]
    if not middle.any():
        return None
    inward_mm = ndimage.distance_transform_edt(np.pad(middle, 1), sampling=spacing_mm)[1:-1, 1:-1]
    return OrganLesions(
        shares=np.stack(
            [
                _ball(rng, liver, inward_mm, depths_mm, spacing_mm)
                for _ in range(int(rng.integers(1, MOST + 1)))
            ]
        ),
        seen=seen,
    )


def _ball(
    rng: np.random.Generator,
    liver: NDArray[np.bool_],
    inward_mm: NDArray[np.float64],
    depths_mm: Sequence[float],
    spacing_mm: Sequence[float],
) -> NDArray[np.float32]:
    """Return how much of one lesion every pixel shows, (C, Y, X)."""
    radius = float(np.exp(rng.uniform(*np.log(RADIUS_MM))))
    near = inward_mm <= (radius if rng.random() < AT_BORDER else np.inf)
    places = np.argwhere((inward_mm > 0) & near)
    center = places[int(rng.integers(len(places)))]
    y, x = (
        (np.arange(n) - at) * step for n, at, step in zip(inward_mm.shape, center, spacing_mm, strict=True)
    )
    above = float(rng.uniform(-0.5, 0.5)) * radius  # the middle slice need not pass through its middle
    z = np.asarray(depths_mm, float) - above
    distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    lumps = radius * LUMPS * smooth_noise(rng, inward_mm.shape, spacing_mm, max(radius, 2 * max(spacing_mm)))
    share = np.clip((radius + lumps - distance) / rng.uniform(*SOFT_MM) + 0.5, 0, 1)
    return (share * liver).astype(np.float32)
