"""Parameters of a case: the request, the patient's habitus and the scan protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.phantoms.enhancement import FURTHER_PHASES, LESION_KINDS, draw_enhancement
from LiverTumorAttentionLib.phantoms.lesions import MAX_DIAMETER_MM, MAX_LESIONS, MIN_DIAMETER_MM
from LiverTumorAttentionLib.phantoms.motion import MAX_DISPLACEMENT_MM
from LiverTumorAttentionLib.phantoms.patient import Patient
from LiverTumorAttentionLib.phantoms.scene import Scene
from LiverTumorAttentionLib.phantoms.shapes import Grid, Triple

MATRICES = {"full": 512, "small": 160}
THICKNESS_MM = (1.0, 7.0)
SMALL_THICKNESS_MM = 5.5
LOWEST_MM, HIGHEST_MM = -112.0, 108.0  # reference levels that an upper abdomen covers


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of `generate_phantom`, checked."""

    size: str
    lesions: int | None
    matrix: int | None
    spacing_mm: float | None
    thickness_mm: float | None
    slices: int | None
    lesion_kinds: Sequence[str] | None
    lesion_diameters_mm: Sequence[float] | None
    max_displacement_mm: float | None
    arterial_offset_mm: float
    arterial_slices: int | None
    further_phases: Sequence[str] = ()

    def check(self, seed: int) -> None:
        """Raise InputError for the first invalid argument."""
        if not isinstance(seed, (int, np.integer)) or seed < 0:
            raise InputError(
                f"the seed of a phantom must be a whole number, 0 or more, not {seed}: give such a number"
            )
        if self.size not in MATRICES:
            raise InputError(f"unknown phantom size {self.size!r}; choose {' or '.join(sorted(MATRICES))}")
        if self.lesions is not None and not 0 <= self.lesions <= MAX_LESIONS:
            raise InputError(f"a phantom has 0 to {MAX_LESIONS} lesions, not {self.lesions}: ask for as many")
        for phase in self.further_phases:
            if phase not in FURTHER_PHASES:
                raise InputError(f"unknown further phase {phase!r}; choose among {', '.join(FURTHER_PHASES)}")
        for kind in self.lesion_kinds or ():
            if kind not in LESION_KINDS:
                raise InputError(f"unknown lesion type {kind!r}; choose among {', '.join(LESION_KINDS)}")
        diameters = self.lesion_diameters_mm
        if diameters is not None:
            if self.lesions is not None and len(diameters) != self.lesions:
                raise InputError(
                    f"{len(diameters)} lesion diameters were given for {self.lesions} lesions; give one each"
                )
            if len(diameters) > MAX_LESIONS:
                raise InputError(
                    f"a phantom has 0 to {MAX_LESIONS} lesions, not {len(diameters)}: ask for as many"
                )
            for d in diameters:
                if not MIN_DIAMETER_MM <= d <= MAX_DIAMETER_MM:
                    raise InputError(
                        f"a lesion measures 5 to 80 mm, not {d:g} mm: give a diameter in that range"
                    )
        for name, value, low, high in (
            ("matrix", self.matrix, 32, 1024),
            ("in-plane spacing in mm", self.spacing_mm, 0.3, 10.0),
            ("slice thickness in mm", self.thickness_mm, 0.5, 10.0),
            ("number of slices", self.slices, 1, 1000),
            ("number of arterial slices", self.arterial_slices, 1, 1000),
            ("greatest displacement in mm", self.max_displacement_mm, 0.0, MAX_DISPLACEMENT_MM),
        ):
            if value is not None and not low <= value <= high:
                raise InputError(
                    f"the {name} must be {low:g} to {high:g}, not {value:g}: give a number in that range"
                )


@dataclass(frozen=True, kw_only=True)
class Habitus:
    """The patient's build: scale of the reference adult, subcutaneous fat, liver volume, and the box around him."""

    scale: Triple
    fat_mm: float
    liver_ml: float
    fatty_liver: bool
    domes: tuple[float, float]

    @property
    def low(self) -> list[float]:
        """Lowest x, y, z (mm) of the body's box."""
        return [
            -(158 + 1.2 * self.fat_mm) * self.scale[0] - 12,
            -(116 + 1.9 * self.fat_mm) * self.scale[1] - 12,
            -175.0,
        ]

    @property
    def high(self) -> list[float]:
        """Highest x, y, z (mm) of the body's box."""
        return [-self.low[0], (112 + self.fat_mm) * self.scale[1] + 24, 165.0]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def draw_scene(rng: np.random.Generator, seed: int) -> tuple[Scene, Habitus]:
    """Draw a patient."""
    build = rng.normal(0, 1)
    scale = (
        float(np.clip(1.0 + 0.05 * build + rng.normal(0, 0.03), 0.88, 1.12)),
        float(np.clip(1.02 + 0.09 * build + rng.normal(0, 0.04), 0.82, 1.25)),
        float(np.clip(rng.normal(1.0, 0.05), 0.9, 1.12)),
    )
    fat = float(np.clip(rng.gamma(3.0, 4.5) + 5 * build, 4, 38))
    fatty = bool(rng.random() < 0.2)
    top = rng.uniform(76, 92)
    habitus = Habitus(
        scale=scale,
        fat_mm=fat,
        liver_ml=float(np.clip(rng.normal(1450, 280) * (1.1 if fatty else 1.0), 980, 2180)),
        fatty_liver=fatty,
        domes=(float(top), float(top - rng.uniform(2, 18))),
    )
    hu = draw_enhancement(rng, fatty=fatty)
    visceral = float(np.clip(rng.beta(1.6, 1.6) + 0.12 * build, 0, 1))
    return Scene(seed=seed, hu=hu, fat_mm=fat, domes=habitus.domes, visceral_fat=visceral), habitus


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Scanner and contrast: matrix, spacing and thickness in mm, blur, noise, and where the table stood."""

    matrix: int
    spacing_mm: float
    thickness_mm: float
    slices: int | None
    noise_hu: dict[str, float]
    grain_mm: float
    psf_mm: float
    origin: Triple
    off_center: tuple[float, float]
    displacement_mm: float
    lesions: int
    mottled_hu: float
    arterial_offset_mm: float
    arterial_slices: int | None

    def grids(self, patient: Patient, habitus: Habitus) -> tuple[Grid, Grid]:
        """Return the grids of the portal and the arterial volume in the patient's frame."""
        ends = patient.to_portal(np.array([[-40.0, 0, LOWEST_MM], [-40.0, 0, HIGHEST_MM]]))[:, 2]
        count = self.slices or max(2, int(np.ceil((ends[1] - ends[0]) / self.thickness_mm)))
        # Few slices are centered on the liver, which fills about -80 to 90 reference millimeters.
        middle = 0.5 * (ends[0] + ends[1]) + (4.0 if self.slices else 0.0)
        field = self.matrix * self.spacing_mm
        body = 0.5 * (habitus.low[1] + habitus.high[1])
        start = (
            self.off_center[0] - field / 2,
            self.off_center[1] + body - field / 2,
            float(middle - 0.5 * (count - 1) * self.thickness_mm),
        )
        spacing = (self.spacing_mm, self.spacing_mm, self.thickness_mm)
        portal = Grid(start, spacing, (count, self.matrix, self.matrix))
        later = (start[0], start[1], start[2] + self.arterial_offset_mm)
        return portal, Grid(later, spacing, (self.arterial_slices or count, self.matrix, self.matrix))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def draw_protocol(rng: np.random.Generator, request: Request, habitus: Habitus) -> Protocol:
    """Draw what the request leaves open."""
    width = 2 * habitus.high[0]
    field = float(np.clip(width + rng.uniform(-8, 40), 280, 460))
    if rng.random() < 0.06:
        field *= 0.85  # a field of view that cuts the flanks
    thickness_drawn = float(rng.choice([1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 5.0, 7.0]))
    matrix = request.matrix or MATRICES[request.size]
    spacing = request.spacing_mm
    if spacing is None:
        spacing = field / matrix
        if matrix == 512:
            spacing = float(np.clip(spacing, 0.5, 0.9))
    thickness = request.thickness_mm or (SMALL_THICKNESS_MM if request.size == "small" else thickness_drawn)
    dose = float(np.exp(rng.normal(0, 0.3)))
    # Noise falls with thickness, rises with the girth; coarse voxels average it away.
    noise = 13.0 * dose * (3.0 / thickness) ** 0.35 * habitus.scale[1] / max(1.0, (spacing / 0.8) ** 0.6)
    noise = float(np.clip(noise, 4, 26))
    count = request.lesions
    if count is None and request.lesion_diameters_mm is not None:
        count = len(request.lesion_diameters_mm)
    drawn = int(rng.choice(9, p=[0.16, 0.26, 0.18, 0.13, 0.09, 0.07, 0.05, 0.03, 0.03]))
    displacement = float(np.clip(rng.gamma(2.6, 4.0) + 2.0, 3.0, MAX_DISPLACEMENT_MM - 0.2))
    if request.max_displacement_mm is not None:
        displacement = min(request.max_displacement_mm, MAX_DISPLACEMENT_MM - 0.2)
    return Protocol(
        matrix=matrix,
        spacing_mm=round(spacing, 6),
        thickness_mm=thickness,
        slices=request.slices,
        noise_hu={"portal": noise, "arterial": noise * float(rng.uniform(0.95, 1.2))},
        grain_mm=float(rng.uniform(0.55, 0.95)),
        psf_mm=float(rng.uniform(0.45, 0.8)),
        origin=(float(rng.uniform(-15, 15)), float(rng.uniform(-190, -150)), float(rng.uniform(-900, 200))),
        off_center=(float(rng.uniform(-8, 8)), float(rng.uniform(-10, 14))),
        displacement_mm=displacement,
        lesions=drawn if count is None else count,
        mottled_hu=float(rng.uniform(4, 24)),
        arterial_offset_mm=request.arterial_offset_mm,
        arterial_slices=request.arterial_slices,
    )
