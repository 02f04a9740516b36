"""A stage of a model in `model.json`: its network, what it is given, and on which grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.earlier_arguments import with_earlier
from LiverTumorAttentionLib.models.imported_outputs import (
    PARTS_OF_LIVER,
    NetworkOutput,
    orientation_problem,
    outputs_problem,
)
from LiverTumorAttentionLib.models.limits import (
    LARGEST_MARGIN_MM,
    LARGEST_OVERLAP,
    LARGEST_PATCH_VOXELS,
    LARGEST_TILE,
    MOST_FOLDS,
    MOST_NEIGHBORS,
    MOST_SCALES,
    SMALLEST_SPACING_MM,
    SMALLEST_TILE,
)
from LiverTumorAttentionLib.models.monai_settings import MonaiSettings
from LiverTumorAttentionLib.models.nnunet_settings import NNUNetSettings
from LiverTumorAttentionLib.models.weights_file import WeightsFile, weights_problem

PHASES = ROLES
"""Phases that a network of another program can be given."""
OWN_PHASES = ("portal", "arterial")
"""Those of the networks of this program."""

STAGES: dict[str, tuple[str, ...]] = {
    "liver": ("background", "liver"),
    "tumor": ("background", "tumor"),
    "liver_and_tumor": ("background", "liver", "tumor"),
}
"""Stages, and the classes of their networks in order. Tumors are part of the liver."""


ONE_INTENSITY = "give either window_hu or percentiles or liver_window_hu, and only one of them"
_TILE_RANGE = f"{SMALLEST_TILE} to {LARGEST_TILE} pixels along each side"


def _is_tile(sides: tuple[int, int]) -> bool:
    return min(sides) >= SMALLEST_TILE and max(sides) <= LARGEST_TILE


@dataclass(frozen=True, kw_only=True)
class IntensitySettings:
    """How Hounsfield units become the network's input. One of the three is given, unless the stage comes from another
    program and has a block of its own for it."""

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
        if sum(value is not None for value in self._given()) > 1:
            return ONE_INTENSITY
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

    @property
    def is_given(self) -> bool:
        """Whether one of the three is."""
        return any(value is not None for value in self._given())

    def _given(self) -> tuple[object, ...]:
        return (self.window_hu, self.percentiles, self.liver_window_hu)


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


IMPORTED_KEYS = ("nnunet", "monai", "outputs", "activation", "orientation", "ensemble")
"""Of a stage whose network another program trained."""


@dataclass(frozen=True, kw_only=True)
class StageDescription:
    """One network of the model, its input, and the way it is run over a volume."""

    name: str
    """What the stage finds: "liver", "tumor" or "liver_and_tumor"; its network's classes follow (STAGES)."""
    network: str
    """Name in the registry of networks."""
    arguments: dict[str, Any]
    """Arguments of that network; those that were added later and are not named have their earlier values."""
    weights: str
    """File name of the stage's weights inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""
    phases: tuple[str, ...]
    """Phases that the network takes, in the order of its arguments."""
    intensity: IntensitySettings = field(default_factory=IntensitySettings)
    """From Hounsfield units to input values; not for a network of another program."""
    grid: GridSettings = field(default_factory=GridSettings)
    """The grid that the input lies on; not for a network of another program."""
    slices: SliceSettings | None = None
    """How a 2D or 2.5D network is run."""
    patches: PatchSettings | None = None
    """How a 3D network is run. A stage has slices or patches or nnunet or monai."""
    nnunet: NNUNetSettings | None = None
    """How a network that nnU-Net trained is run. Format 5."""
    monai: MonaiSettings | None = None
    """How a network that was trained with MONAI is run. Format 5."""
    outputs: tuple[NetworkOutput, ...] = ()
    """What each channel of the output of another program's network stands for, in order; () for those of STAGES. Format
    5."""
    activation: str = "softmax"
    """What makes probabilities of another program's outputs: "softmax" over classes, or "sigmoid" for each of regions
    that overlap. Format 5."""
    orientation: str = "LPS"
    """Where columns, rows and slices of the volume run to when another program's network is given it, as
    `SimpleITK.DICOMOrient` names it: that of its training data as that program read them. Format 5."""
    ensemble: tuple[WeightsFile, ...] = ()
    """Further weights of the same network, such as those of the other folds; the answers of all are averaged. Format
    5."""
    mask_dilation_mm: float | None = None
    """For a tumor stage: what lies farther outside the coarse liver than this is set to 0; None masks nothing."""
    box_margin_mm: float = 4.0
    """For a tumor stage: how much more than that it sees around the coarse liver's box."""
    missing_phase: str = "refuse"
    """What to do without the volume of a phase: "refuse", or "portal" to give the portal volume in its place."""

    def __post_init__(self) -> None:
        if isinstance(self.network, str) and isinstance(self.arguments, dict):
            object.__setattr__(self, "arguments", with_earlier(self.network, self.arguments))
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: stage {self.name!r}: {problem}: correct it there")

    @property
    def is_imported(self) -> bool:
        """Whether another program trained its network."""
        return self.nnunet is not None or self.monai is not None

    @property
    def finds_both_in_two_phases(self) -> bool:
        """Whether its network, of another program, finds liver and tumors in both phases at once.

        It is run twice: on each phase alone, given in the place of both, for the livers by which they are registered;
        then on both.
        """
        return self.is_imported and self.name == "liver_and_tumor" and len(self.phases) > 1

    @property
    def classes(self) -> tuple[str, ...]:
        """What each channel of the network's output stands for."""
        return tuple(output.meaning for output in self.outputs) or STAGES[self.name]

    @property
    def class_groups(self) -> dict[str, tuple[int, ...]]:
        """The channels of the network's output that make up "liver" and "tumor", as far as the stage finds them.

        A tumor is part of the liver: a network that separates both finds the liver in both channels.
        """
        found = {}
        for kind, members in (("liver", PARTS_OF_LIVER), ("tumor", ("tumor",))):
            if kind in STAGES[self.name]:
                found[kind] = tuple(i for i, name in enumerate(self.classes) if name in members)
        return found

    @property
    def weight_files(self) -> tuple[WeightsFile, ...]:
        """All files of weights that belong to it: its network's, and those of a network before it."""
        before = self.nnunet.previous if self.nnunet is not None else None
        own = (WeightsFile(weights=self.weights, sha256=self.sha256), *self.ensemble)
        return own if before is None else (*own, *before.weight_files)

    def _problem(self) -> str | None:
        """Say what is wrong with the values, or None."""
        if self.name not in STAGES:
            return f"a stage is named {' or '.join(map(repr, STAGES))}"
        problem = weights_problem(self.weights, self.sha256)
        if problem:
            return problem
        known = PHASES if self.is_imported else OWN_PHASES
        if not self.phases or any(phase not in known for phase in self.phases):
            return f"phases must be taken from {known}, got {shown(self.phases)}"
        if self.phases[0] != "portal" or len(set(self.phases)) < len(self.phases):
            return f"phases must begin with 'portal' and name each phase once, got {shown(self.phases)}"
        if self.name != "tumor" and self.phases != ("portal",) and not self.finds_both_in_two_phases:
            return "a stage that finds the liver takes the portal phase alone; it is run on each phase"
        if self.name != "tumor" and self.intensity.liver_window_hu is not None:
            return (
                "liver_window_hu is for a tumor stage: where the liver is still to be found, it has no median"
            )
        if sum(given is not None for given in (self.slices, self.patches, self.nnunet, self.monai)) != 1:
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
        return self._imported_problem() if self.is_imported else self._own_problem()

    def _own_problem(self) -> str | None:
        if not self.intensity.is_given:
            return f"intensity: {ONE_INTENSITY}"
        if self.outputs or self.ensemble or self.orientation != "LPS" or self.activation != "softmax":
            return "outputs, activation, orientation and ensemble are for networks of other programs alone"
        return self._channel_problem()

    def _imported_problem(self) -> str | None:
        if self.intensity.is_given or self.grid != GridSettings():
            return "intensity and grid are for networks of LiverTumorAttention alone"
        problem = orientation_problem(self.orientation) or outputs_problem(self.outputs, self.activation)
        if problem:
            return problem
        if not all(self.class_groups.values()):
            return (
                f"none of its outputs is the {next(k for k, found in self.class_groups.items() if not found)}"
            )
        names = [file.weights for file in self.weight_files]
        if len(set(names)) < len(names) or len(names) > 2 * MOST_FOLDS:
            return f"its files of weights have different names, at most {2 * MOST_FOLDS}, got {shown(names)}"
        if self.nnunet is not None:
            return self._nnunet_problem(self.nnunet)
        return None if self.monai is None else self._monai_problem(self.monai)

    def _monai_problem(self, settings: MonaiSettings) -> str | None:
        if set(settings.channels) != set(self.phases):
            return f"its channels show {', '.join(settings.channels)}, and its phases are {', '.join(self.phases)}"
        given = self.arguments.get("settings")
        for key, wanted in (("out_channels", len(self.outputs)), ("in_channels", len(settings.channels))):
            if not isinstance(given, dict) or given.get(key) != wanted:
                return f"its network needs settings with {key} {wanted}, got {shown(given)}"
        return None

    def _nnunet_problem(self, settings: NNUNetSettings) -> str | None:
        before = settings.previous
        runs = [(self.arguments, settings.run)] + ([] if before is None else [(before.arguments, before.run)])
        labels = {label for output in self.outputs for label in output.labels if label}
        for number, (arguments, run) in enumerate(runs):
            phases = {channel.phase for channel in run.channels}
            if phases != set(self.phases):
                return f"its channels show {', '.join(sorted(phases))}, and its phases are {', '.join(self.phases)}"
            channels = len(run.channels) + (len(labels) if number == 0 and before is not None else 0)
            for key, wanted in (("classes", len(self.outputs)), ("in_channels", channels)):
                if arguments.get(key) != wanted:
                    return f"its networks need {key} {wanted}, got {shown(arguments.get(key))}"
        return None

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
