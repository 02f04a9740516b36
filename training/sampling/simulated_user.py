"""A simulated user: where a lesion is clicked on, what stands of it that is wrong, and where that is corrected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm
from LiverTumorAttentionLib.voxels.morphology import largest_component
from training.augmentation.random_fields import smooth_noise
from training.recipes.interaction_settings import InteractionSettings

Mask = NDArray[np.bool_]
Place = tuple[int, int, int]

OUTLINE_SHARE = 0.3
"""Near the outline is what is less deep than this share of the largest depth."""
WRONG_MM = (1.0, 3.0)
"""How far outside a click lies that misses its lesion."""
DEEPEST_SHARE = 0.6
"""Of corrections: in the middle of the largest part that is wrong; the others anywhere in it."""
FAR_SAMPLES = 8
"""Earlier clicks on background lie this near to the lesion."""


def first_click(
    rng: np.random.Generator,
    mask: Mask,
    spacing_mm: tuple[float, float, float],
    settings: InteractionSettings,
) -> tuple[float, float, float]:
    """Return where a user clicks on a lesion that is not marked yet, in voxels of its mask; may lie just outside."""
    spacing = np.asarray(spacing_mm)
    depth = inner_depth_mm(mask, spacing)
    kind = rng.random()
    if kind < settings.middle_share:
        places = np.argwhere(depth >= 0.9 * depth.max())
    elif kind < settings.middle_share + settings.boundary_share + settings.wrong_share:
        places = np.argwhere(mask & (depth <= max(OUTLINE_SHARE * depth.max(), spacing.min())))
        places = places if len(places) else np.argwhere(mask)
    else:
        places = np.argwhere(mask)
    place = places[int(rng.integers(len(places)))].astype(float)
    if (
        settings.middle_share + settings.boundary_share
        <= kind
        < (settings.middle_share + settings.boundary_share + settings.wrong_share)
    ):
        outward = (place - np.argwhere(mask).mean(axis=0)) * spacing
        length = float(np.linalg.norm(outward))
        direction = outward / length if length > 0 else np.array([0.0, 0.0, 1.0])
        place += direction * rng.uniform(*WRONG_MM) / spacing
    z, y, x = (float(at) for at in place)
    return z, y, x


def wrong_answer(rng: np.random.Generator, truth: Mask, others: Mask) -> Mask:
    """Return a lesion as it may stand before a correction: another size, outline or place, cut off, or leaked.

    truth, others: in samples of a cube; the lesion, and other lesions, which it may have been taken together with.
    """
    if not truth.any():
        return truth.copy()
    inner = inner_depth_mm(truth, np.ones(3))
    radius = float(inner.max())
    distance = inner - ndimage.distance_transform_edt(~truth).astype(np.float32)
    wave = float(np.clip(radius * rng.uniform(0.7, 2.0), 3.0, 30.0))
    noise = smooth_noise(rng, truth.shape, (1.0, 1.0, 1.0), wave)
    kind = rng.random()
    offset = rng.normal(0, 0.35) * radius if kind < 0.5 else 0.0
    mask = distance + offset + noise * (rng.uniform(0, 0.5) * radius) > 0
    mask &= distance > -1.2 * radius - 2
    if 0.5 <= kind < 0.65:
        shift = np.rint(rng.normal(0, 0.4, 3) * radius).astype(int)
        mask = np.roll(mask, tuple(int(s) for s in shift), (0, 1, 2))
    elif 0.65 <= kind < 0.8:
        mask &= _half_space(rng, truth)
    elif kind >= 0.8:
        mask |= _blob(rng, truth, radius)
    if others.any() and rng.random() < 0.3:
        mask |= others
    return mask if mask.any() else truth & (inner >= 0.5 * radius)


def correcting_click(rng: np.random.Generator, truth: Mask, stands: Mask) -> tuple[Place, bool] | None:
    """Return the click on the largest part that is wrong and whether it includes; None where nothing is."""
    parts = [largest_component(truth & ~stands), largest_component(stands & ~truth)]
    include = np.count_nonzero(parts[0]) >= np.count_nonzero(parts[1])
    part = parts[0] if include else parts[1]
    if not part.any():
        return None
    if rng.random() < DEEPEST_SHARE:
        part = inner_depth_mm(part, np.ones(3)) >= 0.99 * inner_depth_mm(part, np.ones(3)).max()
    return drawn(rng, part), bool(include)


def earlier_clicks(
    rng: np.random.Generator, truth: Mask, stands: Mask, count: int
) -> tuple[list[Place], list[Place]]:
    """Return earlier clicks that what stands follows: on foreground in both masks, on background near them in none."""
    include: list[Place] = []
    exclude: list[Place] = []
    inside = truth & stands
    for _ in range(count):
        if inside.any() and (rng.random() < 0.6 or not include):
            include.append(drawn(rng, inside))
        else:
            near = ndimage.binary_dilation(truth | stands, iterations=FAR_SAMPLES) & ~truth & ~stands
            if near.any():
                exclude.append(drawn(rng, near))
    return include, exclude


def drawn(rng: np.random.Generator, mask: Mask) -> Place:
    """Return a voxel of a mask."""
    flat = np.flatnonzero(mask)
    z, y, x = np.unravel_index(int(flat[int(rng.integers(len(flat)))]), mask.shape)
    return int(z), int(y), int(x)


def _half_space(rng: np.random.Generator, truth: Mask) -> Mask:
    """Return the side of a plane on which most of a lesion lies, or about a third of it at least."""
    normal = rng.standard_normal(3)
    normal /= np.linalg.norm(normal)
    places = [(np.arange(n) * step) for n, step in zip(truth.shape, normal, strict=True)]
    height = places[0][:, None, None] + places[1][None, :, None] + places[2][None, None, :]
    return np.asarray(height <= np.quantile(height[truth], rng.uniform(0.35, 0.85)))


def _blob(rng: np.random.Generator, truth: Mask, radius: float) -> Mask:
    """Return a ball at the outline of a lesion: a leak."""
    place, size = np.asarray(drawn(rng, truth)), rng.uniform(0.4, 1.3) * radius + 1
    center = place + rng.standard_normal(3) * radius
    squares = [(np.arange(n) - at) ** 2 for n, at in zip(truth.shape, center, strict=True)]
    return np.asarray(
        squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :] <= size**2
    )
