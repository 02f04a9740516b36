"""The five lesion types: placement, shape and enhancement in each phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.contrast_phase import DELAYED, EARLY_ARTERIAL, NATIVE
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.phantoms.enhancement import LESION_KINDS, LESION_PHASES, LESIONS
from LiverTumorAttentionLib.phantoms.patient import Field
from LiverTumorAttentionLib.phantoms.render import Layer
from LiverTumorAttentionLib.phantoms.scene import STRUCTURES, Scene, Spaces
from LiverTumorAttentionLib.phantoms.shapes import Array, Grid, sample, smooth_min, smooth_noise, upsample

MIN_DIAMETER_MM, MAX_DIAMETER_MM = 5.0, 80.0
MAX_LESIONS = 8
MARGIN_MM = 1.5  # liver around every lesion
TRIES = 6  # places tried before a lesion is made smaller or refused
NEIGHBOUR_MM = 2.0  # liver between two lesions
# Typical diameters (mm): smallest, median, largest drawn.
SIZES = {
    "cyst": (5, 13, 70),
    "FNH": (10, 27, 75),
    "HCC": (8, 28, 80),
    "hemangioma": (6, 21, 80),
    "metastasis": (5, 17, 70),
}
_FILLED = {NATIVE: 0.0, EARLY_ARTERIAL: 0.12, "arterial": 0.22, DELAYED: 0.95}
"""How far hemangiomas are filled from the rim, as a share of their depth; the portal phase draws it."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class LesionPlan:
    """A lesion before it is painted, in portal coordinates.

    distance: signed distance (mm) on `grid`, wholly inside the liver; diameter_mm: of the ball of equal volume.
    """

    number: int
    kind: str
    center: tuple[float, float, float]
    diameter_mm: float
    grid: Grid
    distance: Array


def draw_kinds(rng: np.random.Generator, count: int, kinds: Sequence[str] | None) -> list[str]:
    """Return a type for each lesion: those asked for in turn, or mostly one type a patient."""
    if kinds is not None:
        unknown = [k for k in kinds if k not in LESION_KINDS]
        if unknown or not kinds:
            raise InputError(
                f"unknown lesion type {unknown or list(kinds)}; choose among {', '.join(LESION_KINDS)}"
            )
        return [kinds[k % len(kinds)] for k in range(count)]
    main = str(rng.choice(LESION_KINDS))
    return [main if rng.random() < 0.6 else str(rng.choice(LESION_KINDS)) for _ in range(count)]


def draw_diameter(rng: np.random.Generator, kind: str, count: int) -> float:
    """Draw a diameter (mm): skewed to the small, and smaller where there are many."""
    low, median, high = SIZES[kind]
    return float(np.clip(median * np.exp(rng.normal(0, 0.6)) * (1.15 - 0.06 * count), low, high))


def place_lesions(
    scene: Scene,
    spaces: Spaces,
    kinds: Sequence[str],
    diameters: Sequence[float | None],
    view: Grid,
    neighbours: Sequence[Layer],
    *,
    must_fit: bool,
) -> list[LesionPlan]:
    """Place lesions of the given types (and diameters, None to draw) in the liver, the largest first.

    view: the image in which their centers must lie. neighbors: organs that dent the liver. A drawn diameter
    shrinks until there is room. must_fit: raise InputError for a lesion without room; otherwise it is left out.
    """
    rng = scene.rng("lesions")
    sizes = [
        d if d is not None else draw_diameter(rng, k, len(kinds))
        for k, d in zip(kinds, diameters, strict=True)
    ]
    free = spaces.liver + np.float32(MARGIN_MM)
    for layer in neighbours:
        _keep_free(free, spaces.field.grid, layer.grid, layer.distance)
    seen = _seen(spaces.field.grid, view)
    plans: list[LesionPlan] = []
    for k in np.argsort(sizes)[::-1]:
        smallest = sizes[k] if diameters[k] is not None else MIN_DIAMETER_MM
        plan = _fit_or_shrink(rng, spaces.field, free, seen, kinds[k], float(sizes[k]), float(smallest))
        if plan is None and must_fit:
            raise InputError(
                f"no room in this liver for {len(kinds)} lesions, one of {sizes[k]:.0f} mm; "
                "ask for fewer or smaller lesions or more slices, or take another seed"
            )
        if plan is None:
            continue
        plans.append(plan)
        _keep_free(free, spaces.field.grid, plan.grid, plan.distance)
    plans.sort(key=lambda p: -p.diameter_mm)
    return [
        LesionPlan(n + 1, p.kind, p.center, p.diameter_mm, p.grid, p.distance) for n, p in enumerate(plans)
    ]


def _keep_free(free: Array, grid: Grid, other: Grid, distance: Array) -> None:
    """Take the space of another shape, and a little around it, out of `free` in place."""
    box = grid.box_around(other)
    if all(b.stop > b.start for b in box):
        reach = upsample(distance, other, grid.crop(box))
        free[box] = np.maximum(free[box], np.float32(NEIGHBOUR_MM) - reach)


def _seen(grid: Grid, view: Grid) -> Mask:
    """Return the voxels of `grid` that lie inside the image, with a margin to its edges."""
    seen = np.zeros(grid.shape, bool)
    z, y, x = grid.box_around(view)
    seen[z, y, x] = True
    return seen


def _fit_or_shrink(
    rng: np.random.Generator,
    where: Field,
    free: Array,
    seen: Mask,
    kind: str,
    diameter: float,
    smallest: float,
) -> LesionPlan | None:
    while diameter >= smallest:
        for _ in range(TRIES):
            plan = _fit(rng, where, free, seen, kind, diameter)
            if plan is not None:
                return plan
        if diameter == smallest:
            break
        diameter = max(0.85 * diameter, smallest)
    return None


def _fit(
    rng: np.random.Generator, where: Field, free: Array, seen: Mask, kind: str, diameter: float
) -> LesionPlan | None:
    """Place one lesion where the liver is deep enough, cut it to the free space, and grow it to its volume."""
    room = np.where(seen, -free, -1.0)
    deepest = float(room.max())
    if deepest < 0.3 * diameter:
        return None
    spots = np.argwhere(room > min(0.42 * diameter, 0.9 * deepest))
    spot = spots[rng.integers(0, len(spots))][::-1]
    center = spot * np.array(where.grid.spacing) + np.array(where.grid.origin)
    center = center + rng.uniform(-0.2, 0.2, 3) * np.array(where.grid.spacing)
    step = float(np.clip(diameter / 24, 0.5, 1.4))
    grid = Grid.over((center - 0.85 * diameter - 3).tolist(), (center + 0.85 * diameter + 3).tolist(), step)
    shape = _shape(rng, grid, center, diameter / 2, kind)
    limit = upsample(free, where.grid, grid)
    wanted = np.pi / 6 * diameter**3
    low, high, distance, volume = -0.35 * diameter, 0.35 * diameter, shape, 0.0
    for _ in range(10):
        grow = 0.5 * (low + high)
        distance = np.maximum(shape - np.float32(grow), limit)
        volume = float(np.clip(0.5 - distance / step, 0, 1).sum()) * step**3
        low, high = (grow, high) if volume < wanted else (low, grow)
    parts, count = ndimage.label(distance < 0)
    if count == 0 or abs(volume / wanted - 1) > 0.1:
        return None
    if count > 1:  # keep the main part
        main = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        distance = np.where((parts > 0) & (parts != main), np.float32(step), distance)
    inside = np.argwhere(distance < 0)[:, ::-1].mean(axis=0) * step + np.array(grid.origin)
    measured = (6 * float(np.clip(0.5 - distance / step, 0, 1).sum()) * step**3 / np.pi) ** (1 / 3)
    return LesionPlan(
        0,
        kind,
        (float(inside[0]), float(inside[1]), float(inside[2])),
        measured,
        grid,
        distance.astype(np.float32),
    )


def _shape(
    rng: np.random.Generator, grid: Grid, center: NDArray[np.float64], radius: float, kind: str
) -> Array:
    """Return a lobulated body: an ellipsoid with lobes and a bumpy surface; cysts are the smoothest."""
    x, y, z = (p - np.float32(c) for p, c in zip(grid.coordinates(), center, strict=True))
    lobes, bump = {"cyst": (0, 0.02), "FNH": (2, 0.05), "HCC": (2, 0.06)}.get(kind, (3, 0.09))
    axes = rng.uniform(0.8, 1.15, 3)
    axes /= np.prod(axes) ** (1 / 3)
    out = (
        np.sqrt(sum((p / np.float32(a)) ** 2 for p, a in zip((x, y, z), axes, strict=True))) - radius
    ).astype(np.float32)
    for _ in range(int(rng.integers(0, lobes + 1))):
        toward = rng.normal(0, 1, 3)
        toward *= rng.uniform(0.45, 0.75) * radius / np.linalg.norm(toward)
        size = rng.uniform(0.4, 0.65) * radius
        lobe = np.sqrt((x - toward[0]) ** 2 + (y - toward[1]) ** 2 + (z - toward[2]) ** 2) - size
        out = smooth_min(out, lobe.astype(np.float32), 0.25 * radius)
    grain = smooth_noise(rng, grid.shape, max(0.28 * radius / grid.spacing[0], 1.0))
    return out + np.float32(bump * radius) * grain


def lesion_layers(scene: Scene, plans: Sequence[LesionPlan], spaces: Spaces, phase: str) -> list[Layer]:
    """Return the lesions of one phase."""
    hu, out = scene.hu[phase], []
    for plan in plans:
        grid, distance, points = plan.grid, plan.distance, plan.grid.coordinates()
        motion = spaces.field.motion
        if motion is not None:
            corners = np.array(np.meshgrid(*zip(grid.origin, grid.high(), strict=True))).reshape(3, -1).T
            moved = motion.forward(corners)
            grid = Grid.over(
                (moved.min(axis=0) - 3).tolist(), (moved.max(axis=0) + 3).tolist(), grid.spacing[0]
            )
            points = motion.portal_points(grid)
            distance = sample(plan.distance, plan.grid, points)
        rng = scene.rng(f"lesion {plan.number}")
        level = _appearance(rng, plan, distance, points, hu, phase)
        level = (level - np.float32(hu["liver"])).astype(np.float32) + np.float32(hu["liver"])
        blurred = 0.8 if plan.kind in ("metastasis", "hemangioma", "HCC") else 0.2
        out.append(
            Layer(
                STRUCTURES["lesion"], grid, distance, level, liver="in", lesion=plan.number, soft_mm=blurred
            )
        )
    return out


def _appearance(
    rng: np.random.Generator,
    plan: LesionPlan,
    distance: Array,
    points: tuple[Array, Array, Array],
    hu: dict[str, float],
    phase: str,
) -> Array:
    """Return the HU of a lesion; the same stream of draws in all phases keeps them consistent."""
    which = LESION_PHASES.index(phase)
    is_arterial = phase in ("arterial", EARLY_ARTERIAL)
    share = {name: float(rng.uniform(0, 1)) for name in ("body", "scar", "necrosis", "capsule", "rim", "hu")}
    table = LESIONS[plan.kind]

    def level(name: str) -> np.float32:
        low, high = table[name][which]
        return np.float32(low + (high - low) * share.get(name, 0.5))

    tile = smooth_noise(rng, (32, 32, 32), 1.6)
    grain = np.float32(max(plan.diameter_mm / 14, 1.5))
    index = np.stack(
        np.broadcast_arrays(*[(points[k] - np.float32(plan.center[k])) / grain for k in (2, 1, 0)])
    )
    noise = ndimage.map_coordinates(tile, index, order=1, mode="grid-wrap", output=np.float32)
    radius = np.float32(plan.diameter_mm / 2)
    depth = np.clip(-distance / max(float(-plan.distance.min()), 1e-3), 0, 1)  # 0 at the rim, 1 in the middle
    liver = np.float32(hu["liver"])
    has_core = rng.random()
    if plan.kind == "cyst":
        return np.full(distance.shape, level("hu"), np.float32)
    body = liver + level("body")
    if plan.kind == "FNH":
        out = body + (2.5 if is_arterial else 0.7) * noise
        if radius > 9 and has_core < 0.7:
            core = np.clip((depth - 0.72 - 0.12 * noise) / 0.12, 0, 1)
            out = out + core * (liver + level("scar") - out)
        return out.astype(np.float32)
    if plan.kind == "HCC":
        mosaic = np.float32(9 if radius > 12 else 4)
        out = body + mosaic * noise
        if radius > 20 and has_core < 0.6:
            core = np.clip((depth - 0.55 - 0.25 * noise) / 0.15, 0, 1)
            out = out + core * (liver + level("necrosis") - out)
        if has_core < 0.55 and radius > 7:
            ring = np.clip(1 - np.abs(distance + 1.3) / 1.4, 0, 1)
            out = out + ring * (liver + level("capsule") - out)
        return out.astype(np.float32)
    if plan.kind == "hemangioma":
        low, high = table["nodule_of_vessels"][which]
        blood = hu["aorta"] if is_arterial else hu["portal_vein"]
        bright = np.float32(blood * (low + (high - low) * share["rim"]))
        flash = radius < 8 and has_core < 0.5  # small ones fill at once
        reach = _FILLED.get(phase, 0.5 + 0.4 * share["scar"]) if not flash else 2.0
        nodules = np.clip((reach * (1 + 0.75 * noise) - depth) / 0.14, 0, 1)
        if is_arterial and not flash:
            nodules *= np.clip(noise + 0.75, 0, 1)  # globules, not a closed ring
        return (body + 3 * noise + nodules * (bright - body)).astype(np.float32)
    core = (
        np.clip((depth - 0.6 - 0.2 * noise) / 0.2, 0, 1) if radius > 9 and has_core < 0.6 else np.float32(0)
    )
    width = np.float32(np.clip(0.18 * radius, 1.2, 5))
    ring = np.clip(1 - np.abs(distance + width * 0.6) / width, 0, 1)
    out = body + 4 * noise
    out = out + core * (liver + level("necrosis") - out)
    return (out + ring * (liver + level("rim") - out)).astype(np.float32)
