"""Generation of a phantom from a seed: patient, liver, vessels, lesions, and rendering of all phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from LiverTumorAttentionLib.contrast_phase import EARLY_ARTERIAL
from LiverTumorAttentionLib.phantoms import organs, trunk
from LiverTumorAttentionLib.phantoms.enhancement import draw_further
from LiverTumorAttentionLib.phantoms.lesions import (
    LesionPlan,
    draw_kinds,
    lesion_layers,
    place_lesions,
)
from LiverTumorAttentionLib.phantoms.motion import Motion, draw_motion, no_motion
from LiverTumorAttentionLib.phantoms.noise import add_noise
from LiverTumorAttentionLib.phantoms.patient import Field, Patient, draw_patient
from LiverTumorAttentionLib.phantoms.phantom import FurtherPhase, Lesion, Phantom
from LiverTumorAttentionLib.phantoms.protocol import Protocol, Request, draw_protocol, draw_scene
from LiverTumorAttentionLib.phantoms.render import Layer, Rendered, render
from LiverTumorAttentionLib.phantoms.scene import STRUCTURES, Scene, Spaces, build_spaces, fit_liver
from LiverTumorAttentionLib.phantoms.shapes import Grid, upsample
from LiverTumorAttentionLib.phantoms.vessels import Tree, grow_trees, tree_layers
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import interpolate

ANATOMY_MM = 2.6  # spacing on which smooth shapes are evaluated
DENTING = {STRUCTURES[n] for n in ("kidney", "gallbladder", "inferior_vena_cava", "aorta")}
MARGIN_MM = 30.0  # how far they are evaluated beyond the images


@dataclass(frozen=True)
class _Case:
    scene: Scene
    patient: Patient
    trees: list[Tree]
    lesions: list[LesionPlan]
    protocol: Protocol


def generate_phantom(
    seed: int,
    *,
    size: str = "small",
    lesions: int | None = None,
    matrix: int | None = None,
    spacing_mm: float | None = None,
    thickness_mm: float | None = None,
    slices: int | None = None,
    lesion_kinds: Sequence[str] | None = None,
    lesion_diameters_mm: Sequence[float] | None = None,
    max_displacement_mm: float | None = None,
    arterial_offset_mm: float = 0.0,
    arterial_slices: int | None = None,
    further_phases: Sequence[str] = (),
    progress: Progress | None = None,
) -> Phantom:
    """Generate a two-phase abdominal CT with its truth; the same arguments give the same voxels.

    size: "full" is 512x512 with clinical spacing, "small" 160x160 over the same field of view.
    lesions: 0 to 8; None draws the number.
    matrix, spacing_mm, thickness_mm, slices: force the in-plane size, the in-plane spacing (mm), the slice
        thickness (mm, also the distance between slices) and the number of slices, centered on the liver.
    lesion_kinds: types given to the lesions in turn; lesion_diameters_mm: their diameters (5 to 80 mm), one each.
    max_displacement_mm: greatest displacement between the phases, at most 25; 0 for none; None draws it.
    arterial_offset_mm: how much higher the arterial volume begins; arterial_slices: its own number of slices.
    further_phases: of "native", "early_arterial" and "delayed"; each lies in a breath hold of its own, as large as the
        arterial one's, and leaves all other voxels as they are without it.
    Raises InputError for invalid arguments.
    """
    progress = progress or Progress()
    request = Request(
        size=size,
        lesions=lesions,
        matrix=matrix,
        spacing_mm=spacing_mm,
        thickness_mm=thickness_mm,
        slices=slices,
        lesion_kinds=lesion_kinds,
        lesion_diameters_mm=lesion_diameters_mm,
        max_displacement_mm=max_displacement_mm,
        arterial_offset_mm=arterial_offset_mm,
        arterial_slices=arterial_slices,
        further_phases=further_phases,
    )
    request.check(seed)
    rng = np.random.default_rng([seed, 2718])
    scene, habitus = draw_scene(rng, seed)
    protocol = draw_protocol(rng, request, habitus)
    progress.update(0.0)

    whole = Grid.over(habitus.low, habitus.high, 8.0)
    patient = draw_patient(rng, habitus.scale, whole)
    volume = fit_liver(
        scene, Field.over(patient, _anatomy_grid(habitus.low, habitus.high, 4.0)), habitus.liver_ml
    )
    portal_grid, arterial_grid = protocol.grids(patient, habitus)
    low, high = _extent(portal_grid, arterial_grid, habitus.low, habitus.high)
    grid = _anatomy_grid(low, high, ANATOMY_MM)
    portal_spaces = build_spaces(scene, Field.over(patient, grid))
    progress.update(0.06)

    liver_center = patient.to_portal(np.array([[-45.0, -10.0, 25.0]]))[0]
    spine = patient.to_portal(np.array([[0.0, 45.0, 0.0]]))[0]
    reach = (85 * habitus.scale[0], 95 * habitus.scale[1], 85 * habitus.scale[2])

    def drawn_motion(stream: np.random.Generator) -> Motion:
        if protocol.displacement_mm <= 0:
            return no_motion(grid)
        return draw_motion(stream, grid, tuple(liver_center), tuple(spine), reach, protocol.displacement_mm)

    motion = drawn_motion(rng)

    kinds = draw_kinds(scene.rng("kinds"), protocol.lesions, lesion_kinds)
    diameters: Sequence[float | None] = lesion_diameters_mm or [None] * len(kinds)
    dents = [
        layer
        for layer in _dents(scene, portal_spaces, scene.hu["portal"], portal_grid)
        if layer.value in DENTING
    ]
    asked = lesions is not None or lesion_diameters_mm is not None
    plans = place_lesions(scene, portal_spaces, kinds, diameters, portal_grid, dents, must_fit=asked)
    case = _Case(scene, patient, grow_trees(scene, portal_spaces), plans, protocol)
    progress.update(0.1)

    portal_spaces = portal_spaces.crop(_slab(grid, portal_grid))
    portal = _paint(case, portal_spaces, portal_grid, "portal", progress.part(0.1, 0.52))
    del portal_spaces
    arterial_spaces = build_spaces(scene, Field.over(patient, grid.crop(_slab(grid, arterial_grid)), motion))
    progress.update(0.55)
    end = 0.95 if not further_phases else 0.7
    arterial = _paint(case, arterial_spaces, arterial_grid, "arterial", progress.part(0.55, end))
    del arterial_spaces
    further = {}
    for number, phase in enumerate(further_phases):
        step = (0.95 - end) / len(further_phases)
        part = progress.part(end + number * step, end + (number + 1) * step)
        scene.hu[phase] = draw_further(scene.rng(f"enhancement {phase}"), scene.hu["portal"], phase)
        moved = drawn_motion(scene.rng(f"motion {phase}"))
        spaces = build_spaces(scene, Field.over(patient, grid.crop(_slab(grid, portal_grid)), moved))
        further[phase] = (_paint(case, spaces, portal_grid, phase, part), moved)
    settings = _settings(habitus, protocol, scene, volume)
    result = _assemble(case, portal, arterial, portal_grid, arterial_grid, motion, further, settings, seed)
    progress.update(1.0)
    return result


def _anatomy_grid(low: Sequence[float], high: Sequence[float], spacing_mm: float) -> Grid:
    return Grid.over(low, high, spacing_mm)


def _extent(a: Grid, b: Grid, low: Sequence[float], high: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the box of both images with a margin, but no wider than the body's own box across."""
    start = [min(p, q) - MARGIN_MM for p, q in zip(a.origin, b.origin, strict=True)]
    stop = [max(p, q) + MARGIN_MM for p, q in zip(a.high(), b.high(), strict=True)]
    # The liver's own extent must be there even when few slices are asked for: lesions and vessels fill all of it.
    start[2], stop[2] = min(start[2], low[2]), max(stop[2], high[2])
    return (
        [max(start[0], low[0]), max(start[1], low[1]), start[2]],
        [min(stop[0], high[0]), min(stop[1], high[1]), stop[2]],
    )


def _slab(grid: Grid, image: Grid) -> tuple[slice, slice, slice]:
    """Return the part of the anatomy's grid that an image needs along z."""
    low, high = image.origin[2] - MARGIN_MM, image.high()[2] + MARGIN_MM
    z = grid.axis(2)
    start, stop = int(np.searchsorted(z, low)), int(np.searchsorted(z, high, side="right"))
    return slice(max(start - 1, 0), min(stop + 1, len(z))), slice(0, grid.shape[1]), slice(0, grid.shape[2])


def _dents(scene: Scene, spaces: Spaces, hu: dict[str, float], target: Grid) -> list[Layer]:
    """Return the layers that are painted over the liver and indent it."""
    return [
        *organs.kidneys(scene, spaces, hu),
        *organs.gallbladder(scene, spaces, hu),
        *organs.great_vessels(scene, spaces, hu, _fine(target)),
    ]


def _fine(target: Grid) -> float:
    """Return the spacing (mm) on which thin structures are evaluated for an image."""
    return float(np.clip(target.spacing[0] * 0.9, 1.1, 1.8))


def _paint(case: _Case, spaces: Spaces, target: Grid, phase: str, progress: Progress) -> Rendered:
    """Paint one phase: layers from the outside in, then noise of this phase alone."""
    scene, hu = case.scene, case.scene.hu[phase]
    fine = _fine(target)
    layers: list[Layer] = trunk.table(scene, spaces)
    layers += trunk.trunk_layers(scene, spaces, hu)
    layers += trunk.back_muscles(scene, spaces, hu)
    layers += trunk.ribs(scene, spaces, hu, max(fine, 1.4))
    layers += trunk.spine(scene, spaces, hu)
    layers += trunk.chest(scene, spaces, hu)
    progress.update(0.05)
    mottled = case.protocol.mottled_hu if phase in ("arterial", EARLY_ARTERIAL) else 0.0
    layers += organs.bowel(scene, spaces, hu)
    layers += organs.pancreas(scene, spaces, hu)
    layers += organs.stomach(scene, spaces, hu)
    layers += organs.spleen(scene, spaces, hu, mottled)
    layers += organs.adrenals(scene, spaces, hu, fine)
    layers.append(organs.liver_layer(scene, spaces, hu))
    layers += _dents(scene, spaces, hu, target)
    layers += tree_layers(case.trees, spaces, hu, fine)
    layers += lesion_layers(scene, case.lesions, spaces, phase)
    progress.update(0.2)
    protocol = case.protocol
    return render(layers, target, protocol.thickness_mm, protocol.psf_mm, progress.part(0.2, 1.0))


def _assemble(
    case: _Case,
    portal: Rendered,
    arterial: Rendered,
    portal_grid: Grid,
    arterial_grid: Grid,
    motion: Motion,
    further: dict[str, tuple[Rendered, Motion]],
    settings: dict[str, Any],
    seed: int,
) -> Phantom:
    protocol = case.protocol
    instances = (portal.liver >= 0.5).astype(np.uint8)
    lesions: list[Lesion] = []
    for plan in case.lesions:
        if plan.number not in portal.lesions:
            continue
        box, cover = portal.lesions[plan.number]
        mask = cover >= min(0.5, 0.999 * float(cover.max()))
        if float(cover.max()) < 0.02:
            continue
        value = len(lesions) + 2
        instances[box][mask] = value
        lesions.append(
            _truth(
                plan,
                value,
                mask,
                box,
                portal_grid,
                portal,
                {"arterial": (arterial, arterial_grid, motion)}
                | {phase: (rendered, portal_grid, moved) for phase, (rendered, moved) in further.items()},
                protocol.origin,
            )
        )
    labels = np.minimum(instances, 2)
    images = {}
    painted = [("portal", portal, portal_grid), ("arterial", arterial, arterial_grid)]
    painted += [(phase, rendered, portal_grid) for phase, (rendered, _) in further.items()]
    for phase, rendered, grid in painted:
        rng = case.scene.rng(f"noise {phase}")
        sigma_hu = protocol.noise_hu.get(phase, protocol.noise_hu["portal"])
        add_noise(rendered.hu, rng, sigma_hu, protocol.grain_mm, grid.spacing[:2])
        np.clip(rendered.hu, -1024, 3071, out=rendered.hu)
        images[phase] = _image(np.rint(rendered.hu, out=rendered.hu).astype(np.int16), grid, protocol.origin)
    return Phantom(
        portal=images["portal"],
        arterial=images["arterial"],
        labels=_image(labels, portal_grid, protocol.origin),
        instances=_image(instances, portal_grid, protocol.origin),
        structures=_image(portal.structures, portal_grid, protocol.origin),
        arterial_structures=_image(arterial.structures, arterial_grid, protocol.origin),
        displacement=_displacement(motion, portal_grid, protocol.origin),
        lesions=tuple(lesions),
        further={
            phase: FurtherPhase(
                image=images[phase],
                displacement=_displacement(moved, portal_grid, protocol.origin),
                structures=_image(rendered.structures, portal_grid, protocol.origin),
            )
            for phase, (rendered, moved) in further.items()
        },
        settings=settings,
        seed=seed,
    )


def _truth(
    plan: LesionPlan,
    value: int,
    mask: NDArray[np.bool_],
    box: tuple[slice, slice, slice],
    grid: Grid,
    portal: Rendered,
    others: dict[str, tuple[Rendered, Grid, Motion]],
    origin: Sequence[float],
) -> Lesion:
    """Measure a lesion in the portal labels, and its mean HU in all phases before noise."""
    where = np.argwhere(mask)
    starts = np.array([b.start for b in box])
    points = ((where + starts)[:, ::-1] * np.array(grid.spacing)) + np.array(grid.origin)
    others_hu = {}
    for phase, (rendered, other_grid, motion) in others.items():
        moved = (motion.forward(points) - np.array(other_grid.origin)) / np.array(other_grid.spacing)
        others_hu[phase] = float(interpolate(rendered.hu, moved[:, ::-1].T).mean())
    longest = 0.0
    for k in np.unique(where[:, 0]):
        flat = points[where[:, 0] == k][:, :2]
        edge = np.concatenate(
            [[flat[flat[:, 1] == v].min(0), flat[flat[:, 1] == v].max(0)] for v in np.unique(flat[:, 1])]
        )
        longest = max(longest, (float(pdist(edge).max()) if len(edge) > 1 else 0.0) + grid.spacing[0])
    center = points.mean(axis=0) + np.array(origin)
    return Lesion(
        kind=plan.kind,
        instance=value,
        center_lps_mm=(float(center[0]), float(center[1]), float(center[2])),
        diameter_mm=plan.diameter_mm,
        longest_axial_mm=longest,
        volume_ml=float(len(where) * np.prod(grid.spacing) / 1000),
        portal_hu=float(portal.hu[box][mask].mean()),
        arterial_hu=others_hu.pop("arterial"),
        further_hu=others_hu,
    )


def _image(values: NDArray[Any], grid: Grid, origin: Sequence[float], *, vector: bool = False) -> sitk.Image:
    image = sitk.GetImageFromArray(values, isVector=vector)
    image.SetSpacing(grid.spacing)
    image.SetOrigin([a + b for a, b in zip(grid.origin, origin, strict=True)])
    return image


def _displacement(motion: Motion, grid: Grid, origin: Sequence[float]) -> sitk.Image:
    """Return u on the portal grid, rounded to 1/256 mm so that it can be compressed."""
    values = np.empty((*grid.shape, 3), np.float32)
    for k, part in enumerate(motion.u):
        values[..., k] = np.rint(upsample(part, motion.grid, grid) * np.float32(256)) / np.float32(256)
    return _image(values, grid, origin, vector=True)


def _settings(habitus: Any, protocol: Protocol, scene: Scene, liver_ml: float) -> dict[str, Any]:
    return {
        "habitus": habitus.as_dict(),
        "protocol": protocol.as_dict(),
        "enhancement_hu": scene.hu,
        "liver_volume_ml": liver_ml,
    }
