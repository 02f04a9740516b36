"""The trunk: fat, muscles, ribs, spine, lungs, heart, diaphragm."""

from __future__ import annotations

import numpy as np

from LiverTumorAttentionLib.phantoms.render import Layer
from LiverTumorAttentionLib.phantoms.scene import STRUCTURES, Scene, Spaces
from LiverTumorAttentionLib.phantoms.shapes import Array, Grid, curve, ellipsoid, oval, smooth_max, tube

VERTEBRA_MM = 33.0
BODY_SHARE = 0.76  # of a vertebra's height, the rest is disc
TWELFTH_RIB_MM = -22.0


def table(scene: Scene, spaces: Spaces) -> list[Layer]:
    """Return the table's shell: a shallow trough under the patient that does not move with him."""
    grid, patient = spaces.field.grid, spaces.field.patient
    rng = scene.rng("table")
    height = (102 + scene.fat_mm) * patient.scale[1] + rng.uniform(0, 5)
    low = Grid.over(
        (grid.origin[0], height - 60, grid.origin[2]), (grid.high()[0], height + 20, grid.high()[2]), 2.0
    )
    x, y, z = low.coordinates()
    surface = y - np.float32(height) + np.float32(rng.uniform(0.0004, 0.0009)) * x * x
    shell = np.maximum(np.abs(surface) - 1.6, np.abs(x) - 215) + 0 * z
    return [Layer(0, low, shell.astype(np.float32), float(rng.uniform(-550, -150)))]


def trunk_layers(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return the layers of body outline, fat, wall and cavity."""
    where, grid = spaces.field, spaces.field.grid
    _, y, z = where.reference
    rng = scene.rng("fat")
    fat = scene.fat_mm
    belly = np.float32(rng.uniform(0.0, 0.5) * fat) * np.clip((20 - z) / 120, 0, 1)
    front = np.clip(-y / 104, -0.4, 1)
    thickness = np.float32(fat) * (1 + np.float32(rng.uniform(-0.1, 0.25)) * front) + belly * np.maximum(
        front, 0
    )
    body = spaces.outer - thickness
    coarse = scene.texture(where, 7, 0)
    wall = hu["muscle"] + np.float32(7) * coarse
    # Fat planes between the layers of the lateral wall below the ribs.
    depth = spaces.outer + np.float32(6.5) + np.float32(1.0) * coarse
    planes = np.clip(1.2 - np.abs(depth), 0, 1) * np.clip((-5 - z) / 25, 0, 1)
    wall = wall - planes * np.float32(0.6 * (hu["muscle"] - hu["visceral_fat"]))
    strands = np.maximum(coarse - 1.2, 0) * np.float32(28)
    return [
        Layer(STRUCTURES["skin"], grid, body, hu["skin"]),
        Layer(
            STRUCTURES["subcutaneous_fat"],
            grid,
            body + np.float32(2.0),
            hu["subcutaneous_fat"] + 0.5 * strands,
        ),
        Layer(STRUCTURES["muscle"], grid, spaces.outer, wall),
        Layer(STRUCTURES["visceral_fat"], grid, spaces.cavity, hu["visceral_fat"] + strands + 3 * coarse),
    ]


def back_muscles(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return erector spinae, quadratus lumborum and psoas, both sides."""
    rng = scene.rng("muscles")
    size = rng.uniform(0.85, 1.15)
    fatty = rng.uniform(4, 16)
    out = []
    for side in (-1, 1):
        part = spaces.field.crop((side * 60 - 70, 20, -400), (side * 60 + 70, 120, 400))
        x, y, z = part.reference
        texture = scene.texture(part, 5, 0)
        level = hu["muscle"] - fatty * np.maximum(texture + 0.3, 0)
        low = np.clip((-z - 10) / 80, 0, 1).astype(np.float32)
        erector = smooth_max(
            oval(x, y, (side * 35, 79), (29 * size, 20 * size), 2.4), spaces.on("outer", part) + 1.5, 6.0
        )
        out.append(Layer(STRUCTURES["erector_spinae"], part.grid, erector, level))
        quadratus = oval(x, y, (side * 62, 62), (20 * size, 9 * size)) + (1 - low) * 14
        out.append(Layer(STRUCTURES["muscle"], part.grid, quadratus, level))
        psoas = oval(x - side * (8 * low), y, (side * 30, 50), (15 * size, 17 * size)) + (1 - low) * 20
        out.append(Layer(STRUCTURES["psoas"], part.grid, psoas, level + fatty * 0.3))
    return out


def spine(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return vertebral bodies with discs, canal and processes."""
    part = spaces.field.crop((-48, 15, -400), (48, 112, 400))
    x, y, z = part.reference
    rng = scene.rng("spine")
    turn = np.mod(z - 4.0, VERTEBRA_MM) / VERTEBRA_MM  # 0 to BODY_SHARE is bone
    middle = np.abs(turn - BODY_SHARE / 2) / (BODY_SHARE / 2)  # 1 at the end plates
    size = rng.uniform(0.9, 1.1)
    waist = np.float32(2.0) * np.maximum(1 - middle * middle, 0)
    body = oval(x, y, (0, 42), (22 * size, 17 * size), 2.3) + waist
    plate = (middle - 1) * np.float32(BODY_SHARE / 2 * VERTEBRA_MM)
    in_disc = np.clip(0.5 + plate / 2.0, 0, 1)
    texture = scene.texture(part, 4, 0)
    near_edge = np.clip(1 - np.minimum(-body, np.abs(plate)) / 2.4, 0, 1)
    bone = hu["bone"] + 22 * texture + near_edge * np.float32(hu["cortex_bone"] * 0.6 - hu["bone"])
    level = bone + in_disc * (hu["disc"] - bone)
    ring = np.maximum(oval(x, y, (0, 68), (17, 14)), np.where(y > 66, plate - 3, plate + 4))
    spinous = np.maximum(
        np.maximum(np.abs(x) - 4.0, np.abs(y - 86) - 13), np.abs(turn - 0.3) * VERTEBRA_MM - 9
    )
    across = np.maximum(
        np.maximum(np.abs(y - 64) - 4.5, np.abs(x) - 37), np.abs(turn - 0.4) * VERTEBRA_MM - 6
    )
    arch = np.minimum(np.minimum(ring, spinous), across)
    arch_level = hu["bone"] + np.clip(1 - np.abs(arch + 1.2) / 2.2, 0, 1) * np.float32(
        hu["cortex_bone"] * 0.7 - hu["bone"]
    )
    canal = oval(x, y, (0, 68), (10, 8.5))
    disc = np.maximum(body, -plate)
    return [
        Layer(STRUCTURES["vertebra"], part.grid, arch.astype(np.float32), arch_level),
        Layer(STRUCTURES["vertebra"], part.grid, body, level),
        Layer(STRUCTURES["disc"], part.grid, disc, level),
        Layer(STRUCTURES["spinal_canal"], part.grid, canal, hu["canal"]),
    ]


def ribs(scene: Scene, spaces: Spaces, hu: dict[str, float], spacing_mm: float) -> list[Layer]:
    """Return ribs 6 to 12 of both sides, bone behind and cartilage in front."""
    rng = scene.rng("ribs")
    drop, shift = rng.uniform(55, 80), rng.uniform(-6, 6)
    out = []
    for number in range(12, 4, -1):
        top = TWELFTH_RIB_MM + shift + (12 - number) * 29
        end = {12: 1.5, 11: 1.95, 10: 2.45}.get(number, 2.85)
        for side in (-1, 1):
            angle = np.linspace(0.28, end, 22)
            fall = drop * np.sin(np.minimum(angle, 2.3) / 2) ** 2 * (1.0 if number < 12 else 0.8)
            rise = np.maximum(angle - 2.3, 0) * 42 if number < 11 else 0 * angle
            points = np.stack(
                [side * 141.5 * np.sin(angle) ** 0.9, -2 + 95.5 * np.cos(angle), top - fall + rise], axis=1
            )
            for name, first, last in (("rib", 0.0, 2.25), ("cartilage", 2.2, 9.0)):
                chosen = (angle >= first) & (angle <= last)
                if chosen.sum() < 2:
                    continue
                placed = spaces.field.place(points[chosen])
                grid = spaces.field.box_around(placed, 9.0, spacing_mm)
                d = tube(
                    grid, placed, np.full(len(placed), 3.9 if name == "rib" else 3.4), squash=(1, 1, 1.65)
                )
                level: float | Array = hu["cartilage"]
                if name == "rib":
                    level = np.where(d > -1.9, np.float32(hu["cortex_bone"]), np.float32(hu["bone"] * 0.8))
                out.append(Layer(STRUCTURES[name], grid, d, level))
    return out


def chest(scene: Scene, spaces: Spaces, hu: dict[str, float]) -> list[Layer]:
    """Return lungs with their vessels, heart, esophagus and the sheet of the diaphragm."""
    part = spaces.field.crop((-150, -115, -75), (150, 115, 400))
    x, y, z = part.reference
    rng = scene.rng("chest")
    cavity, abdomen = spaces.on("cavity", part), spaces.on("abdomen", part)
    recess = rng.uniform(-45, -5)
    middle = oval(x, y, (6, 5), (rng.uniform(30, 38), 75))
    lung = np.maximum(np.maximum(cavity + 1.5, 1.5 - abdomen), np.maximum(np.float32(recess) - z, -middle))
    vessels = np.maximum(scene.texture(part, 3.2, 0) - 1.0, 0) * 330
    lung_hu = hu["lung"] + vessels + 25 * scene.texture(part, 25, 1) + np.clip(y, -60, 60) * 0.5
    heart_center = (rng.uniform(20, 36), rng.uniform(-45, -32), max(scene.domes) + rng.uniform(22, 34))
    heart = np.maximum(ellipsoid((x, y, z), heart_center, (58, 46, 44), 0.35), 2.0 - abdomen)
    muscle_share = np.clip(1 + (heart + 3) / 8, 0, 1)
    heart_hu = hu["heart"] + muscle_share * np.float32(0.5 * (hu["muscle"] - hu["heart"]))
    sheet = np.maximum(
        np.abs(abdomen - 0.2) - rng.uniform(1.0, 1.8), np.maximum(cavity, np.float32(recess - 25) - z)
    )
    placed = spaces.field.place(curve([[10, 26, 150], [12, 20, 110], [22, 8, 80], [38, 4, 66]]))
    gullet_grid = spaces.field.box_around(placed, 16.0, 2.5)
    gullet = tube(gullet_grid, placed, np.full(len(placed), 7.5))
    return [
        Layer(STRUCTURES["lung"], part.grid, lung.astype(np.float32), lung_hu),
        Layer(STRUCTURES["heart"], part.grid, heart.astype(np.float32), heart_hu),
        Layer(STRUCTURES["esophagus"], gullet_grid, gullet, hu["bowel_wall"]),
        Layer(STRUCTURES["diaphragm"], part.grid, sheet.astype(np.float32), hu["muscle"]),
    ]


def keep_out(distance: Array, other: Array, gap_mm: float = 0.0) -> Array:
    """Take another organ's space (grown by `gap_mm`) out of a shape."""
    return np.maximum(distance, np.float32(gap_mm) - other)
