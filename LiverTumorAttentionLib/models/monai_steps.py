"""Steps of a MONAI model before and after its network: what each of MONAI's transforms does to a volume, as settings.

A step is written into `model.json` as an object whose key "step" names it. Arrays are (channel, i, j, k), i, j and k
along the axes that the stage's orientation names, as MONAI has them. `inference/monai` carries the steps out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, shown
from LiverTumorAttentionLib.errors import ModelError

SMALLEST_SPACING_MM, LARGEST_SPACING_MM = 0.2, 50.0
LARGEST_SIDE = 4096
PADDINGS = ("constant", "reflect", "replicate", "circular")


@dataclass(frozen=True, kw_only=True)
class Spacing:
    """`Spacingd`: linear resampling to a voxel size, the centers of the first voxels staying where they are."""

    spacing_mm: tuple[float | None, float | None, float | None]
    """Voxel size along i, j and k; None keeps the volume's own."""

    def __post_init__(self) -> None:
        given = [side for side in self.spacing_mm if side is not None]
        if any(not SMALLEST_SPACING_MM <= side <= LARGEST_SPACING_MM for side in given):
            raise _wrong(
                f"spacing: spacing_mm must lie between {SMALLEST_SPACING_MM:g} and {LARGEST_SPACING_MM:g}",
                self.spacing_mm,
            )


@dataclass(frozen=True, kw_only=True)
class ScaleRange:
    """`ScaleIntensityRanged`: the straight line that takes a range of HU to a range of input values."""

    source: tuple[float, float]
    """The range in HU."""
    target: tuple[float, float] = (0.0, 1.0)
    """What its ends become."""
    clip: bool = False
    """Whether what lies outside becomes the nearer end."""

    def __post_init__(self) -> None:
        if self.source[0] == self.source[1]:
            raise _wrong("scale_range: source must have two ends", self.source)


@dataclass(frozen=True, kw_only=True)
class ScalePercentiles:
    """`ScaleIntensityRangePercentilesd`: the same for a range that the volume's percentiles give."""

    percentiles: tuple[float, float]
    """Lower and upper, 0 to 100."""
    target: tuple[float, float]
    """What they become."""
    clip: bool = False
    """Whether what lies outside becomes the nearer end."""
    relative: bool = False
    """Whether `target` stands for the percentiles 0 and 100."""
    channel_wise: bool = False
    """Whether each channel has its own percentiles."""

    def __post_init__(self) -> None:
        if not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise _wrong(
                "scale_percentiles: percentiles must rise and lie between 0 and 100", self.percentiles
            )


@dataclass(frozen=True, kw_only=True)
class ZScore:
    """`NormalizeIntensityd`: minus a mean, divided by a standard deviation."""

    nonzero: bool = False
    """Whether only values that are not 0 count and change."""
    channel_wise: bool = False
    """Whether each channel has its own mean and deviation."""
    mean: tuple[float, ...] | None = None
    """The mean, one or one a channel; None takes the volume's."""
    deviation: tuple[float, ...] | None = None
    """The deviation, likewise."""


@dataclass(frozen=True, kw_only=True)
class ScaleExtremes:
    """`ScaleIntensityd`: the volume's lowest and highest value become the ends of a range."""

    target: tuple[float, float] = (0.0, 1.0)
    """The range."""
    channel_wise: bool = False
    """Whether each channel has its own extremes."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """`ThresholdIntensityd`: what lies on the wrong side of a value becomes another one."""

    threshold: float
    """The value."""
    above: bool = True
    """Whether what lies above it is kept; otherwise what lies below."""
    otherwise: float = 0.0
    """What the rest becomes."""


@dataclass(frozen=True, kw_only=True)
class CropForeground:
    """`CropForegroundd`: the box of all values above 0; what is outside of it is background in the result."""

    margin: tuple[int, int, int] = (0, 0, 0)
    """Voxels that are added on both sides; the box is not larger than the volume."""


@dataclass(frozen=True, kw_only=True)
class PadTo:
    """`SpatialPadd`: filled up to a size with a value, on both sides alike or at the far end."""

    size: tuple[int, int, int]
    """Voxels along i, j and k; 0 leaves an axis as it is."""
    symmetric: bool = True
    """Whether both sides get half of it; the far side gets the odd voxel."""
    value: float = 0.0
    """The value."""

    def __post_init__(self) -> None:
        if any(not 0 <= side <= LARGEST_SIDE for side in self.size):
            raise _wrong(f"pad_to: size must lie between 0 and {LARGEST_SIDE}", self.size)


Step = Spacing | ScaleRange | ScalePercentiles | ZScore | ScaleExtremes | Threshold | CropForeground | PadTo
STEPS: dict[str, type[Step]] = {
    "spacing": Spacing,
    "scale_range": ScaleRange,
    "scale_percentiles": ScalePercentiles,
    "z_score": ZScore,
    "scale_extremes": ScaleExtremes,
    "threshold": Threshold,
    "crop_foreground": CropForeground,
    "pad_to": PadTo,
}
"""The steps by their names in `model.json`."""


def step_from(values: object) -> Step:
    """Return a step from its object in `model.json`. Raises `ModelError` naming what is unknown or wrong."""
    if not isinstance(values, Mapping) or values.get("step") not in STEPS:
        name = values.get("step") if isinstance(values, Mapping) else values
        raise ModelError(f"model.json: steps: {shown(name)} is not known{nearest(str(name), STEPS)}")
    kind = STEPS[values["step"]]
    given = {key: value for key, value in values.items() if key != "step"}
    return from_mapping(kind, given, where=f"model.json: steps: {values['step']}", error=ModelError)


def step_values(step: Step) -> dict[str, Any]:
    """Return the object that `step_from` reads."""
    name = next(name for name, kind in STEPS.items() if type(step) is kind)
    return {"step": name, **asdict(step)}


def _wrong(what: str, got: object) -> ModelError:
    return ModelError(f"model.json: {what}, got {shown(got)}: correct it there")
