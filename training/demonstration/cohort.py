"""A cohort of synthetic cases on a stage's working grid, made once and kept in a folder.

    cohort/plan.json               settings and the list of cases
    cohort/liver/<case>.npz        arrays of `samples.Case`, no pickles
    cohort/tumor/<case>.npz

Every case depends on its source and seed alone, so several processes may make parts of one cohort, and an
interrupted one goes on where it stopped. A phantom gives one case to each stage.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.preprocessing import resample_to_grid, stage_grid
from training.augmentation.random_fields import smooth_noise
from training.demonstration.atlases import Atlas, prepare_atlas
from training.demonstration.label_synthesis import synthesize
from training.demonstration.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from LiverTumorAttentionLib.phantoms import Phantom

PHANTOM_SEEDS = 100_000
"""Training phantoms have seeds from here on; lower ones are for tests and evaluation."""
VALIDATION_PHANTOM_SEEDS = range(90_000, 90_010)
"""Phantoms on which a run is watched while it trains."""
WATCHED_ATLAS_CASES = 8
"""Cases painted from label maps on which a run is watched."""
PHANTOM_MATRIX = 288
"""In-plane size of training phantoms: about 1.3 mm, close to the finest working grid, and cheap."""
LIVER_MARGIN_MM = 14.0
"""Tumour cases keep the liver's box with this margin."""


@dataclass(frozen=True, kw_only=True)
class PlannedCase:
    """One case to make. source: "phantom", or the name of an atlas. stage: "liver", "tumor" or "both"."""

    source: str
    seed: int
    stage: str
    validation: bool

    def path(self, folder: Path, stage: str) -> Path:
        """Return where the case of a stage is kept."""
        kind = "validation" if self.validation else "training"
        return folder / stage / f"{kind}-{self.source}-{self.seed}.npz"

    def stages(self) -> tuple[str, ...]:
        """Return the stages that the case is made for."""
        return ("liver", "tumor") if self.stage == "both" else (self.stage,)


def plan_cohort(atlases: Sequence[str], *, phantoms: int, atlas_cases: int, seed: int) -> list[PlannedCase]:
    """Return the cases of a cohort, in an order in which any first part is a fair mixture.

    atlases: names. phantoms, atlas_cases: how many training cases of each kind a stage gets.
    """
    watched = [
        PlannedCase(source="phantom", seed=s, stage="both", validation=True) for s in VALIDATION_PHANTOM_SEEDS
    ]
    painted: list[PlannedCase] = []
    rendered: list[PlannedCase] = []
    for i in range(atlas_cases + WATCHED_ATLAS_CASES if atlases else 0):
        source = atlases[i % len(atlases)]
        for stage in ("liver", "tumor"):
            first = i < WATCHED_ATLAS_CASES
            (watched if first else painted).append(
                PlannedCase(source=source, seed=seed + i, stage=stage, validation=first)
            )
    for i in range(phantoms):
        rendered.append(PlannedCase(source="phantom", seed=PHANTOM_SEEDS + i, stage="both", validation=False))
    place = {
        id(case): (i + 0.5) / len(cases) for cases in (painted, rendered) for i, case in enumerate(cases)
    }
    return [*watched, *sorted([*painted, *rendered], key=lambda case: place[id(case)])]


def make_case(planned: PlannedCase, folder: Path, atlases: dict[str, Atlas]) -> list[Path]:
    """Make a planned case for each of its stages where it is not there yet; return what was written."""
    wanted = [stage for stage in planned.stages() if not planned.path(folder, stage).exists()]
    if not wanted:
        return []
    number = {"liver": 1, "tumor": 2}
    written = []
    phantom = _phantom(planned) if planned.source == "phantom" else None
    for stage in wanted:
        rng = np.random.default_rng((planned.seed, number[stage]))
        recipe = RECIPES[stage]
        if phantom is not None:
            arrays = _from_phantom(phantom, recipe, rng)
        else:
            arrays = _from_atlas(atlases[planned.source], recipe, rng)
        written.append(_write(planned.path(folder, stage), arrays))
    return written


def _phantom(planned: PlannedCase) -> Phantom:
    from LiverTumorAttentionLib.phantoms import generate_phantom

    rng = np.random.default_rng((planned.seed, 0))
    lesions = 0 if rng.random() < 0.22 else int(rng.integers(1, 8))
    thickness = float(rng.uniform(2.5, 7.0))
    return generate_phantom(
        planned.seed, size="full", matrix=PHANTOM_MATRIX, thickness_mm=thickness, lesions=lesions
    )


def _from_atlas(atlas: Atlas, recipe: Recipe, rng: np.random.Generator) -> dict[str, NDArray]:
    low, high = recipe.slice_spacing_range_mm
    tumor = recipe.stage == "tumor"
    count = int(rng.integers(1, 9)) if rng.random() < (0.75 if tumor else 0.5) else 0
    case = synthesize(
        atlas,
        rng,
        in_plane_mm=recipe.in_plane_spacing_mm,
        slice_mm=float(rng.choice([low, rng.uniform(low, high), 5.0])),
        liver_margin_mm=LIVER_MARGIN_MM if tumor else None,
        lesions=count,
    )
    return _arrays(case.portal, case.arterial, case.labels, case.spacing_mm, recipe)


def _from_phantom(phantom: Phantom, recipe: Recipe, rng: np.random.Generator) -> dict[str, NDArray]:
    """Return a phantom on the stage's grid, the arterial phase registered up to a small smooth error."""
    portal, arterial, labels = phantom.portal, phantom.arterial, phantom.labels
    if recipe.stage == "tumor":
        box = _liver_box(labels, LIVER_MARGIN_MM)
        portal, labels = (sitk.RegionOfInterest(image, *box) for image in (portal, labels))
    grid = stage_grid(
        portal,
        in_plane_spacing_mm=recipe.in_plane_spacing_mm,
        slice_spacing_range_mm=recipe.slice_spacing_range_mm,
    )
    spacing = tuple(float(s) for s in grid.GetSpacing()[::-1])
    field = _registration_error(phantom.displacement, rng)
    registered = sitk.Resample(
        sitk.Cast(arterial, sitk.sitkFloat32),
        portal,
        sitk.DisplacementFieldTransform(field),
        sitk.sitkLinear,
        -1024.0,
    )
    volumes = [sitk.GetArrayFromImage(resample_to_grid(image, grid)) for image in (portal, registered)]
    shares = [sitk.GetArrayFromImage(resample_to_grid(labels >= k, grid)) for k in (1, 2)]
    truth = (shares[0] >= 0.5).astype(np.uint8)
    truth[shares[1] >= 0.5] = 2
    rounded = [np.rint(v).astype(np.int16) for v in volumes]
    return _arrays(rounded[0], rounded[1], truth, spacing, recipe)


def _registration_error(displacement: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    """Return the true displacement with a smooth random error of 0 to 2 mm (standard deviation) added."""
    field = sitk.GetArrayFromImage(displacement).astype(np.float64)
    spacing = displacement.GetSpacing()[::-1]
    error = smooth_noise(rng, field.shape[:3], spacing, rng.uniform(30, 60), components=3)
    field += rng.uniform(0, 2) * np.moveaxis(error, 0, -1) * 0.6
    image = sitk.GetImageFromArray(field, isVector=True)
    image.CopyInformation(displacement)
    return image


def _liver_box(labels: sitk.Image, margin_mm: float) -> tuple[list[int], list[int]]:
    """Return (size, index) of the liver's box with a margin, cut to the image."""
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(labels >= 1)
    box = statistics.GetBoundingBox(1)
    size, index = [], []
    for axis in range(3):
        margin = int(np.ceil(margin_mm / labels.GetSpacing()[axis]))
        first = max(0, box[axis] - margin)
        last = min(labels.GetSize()[axis], box[axis] + box[axis + 3] + margin)
        index.append(first)
        size.append(last - first)
    return size, index


def _arrays(
    portal: NDArray[np.int16],
    arterial: NDArray[np.int16],
    labels: NDArray[np.uint8],
    spacing_mm: Sequence[float],
    recipe: Recipe,
) -> dict[str, NDArray]:
    """Return the arrays of a case file; the distance to the liver for the tumour stage alone."""
    distance = np.zeros((0, 0, 0), np.int8)
    if recipe.stage == "tumor":
        liver = labels > 0
        outside = ndimage.distance_transform_edt(~liver, sampling=spacing_mm)
        inside = ndimage.distance_transform_edt(liver, sampling=spacing_mm)
        distance = np.clip(np.rint(2 * (outside - inside)), -127, 127).astype(np.int8)
    return {
        "portal": portal,
        "arterial": arterial,
        "labels": labels,
        "distance": distance,
        "spacing_mm": np.asarray(spacing_mm, np.float64),
    }


def _write(path: Path, arrays: dict[str, NDArray]) -> Path:
    """Write under a temporary name, then move: a case file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp.npz")
    np.savez(temporary, allow_pickle=False, **arrays)
    os.replace(temporary, path)
    return path


def read_label_maps(arguments: Sequence[str]) -> dict[str, Atlas]:
    """Read `PATH:kind` arguments; return the atlases by name. Raises `InputError`."""
    atlases: dict[str, Atlas] = {}
    for argument in arguments:
        path, separator, kind = argument.rpartition(":")
        if not separator:
            raise InputError(f"--label-map got {argument!r}; write it as PATH:kind, for example map.nrrd:spl")
        atlas = prepare_atlas(path, kind)
        atlases[atlas.name] = atlas
    return atlases


def read_plan(folder: Path) -> list[PlannedCase]:
    """Read the plan of a cohort. Raises `InputError` when there is none."""
    path = folder / "plan.json"
    if not path.is_file():
        raise InputError(f"there is no cohort in {folder}: make it first with the command prepare")
    return [PlannedCase(**values) for values in json.loads(path.read_text())]


def make_cohort(
    folder: Path,
    plan: Sequence[PlannedCase],
    atlases: dict[str, Atlas],
    *,
    part: tuple[int, int] = (0, 1),
    say: Callable[[str], None] = print,
) -> None:
    """Make the cases `part[0]`, `part[0] + part[1]`, … of a plan, those that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([vars(planned) for planned in plan], indent=1)
    temporary = folder / f"plan.{os.getpid()}.tmp"
    temporary.write_text(text + "\n")
    os.replace(temporary, folder / "plan.json")
    mine = plan[part[0] :: part[1]]
    for i, planned in enumerate(mine):
        written = make_case(planned, folder, atlases)
        if written:
            say(f"{i + 1}/{len(mine)} {', '.join(p.name for p in written)}")
