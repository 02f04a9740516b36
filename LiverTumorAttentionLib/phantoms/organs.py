"""Abdominal organs other than the liver: spleen, kidneys, stomach, bowel, pancreas, gallbladder, great vessels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from LiverTumorAttentionLib.phantoms.render import Layer
from LiverTumorAttentionLib.phantoms.scene import STRUCTURES, Scene, Spaces
from LiverTumorAttentionLib.phantoms.shapes import Array, Grid, curve, ellipsoid, smooth_max, tube
from LiverTumorAttentionLib.phantoms.trunk import keep_out

COARSE_MM = 2.4


def liver_layer(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> Layer:
    """Return the liver with its faint unevenness (more in a fatty liver)."""
    part = spaces.field.crop((-155, -115, -130), (130, 115, 130))
    uneven = scene.rng("liver texture").uniform(1.0, 3.0)
    level = hu["liver"] + uneven * scene.texture(part, 9, 3) + 0.7 * uneven * scene.texture(part, 32, 1)
    return Layer(STRUCTURES["liver"], part.grid, spaces.on("liver", part), level, liver="is")


def spleen(scene: Scene, spaces: Spaces, hu: dict[str, float], mottled: float) -> list[Layer]:
    """Return the spleen; `mottled` (HU) is its unevenness, large in the arterial phase."""
    rng = scene.rng("spleen")
    part = spaces.field.crop((35, -60, -90), (145, 110, 110))
    size = rng.uniform(0.8, 1.25)
    center = (rng.uniform(92, 108), rng.uniform(22, 44), rng.uniform(18, 40))
    d = ellipsoid(
        part.reference,
        center,
        (30 * size, 42 * size, 50 * size),
        rng.uniform(-0.3, 0.2),
        rng.uniform(-0.4, 0.4),
    )
    d = smooth_max(
        d, np.maximum(spaces.on("cavity", part), spaces.on("abdomen", part)) + np.float32(1.5), 6.0
    )
    hollow = ellipsoid(part.reference, (center[0] - 40, center[1] - 18, center[2] - 5), (26, 34, 48))
    d = smooth_max(d, -hollow, 8.0)
    d += np.float32(1.2) * scene.texture(part, 14, 2)
    x, y, z = part.reference
    bands = np.sin((x * 0.35 + y * 0.5 + z * 0.3) * 0.55 + 2.2 * scene.texture(part, 12, 3))
    level = hu["spleen"] + np.float32(mottled) * bands + 2 * scene.texture(part, 8, 1)
    d = keep_out(d, spaces.on("liver", part), 0.5)
    return [Layer(STRUCTURES["spleen"], part.grid, d, level)]


def kidneys(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return both kidneys: cortex, medulla in pyramids, fat in the sinus."""
    rng = scene.rng("kidneys")
    out = []
    for side in (-1, 1):
        part = spaces.field.crop((side * 64 - 60, -25, -150), (side * 64 + 60, 100, 60))
        size = rng.uniform(0.88, 1.12)
        center = (
            side * rng.uniform(60, 68),
            rng.uniform(33, 42),
            rng.uniform(-52, -38) + (6 if side > 0 else -6),
        )
        tilt, lean = -side * rng.uniform(0.1, 0.3), rng.uniform(0.05, 0.25)
        d = ellipsoid(part.reference, center, (27 * size, 24 * size, 53 * size), tilt, lean)
        sinus_center = (center[0] - side * 15, center[1] - 6, center[2])
        sinus = ellipsoid(part.reference, sinus_center, (15 * size, 10 * size, 26 * size), tilt, lean)
        d = smooth_max(d + np.float32(0.8) * scene.texture(part, 12, 2), -(sinus + 9), 4.0)
        depth = -d - np.float32(6.0) - 2.2 * scene.texture(part, 6, 3)
        inner = np.clip(0.5 + depth / 2.5, 0, 1)
        level = hu["kidney_cortex"] + inner * np.float32(hu["kidney_medulla"] - hu["kidney_cortex"])
        fat = np.clip(0.5 - (sinus + 1.5 * scene.texture(part, 5, 1)) / 2.5, 0, 1)
        level += fat * (np.float32(hu["visceral_fat"] + 30) - level)
        if "renal_pelvis" in hu:
            urine = np.clip(-(sinus + np.float32(4)) / 2.5, 0, 1)
            level += urine * (np.float32(hu["renal_pelvis"]) - level)
        out.append(Layer(STRUCTURES["kidney"], part.grid, d, level))
    return out


def adrenals(scene: Scene, spaces: Spaces, hu: dict[str, float], spacing_mm: float) -> list[Layer]:
    """Return the two adrenals, each a thin inverted V above its kidney."""
    out = []
    for side, top in ((-1, (-34, 30, 28)), (1, (38, 28, 22))):
        limb = [
            (top[0] + side * 9, top[1] + 12, top[2] - 24),
            top,
            (top[0] - side * 3, top[1] + 13, top[2] - 22),
        ]
        placed = spaces.field.place(np.array(limb, float))
        grid = spaces.field.box_around(placed, 9.0, spacing_mm)
        d = tube(grid, placed, np.full(3, 2.6), squash=(1, 1.3, 1))
        d = keep_out(d, spaces.on("liver", grid), 1.0)
        out.append(Layer(STRUCTURES["adrenal"], grid, d, hu["pancreas"] - 10))
    return out


def hollow(
    spaces: Spaces,
    hu: dict[str, float],
    points: np.ndarray,
    radii: np.ndarray,
    *,
    wall_mm: float,
    content_hu: float,
    gas_share: float,
    lumps: float,
    texture: Array | None,
    names: tuple[str, str] = ("bowel", "bowel_content"),
) -> list[Layer]:
    """Return wall, contents and gas of a hollow organ along a tube of reference points.

    gas_share: 0 no gas, 1 all gas; it floats to the front, for the patient lies on his back.
    """
    placed = spaces.field.place(points)
    grid = spaces.field.box_around(placed, float(radii.max()) + 5, COARSE_MM)
    d = tube(grid, placed, radii)
    d = smooth_max(d, spaces.on("cavity", grid) + 1.0, 5.0)
    d = keep_out(d, np.minimum(spaces.on("liver", grid), -spaces.on("abdomen", grid)), 0.3)
    inner = d + np.float32(wall_mm)
    content: float | Array = content_hu
    if texture is not None:
        shape = [min(a, b) for a, b in zip(grid.shape, texture.shape, strict=True)]
        noise = np.zeros(grid.shape, np.float32)
        noise[: shape[0], : shape[1], : shape[2]] = texture[: shape[0], : shape[1], : shape[2]]
        content = content_hu + np.float32(lumps) * noise
    out = [
        Layer(STRUCTURES[names[0]], grid, d, hu["bowel_wall"]),
        Layer(STRUCTURES[names[1]], grid, inner, content),
    ]
    if gas_share > 0:
        y = grid.coordinates()[1]
        lowest, highest = float(placed[:, 1].min() - radii.max()), float(placed[:, 1].max() + radii.max())
        level = lowest + gas_share * (highest - lowest)
        gas = np.maximum(inner + np.float32(0.6), y - np.float32(level)).astype(np.float32)
        out.append(Layer(STRUCTURES["gas"], grid, gas, -960.0))
    return out


def stomach(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return the stomach from fundus to pylorus, more or less full."""
    rng = scene.rng("stomach")
    full = rng.uniform(0.72, 1.25)
    shift = rng.uniform(-14, 2)
    points = curve(
        [
            [66 + shift, 30, min(scene.domes[1] - 28, 56)],
            [70 + shift, 8, 40],
            [66 + shift, -22, 12],
            [46 + shift + rng.uniform(-8, 8), -44, -22 + rng.uniform(-15, 8)],
            [12, -50, -36 + rng.uniform(-8, 8)],
            [-16, -36, -26],
        ]
    )
    t = np.linspace(0, 1, len(points))
    radii = full * np.interp(t, [0, 0.25, 0.5, 0.75, 0.92, 1], [27, 31, 28, 22, 15, 9])
    oral = rng.random() < 0.25
    content = hu["oral_contrast"] if oral else hu["bowel_content"]
    texture = rng.standard_normal((90, 90, 90), dtype=np.float32)
    return hollow(
        spaces,
        hu,
        points,
        radii,
        wall_mm=rng.uniform(2.8, 4.5),
        content_hu=content,
        gas_share=rng.uniform(0.12, 0.4),
        lumps=rng.choice([4.0, 20.0]),
        texture=texture,
        names=("stomach", "stomach_content"),
    )


def bowel(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return colon (ascending, transverse, descending), duodenum and loops of small bowel."""
    rng = scene.rng("bowel")
    sag = rng.uniform(-20, 15)
    courses: list[tuple[list[Sequence[float]], float, float]] = [
        ([[-98, 12, -190], [-100, 6, -130], [-98, 2, -98 + 0.4 * sag], [-78, -22, -82 + 0.4 * sag]], 21, 0.45),
        ([[-78, -28, -84 + 0.4 * sag], [-45, -58, -80 + sag], [0, -66, -84 + sag], [50, -60, -62 + sag],
          [88, -30, -14], [102, 0, 2]], 18, 0.5),
        ([[104, 6, 0], [108, 26, -40], [106, 32, -90], [104, 26, -190]], 15, 0.35),
        ([[-16, -36, -26], [-38, -18, -32], [-42, -4, -60], [-36, 2, -86], [0, -4, -90], [34, 0, -62]], 11, 0.15),
    ]  # fmt: skip
    close = 1.3 - 0.4 * scene.visceral_fat
    for _ in range(int(rng.integers(8, 13)) + round(8 * (1 - scene.visceral_fat))):
        start = np.array([rng.uniform(-60, 88), rng.uniform(-62, 12), rng.uniform(-150, -50)])
        steps = rng.normal(0, 1, (6, 3)) * (26, 20, 16)
        loop = start + np.cumsum(steps, axis=0) * 0.8
        loop = np.clip(loop, (-78, -68, -190), (98, 16, -46))
        courses.append((loop.tolist(), float(rng.uniform(9, 14)), float(rng.choice([0, 0, 0.25]))))
    oral = rng.random() < 0.35
    out = []
    for number, (course, radius, gas) in enumerate(courses):
        points = curve(course, 7.0)
        colon = number < 3
        bumps = 1 + (0.16 if colon else 0.06) * np.sin(np.arange(len(points)) * rng.uniform(1.4, 2.2))
        size = radius * close * rng.uniform(0.75, 1.2)
        bright = oral and rng.random() < (0.35 if colon else 0.75)
        content = (
            hu["oral_contrast"] * rng.uniform(0.6, 1.1) if bright else hu["bowel_content"] + rng.normal(0, 8)
        )
        texture = rng.standard_normal((60, 90, 60), dtype=np.float32) if colon else None
        out += hollow(
            spaces,
            hu,
            points,
            size * bumps,
            wall_mm=rng.uniform(1.8, 3.0),
            content_hu=float(content),
            gas_share=float(gas * rng.uniform(0.5, 1.2)),
            lumps=45.0,
            texture=texture,
        )
    return out


def pancreas(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return the pancreas from the head in the duodenum's arch to the tail at the spleen."""
    rng = scene.rng("pancreas")
    points = curve(
        [
            [-26, -2, -66],
            [-24, -8, -42],
            [2, -20, -24],
            [30, -14, -12],
            [58, 6, 2],
            [78, 18, 10 + rng.uniform(-6, 10)],
        ]
    )
    t = np.linspace(0, 1, len(points))
    radii = rng.uniform(0.8, 1.15) * np.interp(t, [0, 0.2, 0.4, 0.7, 1], [12, 13, 9, 10, 8])
    radii *= 1 + 0.1 * np.sin(np.arange(len(points)) * 1.9)
    placed = spaces.field.place(points)
    grid = spaces.field.box_around(placed, 20.0, COARSE_MM)
    d = keep_out(tube(grid, placed, radii), spaces.on("liver", grid), 1.0)
    d += np.float32(rng.uniform(0.5, 1.5)) * rng.standard_normal(grid.shape, dtype=np.float32) * 0.6
    return [Layer(STRUCTURES["pancreas"], grid, d, hu["pancreas"])]


def gallbladder(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return the gallbladder in its fossa under the liver; one patient in eight has none."""
    rng = scene.rng("gallbladder")
    if rng.random() < 0.12:
        return []
    size = rng.uniform(0.7, 1.25)
    neck = np.array([-30, -18, -14]) + rng.normal(0, 3, 3)
    fundus = neck + np.array([-22, -34, -34]) * size
    points = curve(np.stack([neck, 0.5 * (neck + fundus) + rng.normal(0, 3, 3), fundus]))
    # The organ hangs on the visceral surface, wherever the volume has put it.
    points = points + np.array([0.62, 0.45, -0.64]) * (scene.liver_offset_mm + 22)
    radii = size * np.interp(np.linspace(0, 1, len(points)), [0, 0.25, 0.7, 1], [4, 9, 15, 13])
    placed = spaces.field.place(points)
    grid = spaces.field.box_around(placed, 20.0, 2.0)
    d = smooth_max(tube(grid, placed, radii), spaces.on("cavity", grid) + 1.5, 3.0)
    return [
        Layer(STRUCTURES["gallbladder"], grid, d, hu["bowel_wall"] - 15),
        Layer(STRUCTURES["gallbladder"], grid, d + np.float32(rng.uniform(1.2, 2.2)), hu["bile"]),
    ]


def great_vessels(scene: Scene, spaces: Spaces, hu: dict[str, float], spacing_mm: float) -> list[Layer]:
    """Return aorta, vena cava, and the vessels of kidneys, spleen and gut outside the liver."""
    rng = scene.rng("vessels")
    wide = rng.uniform(0.85, 1.25)
    cava = rng.uniform(0.8, 1.2)
    courses: list[tuple[str, str, list[Sequence[float]], list[float]]] = [
        ("vein", "ivc", [[-20, 16, -42], [0, 8, -40], [30, 16, -42], [50, 26, -44]], [5, 4.5, 4.5, 4]),
        ("vein", "ivc", [[-24, 16, -46], [-40, 24, -46], [-50, 30, -48]], [5, 4.5, 4]),
        ("artery", "hepatic_artery", [[10, 16, -38], [32, 22, -42], [52, 28, -44]], [3.2, 2.8, 2.2]),
        ("artery", "hepatic_artery", [[8, 16, -38], [-24, 26, -42], [-50, 32, -46]], [3.2, 2.8, 2.2]),
        ("vein", "portal_vein", [[-2, -12, -36], [22, -6, -14], [50, 8, 2], [84, 28, 16]], [5.5, 5, 4.5, 3.5]),
        ("vein", "portal_vein", [[-2, -12, -36], [-4, -18, -70], [-6, -24, -110], [-8, -26, -190]], [6, 5.5, 5, 4]),
        ("artery", "aorta", [[9, 10, -26], [6, -14, -40], [2, -20, -80], [0, -22, -190]], [4, 3.6, 3.4, 3]),
        ("artery", "aorta", [[9, 12, -8], [8, -2, -4], [24, -2, 2], [50, 14, 12], [82, 30, 22]], [4, 3.6, 3, 2.8, 2.2]),
        ("artery", "hepatic_artery", [[8, -2, -4], [-8, -10, -8], [-22, -14, -4]], [3.2, 2.6, 2.2]),
        ("inferior_vena_cava", "ivc",
         [[-22, 17, -190], [-23, 16, -60], [-23, 12, 0], [-21, 8, 40], [-15, 0, 72], [-6, -12, 104], [-6, -20, 150]],
         [10 * cava, 11 * cava, 12 * cava, 12.5 * cava, 13 * cava, 13, 13]),
        ("aorta", "aorta", [[10, 14, -190], [9, 14, -60], [9, 15, 0], [11, 22, 60], [17, 32, 120], [20, 34, 170]],
         [8.5 * wide, 9 * wide, 10 * wide, 11 * wide, 11.5 * wide, 11.5 * wide]),
    ]  # fmt: skip
    out = []
    for structure, tissue, course, sizes in courses:
        points = curve(course)
        radii = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(sizes)), sizes)
        placed = spaces.field.place(points)
        fine = spacing_mm if max(sizes) < 7 else 2.0
        grid = spaces.field.box_around(placed, float(radii.max()) + 4, fine)
        squash = (1.15, 0.9, 1.0) if structure == "inferior_vena_cava" else (1.0, 1.0, 1.0)
        d = tube(grid, placed, radii, squash=squash)
        level: float | Array = hu[tissue]
        if structure == "inferior_vena_cava":
            level = _cava_levels(grid, placed, hu)
        out.append(Layer(STRUCTURES[structure], grid, d, level))
    if rng.random() < 0.4:  # plaques in the aortic wall
        out.append(_plaque(out[-1], rng))
    return out


def _cava_levels(grid: Grid, placed: np.ndarray, hu: dict[str, float]) -> Array:
    """Below the kidneys the cava carries less contrast in both phases than above them."""
    z = np.broadcast_to(grid.coordinates()[2], grid.shape)
    span = float(placed[:, 2].max() - placed[:, 2].min())
    above = np.clip((z - np.float32(placed[:, 2].min() + 0.42 * span)) / 25, 0, 1)
    return (np.float32(hu["ivc"]) + (above - 0.7) * np.float32(18)).astype(np.float32)


def _plaque(aorta: Layer, rng: np.random.Generator) -> Layer:
    spots = rng.standard_normal(aorta.grid.shape, dtype=np.float32)
    rim = np.maximum(np.abs(aorta.distance + 0.8) - 1.0, np.where(spots > 2.6, -1.0, 2.0))
    return Layer(STRUCTURES["aorta"], aorta.grid, rim.astype(np.float32), 420.0)
