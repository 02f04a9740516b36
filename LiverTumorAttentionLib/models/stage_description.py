"""A stage of a model in `model.json`: its network, what it is given, and on which grid."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError

PHASES = ("portal", "arterial")

STAGES: dict[str, tuple[str, ...]] = {
    "liver": ("background", "liver"),
    "tumor": ("background", "tumor"),
    "liver_and_tumor": ("background", "liver", "tumor"),
}
"""Stages, and the classes of their networks in order. Tumors are part of the liver."""

SMALLEST_TILE, LARGEST_TILE = 32, 2048
"""Pixels along a side of what a network is given."""
LARGEST_PATCH_VOXELS = 320**3
SMALLEST_SPACING_MM = 0.2
"""Of a network's grid; a body of 500 mm then has 2500 voxels along a side."""
LARGEST_OVERLAP = 0.95
"""Every voxel is seen 20 times along each axis then."""
MOST_NEIGHBORS = 32
MOST_SCALES = 16
LARGEST_MARGIN_MM = 500.0
LONGEST_NAME = 100
"""Characters of an id or a file name; file systems take 255 bytes, and a name gets additions."""


_TILE_RANGE = f"{SMALLEST_TILE} to {LARGEST_TILE} pixels along each side"


def _is_tile(sides: tuple[int, int]) -> bool:
    return min(sides) >= SMALLEST_TILE and max(sides) <= LARGEST_TILE


@dataclass(frozen=True, kw_only=True)
class IntensitySettings:
    """How Hounsfield units become the network's input. One of the three is given."""

    window_hu: tuple[float, float] | None = None
    """A window in HU, which becomes [0, 1]."""
    percentiles: tuple[float, float] | None = None
    """Percentiles of the whole volume to which it is clipped; then its mean becomes 0 and its spread 1."""
    liver_window_hu: tuple[float, float] | None = None
    """A window in HU above the median of the coarse liver in the same phase, such as -150 to 250, which becomes
    [0, 1]; for tumor stages. Format 3."""
    liver_erosion_mm: float | None = None
    """How far the coarse liver is eroded before its median is taken, so that what it laps over does not count; given
    with liver_window_hu and only with it."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: intensity: {problem}: correct it there")

    def _problem(self) -> str | None:
        given = [self.window_hu, self.percentiles, self.liver_window_hu]
        if sum(value is not None for value in given) != 1:
            return "give either window_hu or percentiles or liver_window_hu, and only one of them"
        if self.window_hu is not None and not self.window_hu[0] < self.window_hu[1]:
            return f"window_hu must rise, got {self.window_hu}"
        if self.percentiles is not None and not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            return f"percentiles must rise and lie between 0 and 100, got {self.percentiles}"
        if (self.liver_window_hu is None) != (self.liver_erosion_mm is None):
            return "liver_window_hu and liver_erosion_mm are given together or not at all"
        if self.liver_window_hu is not None and not self.liver_window_hu[0] < 0 < self.liver_window_hu[1]:
            return (
                "liver_window_hu must rise from below the liver's median to above it, such as [-150, 250], "
                f"got {self.liver_window_hu}"
            )
        if self.liver_erosion_mm is not None and not 0 <= self.liver_erosion_mm <= 30:
            return f"liver_erosion_mm must lie between 0 and 30 mm, got {self.liver_erosion_mm:g}"
        return None


@dataclass(frozen=True, kw_only=True)
class GridSettings:
    """The grid on which the network works."""

    in_plane_spacing_mm: float | None = None
    """Pixel spacing; None keeps the volume's own."""
    in_plane_pixels: tuple[int, int] | None = None
    """Instead of a spacing: whole slices are resized to so many rows and columns."""
    slice_spacing_range_mm: tuple[float, float] | None = None
    """The volume's own slice spacing is kept within this range and clamped to it outside; None keeps it."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: grid: {problem}: correct it there")

    def _problem(self) -> str | None:
        if self.in_plane_spacing_mm is not None and self.in_plane_pixels is not None:
            return "give in_plane_spacing_mm or in_plane_pixels, not both"
        if self.in_plane_spacing_mm is not None and self.in_plane_spacing_mm < SMALLEST_SPACING_MM:
            return f"in_plane_spacing_mm must be at least {SMALLEST_SPACING_MM}, got {self.in_plane_spacing_mm:g}"
        if self.in_plane_pixels is not None and not _is_tile(self.in_plane_pixels):
            return f"in_plane_pixels must be {_TILE_RANGE}, got {self.in_plane_pixels}"
        spacings = self.slice_spacing_range_mm
        if spacings is not None and not SMALLEST_SPACING_MM <= spacings[0] <= spacings[1]:
            return f"slice_spacing_range_mm must be at least {SMALLEST_SPACING_MM} and rise, got {spacings}"
        return None


@dataclass(frozen=True, kw_only=True)
class SliceSettings:
    """How a 2D or 2.5D network is run over a volume: slice by slice, in overlapping tiles."""

    neighbours: int
    """Slices on each side that are stacked with a slice as channels."""
    tile: tuple[int, int]
    """Height and width of a tile in pixels."""
    overlap: float
    """Least share of a tile that it has in common with its neighbour, 0 to below 1."""
    scales: tuple[float, ...] = (1.0,)
    """Each tile is given at these scales, and the probabilities are averaged (SFAN: 0.5, 1.0, 1.5)."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: slices: {problem}: correct it there")

    def _problem(self) -> str | None:
        if not 0 <= self.neighbours <= MOST_NEIGHBORS:
            return f"neighbours must lie between 0 and {MOST_NEIGHBORS}, got {self.neighbours}"
        if not _is_tile(self.tile):
            return f"tile must be {_TILE_RANGE}, got {self.tile}"
        if not 0 <= self.overlap <= LARGEST_OVERLAP:
            return f"overlap must lie between 0 and {LARGEST_OVERLAP:g}, got {self.overlap:g}"
        if not 1 <= len(self.scales) <= MOST_SCALES or not all(0.1 <= scale <= 4 for scale in self.scales):
            return f"scales must be given, at most {MOST_SCALES}, and lie between 0.1 and 4, got {shown(self.scales)}"
        return None


@dataclass(frozen=True, kw_only=True)
class PatchSettings:
    """How a 3D network is run over a volume: in overlapping patches, blended by a Gaussian."""

    patch: tuple[int, int, int]
    """Slices, rows and columns of a patch."""
    overlap: float = 0.5
    """Least share of a patch that it has in common with its neighbour, 0 to below 1."""

    def __post_init__(self) -> None:
        if min(self.patch) < SMALLEST_TILE or not 0 <= self.overlap <= LARGEST_OVERLAP:
            raise ModelError(
                f"model.json: patches: patch must be at least {SMALLEST_TILE} voxels along each axis and overlap lie "
                f"between 0 and {LARGEST_OVERLAP:g}, got {self.patch} and {self.overlap:g}: correct it there"
            )
        if math.prod(self.patch) > LARGEST_PATCH_VOXELS:
            raise ModelError(
                f"model.json: patches: patch must hold at most {LARGEST_PATCH_VOXELS} voxels, got {self.patch}: "
                "correct it there"
            )


@dataclass(frozen=True, kw_only=True)
class StageDescription:
    """One network of the model, its input, and the way it is run over a volume."""

    name: str
    """What the stage finds: "liver", "tumor" or "liver_and_tumor"; its network's classes follow (STAGES)."""
    network: str
    """Name in the registry of networks."""
    arguments: dict[str, Any]
    """Arguments of that network."""
    weights: str
    """File name of the stage's weights inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""
    phases: tuple[str, ...]
    """Phases that the network takes, in the order of its arguments."""
    intensity: IntensitySettings
    """From Hounsfield units to input values."""
    grid: GridSettings
    """The grid that the input lies on."""
    slices: SliceSettings | None = None
    """How a 2D or 2.5D network is run."""
    patches: PatchSettings | None = None
    """How a 3D network is run. A stage has either slices or patches."""
    mask_dilation_mm: float | None = None
    """For a tumor stage: what lies farther outside the coarse liver than this is set to 0; None masks nothing."""
    box_margin_mm: float = 4.0
    """For a tumor stage: how much more than that it sees around the coarse liver's box."""
    missing_phase: str = "refuse"
    """What to do without an arterial volume: "refuse", or "portal" to give the portal volume in its place."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: stage {self.name!r}: {problem}: correct it there")

    @property
    def classes(self) -> tuple[str, ...]:
        """What each channel of the network's output stands for."""
        return STAGES[self.name]

    @property
    def class_groups(self) -> dict[str, tuple[int, ...]]:
        """The channels of the network's output that make up "liver" and "tumor", as far as the stage finds them.

        A tumor is part of the liver: a network that separates both finds the liver in both channels.
        """
        groups = {}
        if "liver" in self.classes:
            groups["liver"] = tuple(i for i, name in enumerate(self.classes) if name in ("liver", "tumor"))
        if "tumor" in self.classes:
            groups["tumor"] = (self.classes.index("tumor"),)
        return groups

    def _problem(self) -> str | None:
        """Say what is wrong with the values, or None."""
        if self.name not in STAGES:
            return f"a stage is named {' or '.join(map(repr, STAGES))}"
        if not re.fullmatch(r"\w[\w. -]*\.safetensors", self.weights) or len(self.weights) > LONGEST_NAME:
            return (
                "weights must be the name of a .safetensors file beside model.json, of letters, digits, '-', '_' and "
                f"'.', at most {LONGEST_NAME}, got {shown(self.weights)}"
            )
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            return f"sha256 must be 64 hexadecimal digits, got {shown(self.sha256)}"
        if not self.phases or any(phase not in PHASES for phase in self.phases):
            return f"phases must be taken from {PHASES}, got {shown(self.phases)}"
        if self.phases[0] != "portal" or len(set(self.phases)) < len(self.phases):
            return f"phases must begin with 'portal' and name each phase once, got {shown(self.phases)}"
        if self.name != "tumor" and self.phases != ("portal",):
            return "a stage that finds the liver takes the portal phase alone; it is run on each phase"
        if self.name != "tumor" and self.intensity.liver_window_hu is not None:
            return (
                "liver_window_hu is for a tumor stage: where the liver is still to be found, it has no median"
            )
        if (self.slices is None) == (self.patches is None):
            return "give either slices (for a 2D or 2.5D network) or patches (for a 3D network)"
        if self.patches is not None and self.grid.in_plane_pixels is not None:
            return "a network that works in patches needs a spacing, not in_plane_pixels"
        for name, margin in (
            ("mask_dilation_mm", self.mask_dilation_mm),
            ("box_margin_mm", self.box_margin_mm),
        ):
            if not 0 <= (margin or 0) <= LARGEST_MARGIN_MM:
                return f"{name} must lie between 0 and {LARGEST_MARGIN_MM:g} mm, got {margin:g}"
        if self.missing_phase not in ("refuse", "portal"):
            return f"missing_phase must be 'refuse' or 'portal', got {shown(self.missing_phase)}"
        return self._channel_problem()

    def _channel_problem(self) -> str | None:
        """Say where the network's arguments do not fit the stage, or None. What is not given is the default."""
        classes = self.arguments.get("classes", len(self.classes))
        if classes != len(self.classes):
            return f"its classes are {', '.join(self.classes)}, and the network is built with {classes}"
        wanted = 2 * self.slices.neighbours + 1 if self.slices is not None else 1
        channels = self.arguments.get("in_channels", wanted)
        if channels != wanted:
            return f"it gives the network {wanted} channels a phase, and the network is built with {channels}"
        return None
